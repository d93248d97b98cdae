"""The search space, and searches of a few tiny trials."""

import warnings

import keras
import keras_tuner
import numpy as np
import pytest

import keras_vae as kv
from tests.models.small import vectors

pytestmark = pytest.mark.eager

X, HELD_OUT = vectors(64), vectors(32, seed=1)
SMALL = {"encoder": kv.encoders.MLP((8,)), "decoder": kv.decoders.MLP((8,)), "seed": 0}


def hyper_vae(**options):
    return kv.tuning.HyperVAE((6,), **{"latent_dims": (2,), "learning_rate": 1e-3, **SMALL, **options})


def test_values_of_the_hyperparameters_reach_the_model():
    hyper = hyper_vae(
        priors={"standard": "standard", "mixture of 3": lambda: kv.priors.Mixture(3)},
        latent_dims=(2, 4),
        learning_rate=(1e-4, 1e-2),
        beta=(0.5, 2.0),
    )
    hp = keras_tuner.HyperParameters()
    hyper.build(hp)
    assert set(hp.values) == {"prior", "latent_dim", "learning_rate", "beta"}
    hp.values.update({"prior": "mixture of 3", "latent_dim": 4, "learning_rate": 0.004, "beta": 0.7})
    vae = hyper.build(hp)
    assert vae.prior.components == 3
    assert vae.encode(X).shape == (64, 4)
    assert float(vae.optimizer.learning_rate) == pytest.approx(0.004)
    assert float(vae.objective.get_config()["beta"]) == pytest.approx(0.7)
    assert vae.encoder is not hyper.build(hp).encoder  # an instance is copied


def test_levels_of_latents():
    hyper = hyper_vae(priors="hierarchical", latent_dims=((3, 2), (4, 2)))
    hp = keras_tuner.HyperParameters()
    hyper.build(hp)
    hp.values["latent_dim"] = "(4, 2)"
    assert [z.shape for z in hyper.build(hp).encode(X[:3])] == [(3, 4), (3, 2)]


@pytest.mark.parametrize("metric", ["val_elbo", "val_log_likelihood"])
def test_search_keeps_the_best_model(tmp_path, metric):
    hyper = hyper_vae(priors=("standard", "vamp"), beta=4.0, metric=metric, num_samples=8, rows=16)
    tuner = keras_tuner.GridSearch(hyper, hyper.objective, directory=tmp_path)
    tuner.search(X, validation_data=HELD_OUT, epochs=2, batch_size=32, verbose=0)
    rows = kv.tuning.trials(tuner)
    assert [row["prior"] for row in rows] in (["standard", "vamp"], ["vamp", "standard"])
    assert rows[0][metric] >= rows[1][metric]
    assert all(row["epoch"] in (1, 2) for row in rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # the state of the optimizer fits, too
        (best,) = tuner.get_best_models(1)
    if metric == "val_elbo":
        # beta is 4 in the loss, and 1 in the bound
        assert best.elbo(HELD_OUT, num_samples=50, seed=0).mean() == pytest.approx(rows[0][metric], abs=0.5)
    else:
        found = best.log_likelihood(HELD_OUT[:16], num_samples=8, seed=0).mean()
        assert found == pytest.approx(rows[0][metric], abs=1e-3)
    best.save(tmp_path / "best.keras")
    again = keras.saving.load_model(tmp_path / "best.keras")
    np.testing.assert_allclose(again.predict(X), best.predict(X), atol=1e-6)


@pytest.mark.on_torch
def test_the_logged_bound_does_not_depend_on_beta():
    logs = []
    for beta in (1.0, 8.0):
        hyper = hyper_vae(priors="standard", beta=beta, learning_rate=1e-8)
        keras.utils.set_random_seed(0)
        vae = hyper.build(keras_tuner.HyperParameters())
        logs.append(hyper.fit(None, vae, X, validation_split=0.25, epochs=1, verbose=0).history)
    assert logs[0]["val_elbo"] == pytest.approx(logs[1]["val_elbo"], rel=1e-4)
    assert logs[0]["val_elbo"][0] == pytest.approx(-logs[0]["val_loss"][0], rel=1e-4)


@pytest.mark.on_torch
def test_a_combination_that_does_not_build_is_a_failed_trial(tmp_path):
    hyper = hyper_vae(priors=("standard", "uniform_sphere"))  # which a Gaussian posterior does not fit
    tuner = keras_tuner.GridSearch(hyper, hyper.objective, directory=tmp_path, max_consecutive_failed_trials=2)
    tuner.search(X, validation_data=HELD_OUT, epochs=1, verbose=0)
    rows = kv.tuning.trials(tuner)
    assert [row["prior"] for row in rows] == ["standard", "uniform_sphere"]
    assert rows[1]["val_elbo"] is None
    assert rows[1]["epoch"] is None


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("call", "error", "fragment"),
    [
        (lambda: hyper_vae(priors=("standard", "vampp")), ValueError, "Did you mean 'vamp'"),
        (lambda: hyper_vae(priors=()), ValueError, "`priors` must be a sequence of names"),
        (lambda: hyper_vae(priors=(kv.priors.Standard(),)), ValueError, "needs a label"),
        (lambda: hyper_vae(latent_dims=()), ValueError, "`latent_dims` must be a sequence"),
        (lambda: hyper_vae(learning_rate=(1e-2, 1e-4)), ValueError, "the lower first"),
        (lambda: hyper_vae(learning_rate=(1e-2, 1e-4, 1.0)), ValueError, "a number or"),
        (lambda: hyper_vae(beta=-1.0), ValueError, "`beta` must be a finite number > 0"),
        (lambda: hyper_vae(metric="val_loss"), ValueError, "`metric` must be one of"),
        (lambda: hyper_vae(latent_dim=3), ValueError, "`latent_dims` chooses what `latent_dim` fixes"),
        (lambda: hyper_vae(encoders="mlp"), ValueError, "`encoders` chooses what `encoder` fixes"),
        (lambda: hyper_vae(likelyhood="gaussian"), TypeError, "no argument 'likelyhood'"),
        (lambda: hyper_vae(objective="elbo", beta=2.0), ValueError, "Leave one out"),
        (lambda: hyper_vae().fit(None, None, X), ValueError, "no validation_data"),
    ],
)
def test_errors_say_what_is_expected(call, error, fragment):
    with pytest.raises(error, match=fragment):
        call()
