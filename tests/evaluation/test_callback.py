"""Evaluation functions at the end of epochs."""

import csv
import functools

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

X = vectors(48)


def fit(functions, epochs=3, every=1, callbacks=(), **kwargs):
    keras.utils.set_random_seed(0)
    vae = compiled(small_vae())
    watch = [kv.callbacks.Evaluation(functions, X[:16], every, **kwargs)] if functions else []
    return vae, vae.fit(X, epochs=epochs, callbacks=[*watch, *callbacks], verbose=0, shuffle=False).history


def test_numbers_are_those_of_the_trained_model_and_training_is_the_same():
    seen = []

    def bias(vae, x):
        seen.append(keras.ops.convert_to_numpy(vae.trainable_weights[0]).copy())
        return float(vae.elbo(x, seed=0).mean())

    vae, history = fit([bias, "active_units", functools.partial(kv.evaluation.kl_per_dimension, seed=0)])
    plain, alone = fit(None)
    np.testing.assert_array_equal(history["loss"], alone["loss"])
    for weight, other in zip(vae.trainable_weights, plain.trainable_weights, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (weight, other)))
    assert not np.array_equal(seen[0], seen[1])  # those of the epoch, on JAX too
    np.testing.assert_array_equal(seen[-1], keras.ops.convert_to_numpy(vae.trainable_weights[0]))
    assert history["bias"][-1] == pytest.approx(float(vae.elbo(X[:16], seed=0).mean()), abs=1e-4)
    assert history["kl"][-1] == pytest.approx(kv.evaluation.kl_per_dimension(vae, X[:16], seed=0).total, abs=1e-5)
    assert history["active_units"][-1] == kv.evaluation.active_units(vae, X[:16]).summary()["active_units"]


@pytest.mark.eager
def test_names_every_and_other_callbacks(tmp_path):
    log = tmp_path / "log.csv"
    functions = {"bound": "elbo", "latents": "kl_per_dimension", "pair": lambda vae, x: {"one": 1, "two": np.ones(3)}}
    stop = keras.callbacks.EarlyStopping(monitor="val_one", patience=1, mode="max")
    _, history = fit(functions, 9, 1, [stop, keras.callbacks.CSVLogger(log)], prefix="val_")
    assert len(history["loss"]) == 2  # it does not improve
    assert {"val_bound", "val_latents_kl", "val_one", "val_two"} <= set(history)
    with log.open() as lines:
        assert float(list(csv.DictReader(lines))[-1]["val_bound"]) == pytest.approx(history["val_bound"][-1])


@pytest.mark.eager
def test_every_few_epochs():
    _, history = fit("active_units", 5, 2)
    first, again, second, same, _ = history["active_units"]  # so that curves and early stopping count epochs
    assert (first, second) == (again, same)
    calls = []
    fit({"count": lambda vae, x: calls.append(1) or len(calls)}, 5, 2)
    assert len(calls) == 3


@pytest.mark.eager
def test_samples_are_compared_with_the_data():
    _, history = fit(["frechet_distance", "precision_recall"], 1)
    assert {"frechet_distance", "precision", "recall", "density", "coverage"} <= set(history)


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ("fid", "names out of .*frechet_distance"),
        ([], "`functions` must be names"),
        (3, "`functions` must be names"),
        (["elbo", kv.inference.elbo], "two functions of one name"),
    ],
)
def test_bad_functions_are_refused(functions, message):
    with pytest.raises(ValueError, match=message):
        kv.callbacks.Evaluation(functions, X)


@pytest.mark.refusals
def test_a_result_that_is_no_number_is_refused():
    watch = kv.callbacks.Evaluation({"text": lambda vae, x: "good"}, X)
    watch.set_model(small_vae())
    with pytest.raises(ValueError, match="'text' must return a number"):
        watch.on_epoch_end(0, {})
    with pytest.raises(ValueError, match="`every` must be"):
        kv.callbacks.Evaluation("elbo", X, every=0)
