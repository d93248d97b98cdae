"""The options of the Gaussian posterior, against their formulas in float64."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

RAW = np.array([-200.0, -30.0, -8.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 8.0, 30.0], dtype="float64")[:, None]


def log_var_of(posterior, raw):
    """The log variance where the second head says `raw`."""
    posterior.build([(None, 1), (None, 1)], (None, 0), (1,))
    raw = np.asarray(raw, "float32")
    q = posterior.distribution([np.zeros_like(raw), raw], np.zeros((len(raw), 0), "float32"))
    return ops.convert_to_numpy(q.log_var)


def test_softplus_is_a_scale_that_grows_linearly():
    log_var = log_var_of(kv.posteriors.Gaussian(project=False, scale="softplus"), RAW)
    start = np.log(np.expm1(1.0 - 1e-4))
    expected = 2.0 * np.log(np.logaddexp(0.0, RAW + start) + 1e-4)
    np.testing.assert_allclose(log_var, expected, rtol=1e-5, atol=1e-5)
    assert abs(log_var[RAW == 0.0]).max() < 1e-6
    scale = np.exp(0.5 * log_var[-1] - 0.5 * log_var[-2])
    np.testing.assert_allclose(scale, (30.0 + start) / np.logaddexp(0.0, 8.0 + start), rtol=1e-4)


@pytest.mark.parametrize("bounds", [(-6.0, 2.0), (-1.0, 8.0)])
def test_bounded_stays_in_its_range_and_is_the_identity_near_zero(bounds):
    low, high = bounds
    log_var = log_var_of(kv.posteriors.Gaussian(project=False, scale="bounded", log_var_range=bounds), RAW)
    bound = np.where(RAW < 0, low, high)
    np.testing.assert_allclose(log_var, bound * np.tanh(RAW / bound), rtol=1e-5, atol=1e-7)
    assert log_var.min() >= low
    assert log_var.max() <= high
    np.testing.assert_allclose(log_var[4:7], RAW[4:7], atol=1e-6)


@pytest.mark.parametrize("scale", ["exp", "softplus", "bounded"])
@pytest.mark.parametrize("hidden_units", [(), (5,)])
def test_options_start_at_scale_one(scale, hidden_units):
    posterior = kv.posteriors.Gaussian(scale=scale, hidden_units=hidden_units)
    posterior.build((None, 4), (None, 3), (2,))
    rows = np.random.default_rng(0)
    q = posterior.distribution(rows.normal(size=(6, 4)).astype("float32"), rows.normal(size=(6, 3)).astype("float32"))
    np.testing.assert_allclose(ops.convert_to_numpy(q.log_var), 0.0, atol=1e-6)
    assert ops.convert_to_numpy(q.loc).std() > 0


def test_hidden_layers_are_gated():
    posterior = kv.posteriors.Gaussian(hidden_units=(5,))
    posterior.build((None, 4), (None, 3), (2,))
    assert [tuple(weight.shape) for weight in posterior.trainable_weights] == [
        (7, 10), (10,), (5, 2), (2,), (5, 2), (2,)
    ]  # fmt: skip
    kernel, bias, mean_kernel, mean_bias = (ops.convert_to_numpy(weight) for weight in posterior.weights[:4])
    rows = np.random.default_rng(0).normal(size=(6, 7)).astype("float32")
    linear, gate = np.split(rows @ kernel + bias, 2, axis=-1)
    expected = (linear / (1.0 + np.exp(-gate))) @ mean_kernel + mean_bias
    q = posterior.distribution(rows[:, :4], rows[:, 4:])
    np.testing.assert_allclose(ops.convert_to_numpy(q.loc), expected, rtol=1e-4, atol=1e-5)


def test_options_train_and_survive_a_file(tmp_path):
    posterior = kv.posteriors.Gaussian(scale="bounded", log_var_range=(-3.0, 1.0), hidden_units=(4,))
    vae = compiled(small_vae(posterior=posterior))
    x = vectors(8)
    before = [ops.convert_to_numpy(weight) for weight in vae.posterior.weights]
    history = vae.fit(x, epochs=2, batch_size=4, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all((ops.convert_to_numpy(now) != old).any() for now, old in zip(vae.posterior.weights, before, strict=True))
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    assert (again.posterior.scale, again.posterior.log_var_range) == ("bounded", (-3.0, 1.0))
    np.testing.assert_allclose(again.elbo(x, seed=0), vae.elbo(x, seed=0), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"scale": "relu"}, "scale='relu'"),
        ({"scale": "bounded", "log_var_range": (1.0, 2.0)}, "low < 0 < high"),
        ({"scale": "bounded", "log_var_range": (-30.0, 2.0)}, "-20 <= low"),
        ({"log_var_range": (-6.0, "2")}, "log_var_range="),
        ({"log_var_range": 3.0}, "log_var_range=3.0"),
        ({"hidden_units": (300, 0)}, "hidden_units"),
        ({"hidden_units": (300,), "project": False}, "`project` and `hidden_units`"),
    ],
)
def test_bad_options(arguments, words):
    with pytest.raises(ValueError, match=words):
        kv.posteriors.Gaussian(**arguments)


def test_parameters_of_latents_of_two_axes_are_doubled_along_the_last():
    posterior = kv.posteriors.Gaussian(project=False)
    posterior.build((None, 2, 6), (None, 0), (2, 3))
    value = posterior.distribution(np.zeros((4, 2, 6), "float32"), np.zeros((4, 0), "float32"))
    assert tuple(value.mean().shape) == (4, 2, 3)
