"""Half precision: what must stay float32 does, losses are scaled, and the results agree with float32."""

import functools
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

HALVES = ["mixed_float16", "mixed_bfloat16"]
POLICIES = ["float32", *HALVES]
X = vectors(32)


def digits_vae(policy, **kwargs):
    keras.utils.set_random_seed(0)
    return small_vae(
        (8, 8, 1), 8, encoder=kv.encoders.MLP((64,), dtype=policy), decoder=kv.decoders.MLP((64,), dtype=policy),
        dtype=policy, **kwargs,
    )  # fmt: skip


@functools.cache
def trained(policy):
    """200 steps on the digits; the held-out ELBO, and the optimizer."""
    from sklearn.datasets import load_digits

    images = (load_digits().images / 16.0).astype("float32")[np.random.default_rng(0).permutation(1797)][..., None]
    vae = compiled(digits_vae(policy), keras.optimizers.Adam(1e-3))
    history = vae.fit(images[:1280], batch_size=64, epochs=10, shuffle=False, verbose=0).history
    elbo = vae.elbo(images[1280:], num_samples=20, seed=0, batch_size=517)
    return vae, history, elbo


@pytest.mark.parametrize("policy", HALVES)
def test_two_hundred_steps_agree_with_float32(policy):
    vae, history, elbo = trained(policy)
    reference = trained("float32")[2]
    assert int(vae.optimizer.iterations) == 200
    assert all(np.isfinite(values).all() for values in history.values())
    assert np.isfinite(elbo).all()
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert abs(elbo.mean() / reference.mean() - 1) < 0.01


def test_losses_are_scaled_in_float16():
    optimizer = trained("mixed_float16")[0].optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    assert float(ops.convert_to_numpy(optimizer.dynamic_scale)) > 1
    assert not isinstance(trained("float32")[0].optimizer, keras.optimizers.LossScaleOptimizer)


def gradient(policy):
    """The gradient that reaches the weights, read off one step of plain gradient descent."""
    vae = compiled(digits_vae(policy), keras.optimizers.SGD(1e-2))
    # One batch of pixels that are mostly dark, as digits are.
    x = np.random.default_rng(0).random((64, 8, 8, 1)).astype("float32") ** 3
    for _ in range(10):  # a first loss scale that overflows is halved, and the step is left out
        before = [ops.convert_to_numpy(weight).copy() for weight in vae.trainable_weights]
        vae.seed_generator.state.assign(np.zeros(2))
        vae.train_on_batch(x)
        deltas = [b - ops.convert_to_numpy(w) for b, w in zip(before, vae.trainable_weights, strict=True)]
        if any(np.abs(delta).max() > 0 for delta in deltas):
            return [delta / 1e-2 for delta in deltas]
    raise AssertionError("no step was taken")


@pytest.mark.parametrize("policy", HALVES)
def test_gradients_have_the_size_of_float32(policy):
    """A lost loss scale shows as gradients 2**15 too small, one applied twice as much too large."""
    reference, half = gradient("float32"), gradient(policy)
    for of_weight, expected in zip(half, reference, strict=True):
        assert abs(np.linalg.norm(of_weight) / np.linalg.norm(expected) - 1) < 0.1
    total = [np.sqrt(sum((of_weight**2).sum() for of_weight in gradients)) for gradients in (reference, half)]
    assert abs(total[1] / total[0] - 1) < 0.02


@pytest.mark.parametrize("policy", POLICIES)
def test_densities_are_float32(policy):
    vae = small_vae(dtype=policy, prior="gaussian", likelihood="gaussian")
    terms = vae.terms(ops.convert_to_tensor(X), seed=0, training=True)
    (level,) = terms.levels
    network_x = vae.forward_pass.network_input(terms.x)
    assert keras.backend.standardize_dtype(network_x.dtype) == vae.compute_dtype
    values = (level.posterior.loc, level.posterior.log_var, level.prior.loc, level.z, terms.context)
    for value in (*values, *terms.likelihood.tensors().values(), terms.log_likelihood, terms.kl, vae(X)):
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert all(weight.dtype == "float32" for weight in vae.weights)


@pytest.mark.parametrize("policy", POLICIES)
def test_parts_by_name_follow_the_models_policy(policy):
    vae = kv.VAE((6,), 2, dtype=policy)
    assert vae.encoder.compute_dtype == vae.decoder.compute_dtype == vae.compute_dtype
    keras.config.set_dtype_policy(policy)
    assert kv.VAE((6,), 2).encoder.stack.dense_layers[0].compute_dtype == vae.compute_dtype


def test_a_network_that_the_models_policy_does_not_reach_is_named():
    with pytest.warns(
        UserWarning, match=r"its encoder, passed as an object, computes in float32.*dtype='mixed_float16'"
    ):
        vae = kv.VAE((4,), 2, encoder=kv.encoders.MLP((4,)), decoder="mlp", dtype="mixed_float16")
    assert vae.encoder.compute_dtype == "float32"
    assert vae.decoder.compute_dtype == "float16"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kv.VAE((4,), 2, encoder=kv.encoders.MLP((4,), dtype="mixed_float16"), decoder="mlp", dtype="mixed_float16")
        kv.VAE((4,), 2, encoder=kv.encoders.MLP((4,)), decoder="mlp")


