"""Bad input is refused in words, or follows a rule that is documented."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from keras_vae.anomaly import VAEDetector

X = np.random.default_rng(0).normal(size=(30, 3))
OPTIONS = {"max_steps": 2, "num_models": 1, "num_samples": 2, "random_state": 0}


def detector(**options):
    return VAEDetector(**{**OPTIONS, **options})


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("score_function", "likelihood"),
        ("contamination", 0.7),
        ("contamination", 0),
        ("contamination", "some"),
        ("kind", "sound"),
        ("num_models", 0),
        ("num_samples", 1.5),
        ("max_steps", -1),
        ("batch_size", 0),
        ("latent_dim", "16"),
        ("patience", None),
        ("learning_rate", 0.0),
        ("validation_fraction", 1.0),
        ("validation_fraction", -0.1),
    ],
)
def test_arguments(argument, value):
    with pytest.raises(ValueError, match=rf"Argument `{argument}` must .*Received: .*{argument}="):
        detector(**{argument: value}).fit(X)


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.where(np.arange(3) == 1, np.nan, X), "NaN"),
        (np.where(np.arange(3) == 1, np.inf, X), "infinity"),
        (X[:1], "minimum of 2"),
        (X[:, 0], "Expected 2D array"),
        (csr_array(X), "[Ss]parse"),
        (np.array([["a", "b"], ["c", "d"]]), "could not convert|numeric"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}), "could not convert"),
        (X * 1e200, "squares are finite"),
        (np.zeros((4, 2, 2, 2, 2)), "must be a table"),
    ],
)
def test_rows(x, message):
    with pytest.raises((ValueError, TypeError), match=message):
        detector().fit(x)


@pytest.mark.refusals
def test_empty_rows_and_columns():
    column, row = X.copy(), X.copy()
    column[:, 2], row[4] = np.nan, np.nan
    with pytest.raises(ValueError, match=r"a value in every column. Received: only NaN in column 2"):
        detector(allow_nan=True).fit(column)
    with pytest.raises(ValueError, match=r"a value in every row. Received: only NaN in row 4"):
        detector(allow_nan=True).fit(row)


def test_other_columns_and_shapes():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    fitted = detector().fit(frame)
    assert list(fitted.feature_names_in_) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame.rename(columns={"b": "z"}))
    with pytest.raises(ValueError, match="features"):
        fitted.predict(X[:, :2])
    series = detector().fit(np.zeros((10, 4, 2)) + np.arange(10)[:, None, None])
    with pytest.raises(ValueError, match=r"the shape of those in `fit`, \(4, 2\). Received: rows of shape \(4, 3\)"):
        series.predict(np.zeros((2, 4, 3)))


@pytest.mark.one_backend
def test_constant_columns_keep_their_units():
    x = X.copy()
    x[:, 1] = 7.0
    fitted = detector().fit(x)
    assert fitted.standardisation_.spread[1] == 1.0
    np.testing.assert_array_equal(fitted.prepare(x)[:, 1], 0.0)
    x[0, 1] = 9.0
    assert fitted.prepare(x)[0, 1] == 2.0
    assert np.isfinite(fitted.score_samples(np.full((1, 3), 1e300))).all()


def test_missing_values_count_as_usual():
    holes = np.random.default_rng(1).random(X.shape) < 0.1
    fitted = detector(allow_nan=True, max_steps=60).fit(np.where(holes, np.nan, X))
    x = X[:5].copy()
    x[:, 1] = np.nan
    shares = fitted.explain(x)
    np.testing.assert_array_equal(shares[:, 1], 0.0)
    # A row without any value: the usual log-likelihood, and a KL.
    empty = fitted.score_samples(np.full((1, 3), np.nan))[0]
    assert empty <= fitted.usual_[0].sum() + 1e-3
    assert abs(fitted.score_samples(x).mean() - fitted.score_samples(X[:5]).mean()) < 3.0


@pytest.mark.one_backend
def test_kinds_of_rows():
    grey = np.random.default_rng(0).integers(0, 255, (12, 6, 5), "uint8")
    assert detector().fit(grey).standardisation_.kind == "image"
    assert detector().fit(grey.astype("float32")).standardisation_.kind == "series"
    assert detector(kind="image").fit(grey / 255.0).vae_.data_shape == (6, 5, 1)
    large = np.random.default_rng(0).integers(0, 255, (12, 16, 16, 3), "uint8")
    fitted = detector(kind="image").fit(large)
    assert type(fitted.vae_.encoder).__name__ == "Conv"
    assert fitted.explain(large[:2]).shape == (2, 16, 16, 3)
    with pytest.raises(ValueError, match="kind='table'"):
        detector(kind="table").fit(grey)
