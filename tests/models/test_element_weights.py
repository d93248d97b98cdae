"""`sample_weight` with an axis of time, or of all elements: it weighs log p(x | z), element by element."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.models.small import compiled

RNG = np.random.default_rng(0)
SERIES = RNG.normal(size=(6, 4, 2)).astype("float32")
OF_STEPS = RNG.uniform(0.0, 2.0, (6, 4)).astype("float32")


def series_vae(likelihood="gaussian", **kwargs):
    options = {"encoder": "mlp", "decoder": "mlp", **kwargs}
    vae = compiled(kv.VAE((4, 2), 2, likelihood=likelihood, seed=0, **options), weighted_metrics=["mse"])
    if hasattr(vae.likelihood, "adapt"):
        vae.likelihood.adapt(SERIES)
    return vae


def losses(vae, x=SERIES, **options):
    vae.seed_generator.state.assign(np.zeros(2))
    return vae.evaluate(x, verbose=0, return_dict=True, **options)


def test_weights_multiply_the_log_density_of_each_step_and_leave_the_kl():
    vae = series_vae(kv.likelihoods.Gaussian(scale=0.7))
    plain, weighted = losses(vae), losses(vae, sample_weight=OF_STEPS)
    vae.seed_generator.state.assign(np.zeros(2))
    value = vae.terms(SERIES, seed=vae.seed_generator).likelihood
    elements = keras.ops.convert_to_numpy(value.elementwise_log_prob(keras.ops.convert_to_tensor(SERIES)))
    expected = -(elements * OF_STEPS[..., None]).sum() / 6
    assert weighted["reconstruction_loss"] == pytest.approx(expected, rel=1e-5)
    assert weighted["kl_loss"] == pytest.approx(plain["kl_loss"], rel=1e-6)
    assert weighted["loss"] == pytest.approx(expected + plain["kl_loss"], rel=1e-5)
    vae.compile(weighted_metrics=["mse"])  # TensorFlow compiles a step for weights of one rank
    by_element = losses(vae, sample_weight=np.repeat(OF_STEPS[..., None], 2, axis=2))
    for name in ("loss", "mse"):
        assert by_element[name] == pytest.approx(weighted[name], rel=1e-5)
    squared = np.square(keras.ops.convert_to_numpy(value.loc) - SERIES).mean(axis=-1)
    assert weighted["mse"] == pytest.approx((squared * OF_STEPS).sum() / OF_STEPS.sum(), rel=1e-4)


@pytest.mark.on_torch
@pytest.mark.parametrize("likelihood", ["gaussian", "columns"])
def test_weights_of_zero_and_one_are_a_mask(likelihood):
    if likelihood == "columns":
        likelihood = kv.likelihoods.Columns([("gaussian", 1), ("laplace", 1)])
    vae = series_vae(likelihood)
    mask = OF_STEPS > 0.5
    hidden = losses(vae, {"x": SERIES, "mask": mask})["reconstruction_loss"]
    weighted = losses(vae, sample_weight=mask.astype("float32"))["reconstruction_loss"]
    assert weighted == pytest.approx(hidden, rel=1e-5)
    both = losses(vae, {"x": SERIES, "mask": mask.astype("float32")}, sample_weight=2.0 * np.ones((6, 4), "float32"))
    assert both["reconstruction_loss"] == pytest.approx(2.0 * hidden, rel=1e-5)


@pytest.mark.on_torch
def test_weights_of_tokens_train_and_enter_the_perplexity():
    tokens = RNG.integers(0, 3, (6, 4))
    vae = compiled(kv.VAE((4,), 2, likelihood=kv.likelihoods.Categorical(3), encoder="mlp", decoder="mlp", seed=0))
    vae.likelihood.heads["logits"].set_weights([0 * weight for weight in vae.likelihood.heads["logits"].get_weights()])
    logs = losses(vae, tokens, sample_weight=OF_STEPS)
    assert logs["reconstruction_perplexity"] == pytest.approx(3.0, rel=1e-5)
    assert np.isfinite(vae.fit(tokens, sample_weight=OF_STEPS, verbose=0).history["loss"]).all()
