"""One result on every backend: what is proven of a component on one of them holds on the others.

Every case of the contract gets the same weights, the same data and the same noise, takes two steps of training, and its
losses are compared with those in `same_on_every_backend.json`. Statistics, integrals and the behaviour of tools can
therefore be tested once, on torch, which compiles nothing.

    KERAS_BACKEND=torch python -m tests.golden.test_same_on_every_backend

writes the file anew, after a case was added or its component was changed on purpose.
"""

import contextlib
import json
import pathlib
from unittest import mock

import keras
import numpy as np
import pytest
from keras import ops

from keras_vae.testing.subject import with_condition
from tests.contracts.cases import CASES, VARIANTS, subject_of

FILE = pathlib.Path(__file__).with_name("same_on_every_backend.json")
# Samplers are fitted to latents: scikit-learn does it, or `fit`, and what they draw is what their priors draw.
NAMES = [
    f"{family}/{name}"
    for (family, name), case in sorted({**CASES, **VARIANTS}.items())
    if family != "samplers" and "only_on" not in case
]
TOLERANCE = {"float32": {"rel": 2e-4, "abs": 2e-5}, "mixed_float16": {"rel": 2e-2, "abs": 1e-2}}
if keras.backend.backend() == "tensorflow":
    TOLERANCE.pop("mixed_float16")  # tests/contracts compiles that there


def fixed(draw):
    """A function of `keras.random` whose draws depend on nothing but their shape."""

    def function(shape, *args, dtype=None, seed=None, **kwargs):
        shape = tuple(int(size) for size in shape)
        values = draw(np.random.default_rng([7, *shape]), shape, *args, **kwargs)
        return ops.cast(ops.convert_to_tensor(values), dtype or ("int32" if values.dtype.kind == "i" else "float32"))

    return function


def fixed_categorical(logits, num_samples, dtype="int32", seed=None):
    """By the Gumbel trick, of fixed noise."""
    shape = (int(logits.shape[0]), num_samples, int(logits.shape[1]))
    noise = np.random.default_rng([7, *shape]).gumbel(size=shape).astype("float32")
    return ops.cast(ops.argmax(ops.cast(logits, "float32")[:, None] + noise, axis=-1), dtype)


@contextlib.contextmanager
def fixed_noise():
    with contextlib.ExitStack() as stack:
        for name, function in {
            "normal": fixed(lambda rng, shape, mean=0.0, stddev=1.0: mean + stddev * rng.standard_normal(shape)),
            "uniform": fixed(lambda rng, shape, minval=0.0, maxval=1.0: rng.uniform(minval, maxval, shape)),
            "randint": fixed(lambda rng, shape, minval, maxval: np.asarray(rng.integers(minval, maxval, shape))),
            "categorical": fixed_categorical,
        }.items():
            stack.enter_context(mock.patch.object(keras.random, name, function))
        yield


@contextlib.contextmanager
def nothing_traced():
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def without_layers_of_noise(vae):
    """Keras' own layers draw from the backend."""
    for layer in vae._flatten_layers():
        for argument in ("rate", "stddev", "dropout", "recurrent_dropout"):
            wraps_another = isinstance(getattr(type(layer), argument, None), property)
            if isinstance(getattr(layer, argument, None), float) and not wraps_another:
                setattr(layer, argument, 0.0)


def result_of(name, policy="float32"):
    """What `fit` logs before the first step of training, and after one and two."""
    subject = subject_of(*name.split("/", 1))
    vae, x = subject.model(policy)
    without_layers_of_noise(vae)
    rng = np.random.default_rng(0)
    for weight in vae.trainable_weights:
        weight.assign(0.3 * rng.standard_normal(tuple(weight.shape)).astype("float32"))
    inputs = with_condition(vae, x)
    with fixed_noise(), nothing_traced():
        # Only JAX compiles: it would compile every operation otherwise.
        eagerly = keras.backend.backend() != "jax"
        optimizer = keras.optimizers.SGD(0.05, clipnorm=1.0)
        if policy == "mixed_float16":  # Keras' own initial scale overflows in places, and then a step is left out
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=16.0)
        vae.compile(optimizer, run_eagerly=eagerly)
        y = np.zeros((len(x), 1), "float32") if vae.objective.uses_y else None
        return vae.fit(inputs, y, epochs=3, shuffle=False, batch_size=len(x), verbose=0).history


@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly` option is set")
@pytest.mark.parametrize("policy", TOLERANCE)
@pytest.mark.parametrize("name", NAMES)
def test_one_result_on_every_backend(name, policy):
    expected = json.loads(FILE.read_text())
    assert name in expected, f"run: python -m {__name__}"
    result = result_of(name, policy)
    assert set(result) == set(expected[name])
    for key, values in expected[name].items():
        assert result[key] == pytest.approx(values, **TOLERANCE[policy]), key


@pytest.mark.on_torch
def test_the_file_holds_nothing_else():
    assert sorted(json.loads(FILE.read_text())) == sorted(NAMES)


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: result_of(name) for name in NAMES}, indent=1, sort_keys=True) + "\n")
