"""Latents of every step against linear Gaussian state-space models, whose log p(x) the Kalman filter computes."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.inference.particle_filter import systematic_ancestors

NOISE = 0.7  # scale of an observation


def kalman(x, matrix, offset, covariance, readout, inputs, bias, mean):
    """log p(x) of one sequence `(time, n)`: s_t = matrix s_(t-1) + offset + inputs x_(t-1) + noise, x_t = readout s_t +
    bias + NOISE, from a known s_0."""
    variance, before, total = np.zeros_like(covariance), np.zeros(x.shape[1]), 0.0
    for observed in x:
        mean = matrix @ mean + offset + inputs @ before
        variance = matrix @ variance @ matrix.T + covariance
        spread = readout @ variance @ readout.T + NOISE**2 * np.eye(len(observed))
        error = observed - readout @ mean - bias
        total -= 0.5 * (error @ np.linalg.solve(spread, error) + np.linalg.slogdet(2 * np.pi * spread)[1])
        gain = variance @ readout.T @ np.linalg.inv(spread)
        mean, variance, before = mean + gain @ error, variance - gain @ readout @ variance, observed
    return total


def linear_model(state_sees, chained, steps, width=2, units=2):
    """A `Recurrent` whose state, priors and decoder are linear, with weights drawn at random."""
    sees = state_sees or ("data",)
    state = keras.layers.SimpleRNN(units, activation=None, return_sequences=True) if state_sees else None
    vae = kv.VAE(
        (steps, 2),
        latents=kv.latents.Recurrent(width, state, sees, chained, keras.layers.Identity(), posterior="residual"),
        encoder=keras.layers.Dense(4),
        decoder=keras.layers.Identity(),
        likelihood=kv.likelihoods.Gaussian(scale=NOISE),
        seed=0,
    )
    rng = np.random.default_rng(5)
    for weight in vae.trainable_weights:
        weight.assign(0.3 * rng.standard_normal(weight.shape))
    rest = 0.2 * rng.standard_normal((units if state_sees else 0, 2))
    vae.likelihood.trainable_weights[0].assign(np.concatenate([np.eye(2), rest]))
    prior, posterior = vae.latents.step_prior, vae.latents.step_posterior
    prior.log_var_head.dense.kernel.assign(np.zeros(prior.log_var_head.dense.kernel.shape))
    # Close to the prior, and a little wider: a proposal whose weights are bounded.
    shift = posterior.shift_head.dense
    shift.kernel.assign(0.2 * ops.convert_to_numpy(shift.kernel))
    shift.bias.assign(np.zeros(width))
    posterior.log_scale_head.dense.kernel.assign(np.zeros(posterior.log_scale_head.dense.kernel.shape))
    posterior.log_scale_head.dense.bias.assign(np.full(width, 0.3))
    return vae


def log_prob(vae, data, state_sees, chained, width=2):
    """By the Kalman filter on (z_t, d_t); d_t follows from (z, d, x) of the step before, z_t from z_(t-1) and d_t."""
    value = ops.convert_to_numpy
    latents = vae.latents
    kernel, bias = (value(weight).astype("float64") for weight in latents.step_prior.loc_head.dense.weights)
    kernel = kernel.T
    from_z = kernel[:, :width] if chained else np.zeros((width, width))
    variance = np.diag(np.exp(value(latents.step_prior.log_var_head.dense.bias).astype("float64")))
    first = value(latents.first).astype("float64")
    if not state_sees:
        d_z, d_d, d_x, d_bias, from_d = (
            np.zeros((0, width)),
            np.zeros((0, 0)),
            np.zeros((0, 2)),
            np.zeros(0),
            kernel[:, :0],
        )
    else:
        inputs, recurrent, d_bias = (value(weight).astype("float64") for weight in latents.state_layer.cell.weights)
        inputs, d_d, from_d = inputs.T, recurrent.T, kernel[:, width * chained :]
        units = len(d_bias)
        d_x = inputs[:, :2] if "data" in state_sees else np.zeros((units, 2))
        d_z = inputs[:, inputs.shape[1] - width :] if "latents" in state_sees else np.zeros((units, width))
    units = len(d_bias)
    matrix = np.block([[from_z + from_d @ d_z, from_d @ d_d], [d_z, d_d]])
    offset = np.concatenate([bias + from_d @ d_bias, d_bias])
    covariance = np.zeros((width + units, width + units))
    covariance[:width, :width] = variance
    readout, seen_bias = (value(weight).astype("float64") for weight in vae.likelihood.trainable_weights)
    inputs = np.concatenate([from_d @ d_x, d_x])
    start = np.concatenate([first, np.zeros(units)])
    return np.array([kalman(x, matrix, offset, covariance, readout.T, inputs, seen_bias, start) for x in data])


MODELS = {
    "dmm": ((), True),
    "vrnn": (("data", "latents"), False),
    "srnn": (("data",), True),
    "state of latents": (("latents",), True),
}


@pytest.mark.parametrize("kind", list(MODELS))
def test_estimates_come_to_the_log_likelihood_of_the_kalman_filter(kind):
    vae = linear_model(*MODELS[kind], steps=3)
    data = vae.generate(3, mode="sample", seed=1)
    expected = log_prob(vae, data, *MODELS[kind])
    for method, tolerance in (("importance_sampling", 0.2), ("particle_filter", 0.1)):
        found = vae.log_likelihood(data, 20000, seed=0, method=method, batch_size=60000)
        np.testing.assert_allclose(found, expected, atol=tolerance)


def test_the_estimate_of_p_is_unbiased_with_few_particles():
    vae = linear_model(*MODELS["srnn"], steps=4)
    data = vae.generate(2, mode="sample", seed=1)
    expected = log_prob(vae, data, *MODELS["srnn"])
    rows = np.repeat(data, 4000, axis=0)
    found = vae.log_likelihood(rows, 4, seed=3, method="particle_filter", batch_size=32000).reshape(2, 4000)
    ratios = np.exp(found.astype("float64") - expected[:, None])
    error = ratios.std(axis=1) / np.sqrt(4000)
    assert (np.abs(ratios.mean(axis=1) - 1.0) < 4.0 * error + 0.01).all()
    assert (error < 0.1).all()
    assert (found.mean(axis=1) < expected).all()


def test_long_sequences_need_the_filter():
    """The gap of importance sampling grows with the length; that of a filter with as many particles hardly does."""
    vae = linear_model(*MODELS["srnn"], steps=60)
    data = vae.generate(4, mode="sample", seed=1)
    expected = log_prob(vae, data, *MODELS["srnn"])
    gaps = {
        method: np.mean(expected - vae.log_likelihood(data, 100, seed=0, method=method))
        for method in ("importance_sampling", "particle_filter")
    }
    assert gaps["particle_filter"] < 0.05 * gaps["importance_sampling"]
    assert -1.0 < gaps["particle_filter"] < 3.0


def test_particles_are_continued_in_proportion_to_their_weights():
    weights = np.random.default_rng(0).dirichlet(np.full(50, 0.3), size=7).T
    found = ops.convert_to_numpy(systematic_ancestors(np.log(weights + 1e-30).astype("float32"), seed=0))
    assert found.shape == (50, 7)
    assert (np.diff(found, axis=0) >= 0).all()
    counts = np.stack([np.bincount(column, minlength=50) for column in found.T], axis=1)
    assert (np.abs(counts - 50 * weights) < 1.0 + 1e-4).all()
    one = np.repeat(np.log(weights[:, :1] + 1e-30), 2000, axis=1).astype("float32")
    many = ops.convert_to_numpy(systematic_ancestors(one, seed=1))
    np.testing.assert_allclose(np.bincount(many.ravel(), minlength=50) / 2000, 50 * weights[:, 0], atol=0.05)
