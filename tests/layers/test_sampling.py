"""`Sampling`: the reparametrised draw."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_vae import Sampling
from keras_vae.distributions import LOG_VAR_RANGE


def draw(z_mean, z_log_var, **kwargs):
    return ops.convert_to_numpy(Sampling(**kwargs)([z_mean, z_log_var]))


def test_draws_follow_the_mean_and_the_log_variance():
    z_mean, z_log_var = np.full((40000, 2), 3.0, "float32"), np.full((40000, 2), np.log(4.0), "float32")
    z = draw(z_mean, z_log_var, seed=0)
    # Five standard errors of a mean and of a standard deviation of 2 from 40000 draws.
    np.testing.assert_allclose(z.mean(0), 3.0, atol=5 * 2 / 200)
    np.testing.assert_allclose(z.std(0), 2.0, atol=5 * 2 / np.sqrt(2 * 40000))


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 4, 2), (3, 4, 4, 2)])
def test_any_rank(shape):
    assert draw(np.zeros(shape, "float32"), np.zeros(shape, "float32")).shape == shape


def test_the_same_seed_gives_the_same_noise_and_every_call_new_noise():
    zeros = np.zeros((4, 3), "float32")
    one, other = Sampling(seed=5), Sampling(seed=5)
    first, second = (ops.convert_to_numpy(one([zeros, zeros])) for _ in range(2))
    np.testing.assert_array_equal(first, ops.convert_to_numpy(other([zeros, zeros])))
    assert not np.allclose(first, second)
    assert not np.allclose(first, draw(zeros, zeros, seed=6))
    assert not np.allclose(draw(zeros, zeros), draw(zeros, zeros))


def test_deterministic_returns_the_mean():
    z_mean = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")
    np.testing.assert_array_equal(draw(z_mean, np.zeros((4, 3), "float32"), deterministic=True), z_mean)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("value", [-1e4, -20.0, 0.0, 15.0, 1e4])
def test_finite_for_any_log_variance_under_every_policy(value, policy, dtype):
    z = Sampling(seed=0, dtype=policy)([np.zeros((50, 20), dtype), np.full((50, 20), value, dtype)])
    assert keras.backend.standardize_dtype(z.dtype) == keras.dtype_policies.get(policy).compute_dtype
    z = ops.convert_to_numpy(ops.cast(z, "float32"))
    assert np.all(np.isfinite(z))
    expected = np.exp(0.5 * np.clip(value, *LOG_VAR_RANGE))
    np.testing.assert_allclose(z.std(), expected, rtol=0.1)


def test_the_log_variance_is_not_rounded_on_its_way_in():
    z_log_var = np.full((4, 3), 1.0003, "float32")  # float16 has 1.0 and 1.001 there
    zeros = np.zeros((4, 3), "float32")
    half = Sampling(seed=0, dtype="mixed_float16")
    exact = draw(zeros, z_log_var, seed=0).astype("float16").astype("float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(ops.cast(half([zeros, z_log_var]), "float32")), exact)


def test_draws_in_a_compiled_functional_model_survive_the_file(tmp_path):
    inputs = keras.Input((4,))
    z = Sampling(seed=3, name="z")([keras.layers.Dense(2)(inputs), keras.layers.Dense(2)(inputs)])
    model = keras.Model(inputs, z)
    x = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("z").get_config() == model.get_layer("z").get_config()
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)
    assert not np.allclose(model.predict(x, verbose=0), model.predict(x, verbose=0))


def test_gradients_flow_to_both_inputs():
    inputs = keras.Input((4,))
    heads = [keras.layers.Dense(2, name="mean"), keras.layers.Dense(2, name="log_var")]
    model = keras.Model(inputs, Sampling(seed=0)([head(inputs) for head in heads]))
    before = [ops.convert_to_numpy(weight).copy() for weight in model.trainable_weights]
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(np.ones((6, 4), "float32"), np.ones((6, 2), "float32"), verbose=0)
    for weight, start in zip(model.trainable_weights, before, strict=True):
        assert not np.array_equal(ops.convert_to_numpy(weight), start), weight.path


def test_a_mask_passes_through():
    x = keras.Input((None,), dtype="int32")
    hidden = keras.layers.Embedding(5, 2, mask_zero=True)(x)
    z = Sampling()([hidden, hidden])
    assert keras.src.backend.get_keras_mask(z) is not None


ZEROS = np.zeros((2, 3), "float32")


@pytest.mark.parametrize(
    ("make", "exception", "words"),
    [
        (lambda: Sampling()(ZEROS), ValueError, ["[z_mean, z_log_var]", "one tensor of shape (2, 3)"]),
        (lambda: Sampling()([ZEROS]), ValueError, ["[z_mean, z_log_var]", "1 tensors"]),
        (lambda: Sampling()([ZEROS, ZEROS, ZEROS]), ValueError, ["3 tensors"]),
        (lambda: Sampling()([ZEROS, np.zeros((2, 4), "float32")]), ValueError, ["the same shape", "(2, 3)", "(2, 4)"]),
        (lambda: Sampling(seed="0"), ValueError, ["`seed`", "'0'"]),
        (lambda: Sampling(seed=True), ValueError, ["`seed`", "True"]),
        (lambda: Sampling(deterministic=False, rate=1), ValueError, ["rate"]),
    ],
)
def test_bad_input(make, exception, words):
    with pytest.raises(exception) as raised:
        make()
    for word in words:
        assert word in str(raised.value)
