"""The detector is what scikit-learn's tools expect of an outlier detector."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

import keras_vae as kv
from keras_vae.anomaly import VAEDetector

QUICK = {"max_steps": 2, "num_models": 1, "num_samples": 2, "latent_dim": 2}


def quick(**options):
    return VAEDetector(**{**QUICK, "random_state": 0, **options})


@pytest.mark.on_torch
def test_scikit_learn_checks_it():
    failed = [result for result in check_estimator(quick(), on_fail=None) if result["status"] == "failed"]
    assert not failed, "\n".join(f"{result['check_name']}: {result['exception']}" for result in failed)


def rows_and_odd(count=120):
    """Rows on a line, and rows beside it whose columns are ordinary one by one."""
    rng = np.random.default_rng(0)
    t = rng.normal(size=(count, 1))
    x = t * [1.0, -1.0, 2.0] + 0.05 * rng.normal(size=(count, 3)) + [5.0, 0.0, -3.0]
    odd = x[:20].copy()
    odd[:, 1] *= -1.0
    odd = odd[np.abs(odd[:, 1]) > 0.5]
    return x, odd


@pytest.fixture(scope="module")
def fitted():
    x, odd = rows_and_odd()
    return VAEDetector(num_models=2, max_steps=400, latent_dim=2, random_state=0).fit(x), x, odd


def test_odd_rows_are_found(fitted):
    detector, x, odd = fitted
    new = rows_and_odd(200)[0][120:]
    labels = np.repeat([1, 0], [len(new), len(odd)])
    assert roc_auc_score(labels, detector.score_samples(np.concatenate([new, odd]))) > 0.97
    assert (detector.predict(odd) == -1).mean() > 0.8
    assert (detector.predict(new) == -1).mean() < 0.3
    np.testing.assert_allclose(detector.decision_function(x), detector.score_samples(x) - detector.offset_)


def test_a_row_has_one_score_whatever_stands_beside_it(fitted):
    detector, x, _ = fitted
    everything = detector.score_samples(x)
    np.testing.assert_allclose(detector.score_samples(x[7:8]), everything[7:8], rtol=1e-6)
    np.testing.assert_allclose(detector.score_samples(x[::-1])[::-1], everything, rtol=1e-6)


def test_it_pickles(fitted):
    detector, x, _ = fitted
    copy = pickle.loads(pickle.dumps(detector))
    np.testing.assert_allclose(copy.score_samples(x[:5]), detector.score_samples(x[:5]), rtol=1e-6)
    assert copy.networks_[0].vae is copy.vae_


@pytest.mark.parametrize("options", [{"score_function": "likelihood_ratio"}, {"num_models": 4}])
def test_the_model_is_that_of_the_first_network(options):
    x, _ = rows_and_odd(30)
    detector = quick(max_steps=5, **options)
    assert not hasattr(detector, "vae_")
    detector.fit(x)
    for _ in range(2):
        for mine, first in zip(detector.vae_.get_weights(), detector.networks_[0].weights, strict=True):
            np.testing.assert_array_equal(mine, first)
        detector.score_samples(x)


def test_progress_is_shown_on_request(capsys):
    x, _ = rows_and_odd(30)
    quick().fit(x)
    assert not capsys.readouterr().out
    quick(verbose=1).fit(x)
    assert "ms/step" in capsys.readouterr().out


def test_equal_seeds_give_equal_detectors():
    x, _ = rows_and_odd(40)
    first, second = (quick(max_steps=20, num_models=2).fit(x) for _ in range(2))
    np.testing.assert_array_equal(first.score_samples(x), second.score_samples(x))
    other = quick(max_steps=20, num_models=2, random_state=1).fit(x)
    assert not np.allclose(first.score_samples(x), other.score_samples(x))


@pytest.mark.on_torch
def test_models_of_one_fit_differ(fitted):
    detector, x, _ = fitted
    scores = detector._scores(detector.prepare(x))
    assert scores.shape == (3, len(x))  # that of independent columns is the last
    assert not np.allclose(scores[0], scores[1])
    np.testing.assert_allclose(detector.weights_ @ scores, detector.score_samples(x), rtol=1e-6)
    np.testing.assert_allclose(detector.weights_.sum(), 1.0)


@pytest.mark.on_torch
def test_another_score_of_the_same_models(fitted):
    detector, x, _ = fitted
    other = detector.with_score("latent_distance", x)
    assert other.networks_[0] is detector.networks_[0]
    assert (other.score_samples(x) <= 0).all()
    assert detector.score_function == "elbo"
    with pytest.raises(ValueError, match="must hold the rows of `fit`"):
        detector.with_score("elbo", x[:5])


@pytest.mark.on_torch
def test_contamination_is_a_share_of_the_training_rows():
    x, _ = rows_and_odd(50)
    detector = quick(contamination=0.2)
    assert (detector.fit_predict(x) == -1).sum() == 10


@pytest.mark.on_torch
def test_pipelines_clones_and_searches():
    x, odd = rows_and_odd(60)
    every, y = np.concatenate([x, odd]), np.repeat([1, 0], [60, len(odd)])
    pipeline = make_pipeline(FunctionTransformer(), quick())
    pipeline.fit(x)
    assert pipeline.decision_function(odd).shape == (len(odd),)
    assert clone(quick(latent_dim=3)).latent_dim == 3

    def area(detector, x, y):
        return roc_auc_score(y, detector.score_samples(x))

    search = GridSearchCV(quick(), {"latent_dim": [1, 2]}, scoring=area, cv=StratifiedKFold(2)).fit(every, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.on_torch
def test_a_network_as_argument_is_left_alone():
    encoder = kv.encoders.MLP((4,))
    detector = quick(encoder=encoder)
    x, _ = rows_and_odd(20)
    detector.fit(x).fit(x)
    assert not encoder.built
    assert clone(detector).encoder is not detector.vae_.encoder
    assert detector.vae_.encoder.stack.get_config()["hidden_units"] in ((4,), [4])


@pytest.mark.on_torch
def test_what_pyod_expects_of_a_detector():
    pytest.importorskip("pyod")
    from pyod.utils.utility import standardizer

    from keras_vae.anomaly import PyODDetector

    x, odd = rows_and_odd(60)
    detector = PyODDetector(quick(max_steps=20), contamination=0.1).fit(x)
    assert detector.labels_.sum() == 6
    np.testing.assert_allclose(detector.decision_function(x), detector.decision_scores_)
    assert detector.predict_proba(odd).shape == (len(odd), 2)
    assert detector.predict_confidence(odd).max() <= 1.0
    assert standardizer(detector.decision_scores_[:, None]).shape == (60, 1)
    assert clone(detector).contamination == 0.1
    with pytest.raises(ValueError, match="contamination"):
        PyODDetector(contamination=0.9)


@pytest.mark.on_torch
def test_inside_of_feature_bagging_and_combinations():
    pytest.importorskip("pyod")
    pytest.importorskip("combo", reason="PyOD's combinations need it: pip install combo")
    from pyod.models.combination import average
    from pyod.models.feature_bagging import FeatureBagging

    from keras_vae.anomaly import PyODDetector

    x, odd = rows_and_odd(60)
    bagged = FeatureBagging(PyODDetector(quick()), n_estimators=2, random_state=0).fit(x)
    scores = bagged.decision_function(odd)
    assert scores.shape == (len(odd),)
    assert average(np.stack([scores, scores], axis=1)) == pytest.approx(scores)
