"""The chain of latents against linear Gaussian state-space models, whose densities are known in closed form."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.mathematics.autodiff import vector_jacobian

NOISE = 0.7  # scale of an observation


def normal_log_prob(x, mean, covariance):
    difference = x - mean
    solved = np.linalg.solve(covariance, difference.T).T
    log_determinant = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return -0.5 * ((difference * solved).sum(axis=1) + log_determinant)


def normal_kl(q_mean, q_cov, p_mean, p_cov):
    difference = p_mean - q_mean
    trace = np.trace(np.linalg.solve(p_cov, q_cov)) + difference @ np.linalg.solve(p_cov, difference)
    return 0.5 * (trace - len(q_mean) + np.linalg.slogdet(p_cov)[1] - np.linalg.slogdet(q_cov)[1])


def chain(first, matrix, offsets, variances):
    """Mean and covariance of (z_1, ..., z_T) with z_t = matrix z_(t-1) + offset_t + noise, from z_0 = first."""
    steps, width = offsets.shape
    means, covariance = np.zeros((steps, width)), np.zeros((steps, width, steps, width))
    mean, variance = first, np.zeros((width, width))
    for step in range(steps):
        mean, variance = matrix @ mean + offsets[step], matrix @ variance @ matrix.T + np.diag(variances)
        means[step], covariance[step, :, step, :] = mean, variance
        onward = variance
        for later in range(step + 1, steps):
            onward = matrix @ onward
            covariance[later, :, step, :], covariance[step, :, later, :] = onward, onward.T
    return means.ravel(), covariance.reshape(steps * width, steps * width)


class StateSpace:
    """A model whose weights are set by hand, and its joint density of all z and x."""

    def __init__(self, width, steps, encoder, posterior="gaussian", seed=0):
        rng = np.random.default_rng(seed)
        self.width, self.steps = width, steps
        self.first, self.offset = rng.normal(size=width), 0.3 * rng.normal(size=width)
        self.matrix = 0.6 * rng.normal(size=(width, width))
        self.variances = rng.uniform(0.3, 0.9, size=width)
        self.readout = rng.normal(size=(2, width))
        mean, self.z_covariance = chain(
            self.first, self.matrix, np.repeat(self.offset[None], steps, axis=0), self.variances
        )
        self.z_mean, readout = mean, np.kron(np.eye(steps), self.readout)
        self.x_mean = readout @ mean
        self.x_covariance = readout @ self.z_covariance @ readout.T + NOISE**2 * np.eye(2 * steps)
        self.cross = self.z_covariance @ readout.T
        self.x = rng.multivariate_normal(self.x_mean, self.x_covariance, size=3).astype("float32")
        self.vae = kv.VAE(
            (steps, 2),
            latents=kv.latents.Markov(width, transition=keras.layers.Identity(), posterior=posterior),
            encoder=encoder(self),
            decoder=keras.layers.Identity(),
            likelihood=kv.likelihoods.Gaussian(scale=NOISE),
            seed=0,
        )
        prior = self.vae.latents.step_prior
        self.vae.latents.first.assign(self.first)
        prior.loc_head.dense.kernel.assign(self.matrix.T)
        prior.loc_head.dense.bias.assign(self.offset)
        prior.log_var_head.dense.bias.assign(np.log(self.variances))
        kernel, bias = self.vae.likelihood.trainable_weights
        kernel.assign(self.readout.T)
        bias.assign(np.zeros(2))

    @property
    def data(self):
        return self.x.reshape(-1, self.steps, 2)

    def log_prob(self):
        return normal_log_prob(self.x, self.x_mean, self.x_covariance)


@kv.posteriors.register("smoothing_of_markov_test", package="tests")
class Smoothing(kv.posteriors.Posterior):
    """q(z_t | z_(t-1), x) = N(f_0 + f_1 z_(t-1), exp(f_2)) for features f."""

    distribution_class = kv.distributions.Gaussian

    def distribution(self, features, context, *, prior=None):
        return kv.distributions.Gaussian(features[:, :1] + features[:, 1:2] * context, features[:, 2:3])


class Smoother(keras.layers.Layer):
    """Features with which `Smoothing` is the true posterior: z_t given z_(t-1) and all x, by conditioning."""

    def __init__(self, model, **kwargs):
        super().__init__(**kwargs)
        steps = model.steps
        self.weight, self.rest = np.zeros((2 * steps, steps)), np.zeros((steps, 3))
        for step in range(steps):
            known = [step - 1] if step else []
            covariance = np.block(
                [
                    [model.z_covariance[np.ix_(known, known)], model.cross[known]],
                    [model.cross[known].T, model.x_covariance],
                ]
            )
            with_z = np.concatenate([model.z_covariance[step, known], model.cross[step]])
            gain = np.linalg.solve(covariance, with_z)
            mean = np.concatenate([model.z_mean[known], model.x_mean])
            self.weight[:, step] = gain[len(known) :]
            self.rest[step] = (
                model.z_mean[step] - gain @ mean,
                gain[0] if step else 0.0,
                np.log(model.z_covariance[step, step] - gain @ with_z),
            )

    def call(self, x):
        flat = ops.reshape(x, (-1, self.weight.shape[0]))
        mean = ops.matmul(flat, ops.convert_to_tensor(self.weight, dtype="float32"))[..., None]
        rest = ops.convert_to_tensor(self.rest, dtype="float32")
        return ops.concatenate([mean + rest[:, :1], ops.zeros_like(mean) + rest[:, 1:2], mean * 0.0 + rest[:, 2:]], -1)


def test_with_the_true_posterior_every_draw_gives_the_log_likelihood():
    model = StateSpace(1, 6, Smoother, Smoothing())
    for seed in (0, 1):
        np.testing.assert_allclose(
            model.vae.log_likelihood(model.data, num_samples=1, seed=seed), model.log_prob(), atol=1e-4
        )
    elbo = model.vae.elbo(model.data, num_samples=4000, seed=0)
    np.testing.assert_allclose(elbo, model.log_prob(), atol=0.15)


def test_the_log_likelihood_comes_to_that_of_the_state_space_model_from_below():
    model = StateSpace(2, 3, lambda _: keras.layers.Dense(4))
    # As wide as the prior, or wider, whatever the initial weights: the estimate is then a good one.
    posterior = model.vae.latents.step_posterior
    posterior.mean_head.dense.kernel.assign(np.concatenate([np.zeros((4, 2)), model.matrix.T]))
    posterior.mean_head.dense.bias.assign(model.offset)
    expected = model.log_prob()
    elbo = model.vae.elbo(model.data, num_samples=2000, seed=0)
    few = np.mean([model.vae.log_likelihood(model.data, num_samples=3, seed=seed) for seed in range(150)], axis=0)
    many = model.vae.log_likelihood(model.data, num_samples=40000, seed=0)
    assert (elbo < few).all()
    assert (few < expected).all()
    np.testing.assert_allclose(many, expected, atol=0.12)


def test_kl_of_a_chain_is_that_of_the_joint_gaussians():
    model = StateSpace(2, 2, lambda _: keras.layers.Dense(4))
    posterior = model.vae.latents.step_posterior
    rng = np.random.default_rng(3)
    kernel = 0.4 * rng.normal(size=(6, 2)).astype("float32")
    posterior.mean_head.dense.kernel.assign(kernel)
    posterior.log_var_head.dense.bias.assign([-0.5, 0.4])
    terms = model.vae.terms(ops.convert_to_tensor(model.data), seed=0, num_samples=8000)
    features = ops.convert_to_numpy(terms.features)
    found, sampled = ops.convert_to_numpy(terms.kl)[:, 0], -ops.convert_to_numpy(ops.mean(terms.log_ratio, (1, 2)))
    for row in range(3):
        q = chain(model.first, kernel[4:].T.astype("float64"), features[row] @ kernel[:4], np.exp([-0.5, 0.4]))
        expected = normal_kl(*q, model.z_mean, model.z_covariance)
        np.testing.assert_allclose(found[row], expected, rtol=0.03)
        np.testing.assert_allclose(sampled[row], expected, rtol=0.08)


def test_the_kl_has_its_gradient_through_the_steps_before():
    model = StateSpace(2, 3, lambda _: keras.layers.Dense(4))
    features = np.random.default_rng(1).normal(size=(1, 3, 4)).astype("float32")

    def kl(features):
        level = model.vae.latents.infer(features, ops.zeros((1, 0)), seed=4)[0]
        return kv.distributions.kl_divergence(level.posterior, level.prior)

    _, (gradient,) = vector_jacobian(kl, [features], np.ones(1, "float32"))
    for step in range(3):
        for unit in range(4):
            up, down = features.copy(), features.copy()
            up[0, step, unit] += 0.05
            down[0, step, unit] -= 0.05
            slope = float(ops.convert_to_numpy(kl(up) - kl(down))[0]) / 0.1
            np.testing.assert_allclose(gradient[0, step, unit], slope, atol=2e-3, rtol=1e-2)


def test_draws_from_the_prior_have_the_moments_of_the_state_space_model():
    model = StateSpace(2, 3, lambda _: keras.layers.Dense(4))
    (z,) = model.vae.latents.generate(ops.zeros((40000, 0)), seed=0)
    z = ops.convert_to_numpy(z).reshape(40000, 6)
    np.testing.assert_allclose(z.mean(axis=0), model.z_mean, atol=0.03)
    np.testing.assert_allclose(np.cov(z.T), model.z_covariance, atol=0.05)


@pytest.mark.parametrize("deterministic", [True, False])
def test_padding_changes_nothing(deterministic):
    """A padded batch has the terms of the sequences alone; noise is drawn step by step, so draws agree as well."""
    vae = kv.VAE(
        (None, 2),
        latents=kv.latents.Markov(2),
        encoder=kv.encoders.GRU((4,), return_sequences=True),
        decoder=kv.decoders.GRU((4,)),
        likelihood="gaussian",
        seed=0,
    )
    rng = np.random.default_rng(0)
    for weight in vae.trainable_weights:
        weight.assign(ops.convert_to_numpy(weight) + 0.3 * rng.standard_normal(weight.shape))
    x, lengths = rng.standard_normal((3, 5, 2)).astype("float32"), (5, 2, 3)
    mask = np.arange(8) < np.array(lengths)[:, None]
    padded = np.full((3, 8, 2), np.nan, "float32")
    padded[mask] = x[mask[:, :5]]

    def numbers(inputs, samples):
        inputs = keras.tree.map_structure(ops.convert_to_tensor, inputs)
        terms = vae.terms(inputs, seed=5, num_samples=samples, deterministic=deterministic)
        return [ops.convert_to_numpy(one) for one in (terms.log_likelihood, terms.kl, terms.log_ratio)], terms

    for samples in (1, 4):
        found, terms = numbers({"x": padded, "mask": mask}, samples)
        assert np.isfinite(ops.convert_to_numpy(terms.latents[0])).all()
        assert np.abs(ops.convert_to_numpy(terms.kl_per_dimension[0])[~mask]).max() == 0.0
        if not deterministic:
            shorter, _ = numbers({"x": np.nan_to_num(padded[:, :5], nan=1e3), "mask": mask[:, :5]}, samples)
            for one, other in zip(found, shorter, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
            continue
        for row, length in enumerate(lengths):
            alone, _ = numbers(x[row : row + 1, :length], samples)
            for one, other in zip(found, alone, strict=True):
                np.testing.assert_allclose(one[row : row + 1], other, rtol=1e-4, atol=1e-5)
