"""The estimators are what scikit-learn takes for one, and work in its tools."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from keras_vae.tables import VAEImputer, VAETable

SMALL = {"max_steps": 2, "hidden_units": (8,), "num_samples": 8, "batch_size": 8, "random_state": 0}


@pytest.mark.on_torch
@pytest.mark.parametrize("estimator", [VAETable, VAEImputer])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks_pass(estimator):
    check_estimator(estimator(**SMALL))


def rows():
    x = np.random.default_rng(0).normal(size=(40, 3))
    x[::4, 0] = np.nan
    return x


@pytest.mark.eager
def test_a_pickle_is_the_same_estimator():
    x = rows()
    table = VAETable(**SMALL).fit(x)
    again = pickle.loads(pickle.dumps(table))
    np.testing.assert_array_equal(again.score_samples(x), table.score_samples(x))
    np.testing.assert_array_equal(again.impute(x), table.impute(x))
    np.testing.assert_array_equal(again.sample(3, seed=1), table.sample(3, seed=1))


@pytest.mark.eager
def test_the_same_random_state_gives_the_same_model_and_leaves_the_users_alone():
    import random

    x = rows()
    state, of_numpy = random.getstate(), np.random.get_state()[1].copy()
    first = VAETable(**SMALL).fit(x).score_samples(x)
    assert random.getstate() == state
    assert np.array_equal(np.random.get_state()[1], of_numpy)
    np.testing.assert_allclose(VAETable(**SMALL).fit(x).score_samples(x), first, rtol=1e-5)
    other = VAETable(**{**SMALL, "random_state": 1}).fit(x).score_samples(x)
    assert not np.allclose(other, first)


@pytest.mark.eager
def test_names_of_outputs():
    x = pd.DataFrame(rows(), columns=["a", "b", "c"])
    table = VAETable(2, **SMALL).fit(x)
    assert list(table.get_feature_names_out()) == ["vaetable0", "vaetable1"]
    latents = table.set_output(transform="pandas").transform(x)
    assert list(latents.columns) == ["vaetable0", "vaetable1"]
    imputer = VAEImputer(**SMALL).fit(x)
    assert list(imputer.get_feature_names_out()) == ["a", "b", "c"]
    assert list(imputer.transform(x).columns) == ["a", "b", "c"]


@pytest.mark.eager
def test_in_a_pipeline():
    x, y = rows(), np.arange(40.0)
    model = make_pipeline(VAEImputer(**SMALL), LinearRegression()).fit(x, y)
    assert model.predict(x).shape == (40,)
    assert make_pipeline(VAETable(2, **SMALL), LinearRegression()).fit(x, y).predict(x).shape == (40,)


@pytest.mark.on_torch
def test_a_grid_is_searched_by_the_likelihood():
    search = GridSearchCV(VAETable(**SMALL), {"latent_dim": [1, 2]}, cv=2).fit(rows())
    assert search.best_params_["latent_dim"] in (1, 2)
    assert np.all(np.isfinite(search.cv_results_["mean_test_score"]))


@pytest.mark.on_torch
def test_clones_are_not_fitted():
    kinds = {"x0": "number"}
    table = clone(VAETable(3, kinds=kinds, prior="vamp"))
    assert table.get_params()["latent_dim"] == 3
    assert table.get_params()["kinds"] == kinds
    for method in ("impute", "transform", "score_samples"):
        with pytest.raises(NotFittedError):
            getattr(table, method)(rows())
    with pytest.raises(NotFittedError):
        table.sample(3)
    with pytest.raises(NotFittedError):
        table.describe()