@pytest.mark.parametrize("policy", POLICIES)
def test_the_target_is_not_rounded(policy):
    """log p(x|z) sees x as the user gave it: 0.1 is not a number of half precision."""
    vae = small_vae(dtype=policy, likelihood=kv.likelihoods.Gaussian(scale=0.01))
    for weight in vae.likelihood.trainable_weights:
        weight.assign(ops.zeros(weight.shape))
    elbo = vae.elbo(np.full((1, 6), 0.1, dtype="float32"), seed=0)
    kl = 0.0
    q = vae.encode(np.full((1, 6), 0.1, dtype="float32"), "distribution")
    loc, log_var = ops.convert_to_numpy(q.loc), ops.convert_to_numpy(q.log_var)
    kl = 0.5 * (loc**2 + np.exp(log_var) - 1 - log_var).sum()
    expected = 6 * (-0.5 * np.log(2 * np.pi) - np.log(0.01) - 0.5 * (0.1 / 0.01) ** 2) - kl
    np.testing.assert_allclose(elbo[0], expected, rtol=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("likelihood", ["bernoulli", kv.likelihoods.Gaussian])
def test_extreme_logits_stay_finite(policy, likelihood):
    """Logits and locations of tens of thousands, just below what float16 holds."""
    vae = compiled(small_vae(dtype=policy, likelihood=likelihood), keras.optimizers.SGD(1e-8))
    for weight in vae.trainable_weights:
        if "log_var" not in weight.path:
            weight.assign(3.0 * np.sign(np.random.default_rng(0).normal(size=weight.shape)))
    assert np.isfinite(vae.elbo(X)).all()
    history = vae.fit(X, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert history["loss"][0] > 100


class Switch(keras.layers.Layer):
    """Doubles in training: shows whether `training` arrives."""

    def call(self, inputs, training=None):
        return inputs * 2 if training else inputs

    def compute_output_shape(self, input_shape):
        return input_shape


@pytest.mark.parametrize("place", ["encoder", "decoder", "condition_encoder"])
def test_training_arrives_in_every_part(place):
    """Keras on JAX sets no training mode for layers below `call`: a Dropout would be off, silently."""
    seen = {}
    for name, network in (("on", Switch()), ("off", keras.layers.Identity())):
        keras.utils.set_random_seed(0)
        options = {"condition_shape": (6,), place: network}
        vae = compiled(
            small_vae(latent_dim=6, objective=kv.objectives.ELBO(beta=1.0), **options), keras.optimizers.SGD(0.0)
        )
        seen[name] = (
            vae.fit([X, X], shuffle=False, verbose=0).history["loss"][0],
            vae.evaluate([X, X], verbose=0, return_dict=True)["loss"],
        )
    assert abs(seen["on"][0] - seen["off"][0]) > 1e-3
    # Other noise by now, but the same in both.
    np.testing.assert_allclose(seen["on"][1], seen["off"][1], rtol=1e-5)


def test_dropout_is_active_in_fit_and_only_there():
    """All but a thousandth of the features are dropped: with dropout on, the encoder tells nothing apart."""
    vae = compiled(small_vae(encoder=kv.encoders.MLP((8,), dropout=0.999)), keras.optimizers.SGD(0.0))
    vae.posterior.mean_head.dense.kernel.assign(np.ones((8, 2)))
    vae.encoder.stack.dense_layers[0].bias.assign(np.ones(8))
    in_training = vae.fit(X, verbose=0, batch_size=4).history["kl_loss"][0]
    in_evaluation = vae.evaluate(X, verbose=0, return_dict=True)["kl_loss"]
    assert in_evaluation > 10
    assert in_training != pytest.approx(in_evaluation, rel=0.05)
    np.testing.assert_allclose(vae.encode(X), vae.encode(X))


@pytest.mark.parametrize("prior", ["standard", "vamp"])
@pytest.mark.parametrize("policy", HALVES)
def test_verbs_that_draw_run_in_half_precision(policy, prior):
    vae = small_vae(dtype=policy, prior=kv.priors.VampPrior(3, dtype=policy) if prior == "vamp" else prior)
    if prior == "vamp":
        vae.prior.adapt(X)
    for value in (vae.generate(2, temperature=0.7), vae.generate(2, mode="sample", data_temperature=0.7)):
        assert value.shape == (2, 6)
        assert np.isfinite(value).all()


def test_numbers_that_half_precision_cannot_hold_are_refused():
    x = 1e6 * np.random.default_rng(0).standard_normal((8, 3)).astype("float32")
    vae = kv.VAE((3,), 2, likelihood="gaussian", dtype="mixed_float16")
    vae.compile("adam")
    with pytest.raises(ValueError, match=r"`x`: in half precision.*65504.*Standardise"):
        vae.fit(x)
