"""Flows: log determinants against automatic differentiation, inverses, and densities that integrate to one."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.mathematics.autodiff import jacobian


def randomised(layer, seed=0, scale=0.5):
    """The layer with weights that make it do something: flows start as the identity."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(rng.normal(0.0, scale, size=tuple(weight.shape)).astype("float32"))
    return layer


def flows(width, context_width):
    shapes = (None, width), (None, context_width)
    for flip in (False, True):
        coupling = kv.layers.AffineCoupling((8,), flip=flip)
        coupling.build(*shapes)
        yield randomised(coupling)
        step = kv.layers.InverseAutoregressive(9, reverse=flip)
        step.build(*shapes)
        yield randomised(step)
    for step in (kv.layers.Planar(), kv.layers.Radial()):
        step.build(*shapes)
        yield randomised(step, scale=1.5)  # near the limits of invertibility


@pytest.mark.parametrize("context_width", [0, 2])
@pytest.mark.parametrize("width", [2, 5])
def test_log_determinant_and_inverse_of_every_step(width, context_width):
    rng = np.random.default_rng(1)
    for flow in flows(width, context_width):
        for _ in range(3):
            z = rng.normal(size=(1, width)).astype("float32")
            context = ops.convert_to_tensor(rng.normal(size=(1, context_width)).astype("float32"))
            matrix = jacobian(lambda point, flow=flow, context=context: flow(point, context)[0], z)
            y, log_det = flow(z, context)
            sign, expected = np.linalg.slogdet(matrix.astype("float64"))
            assert sign > 0
            assert abs(float(log_det[0]) - expected) < 1e-4
            back, inverse_log_det = flow.inverse(y, context)
            assert np.abs(ops.convert_to_numpy(back) - z).max() < 1e-4
            assert abs(float(inverse_log_det[0]) - expected) < 1e-4


@pytest.mark.parametrize("reverse", [False, True])
def test_inverse_autoregressive_step_is_autoregressive(reverse):
    step = kv.layers.InverseAutoregressive(16, reverse=reverse)
    step.build((None, 4))
    matrix = jacobian(lambda point: randomised(step)(point)[0], np.ones((1, 4)))
    above = np.triu(matrix, 1) if not reverse else np.tril(matrix, -1)
    assert np.abs(above).max() == 0
    below = np.tril(matrix, -1) if not reverse else np.triu(matrix, 1)
    assert np.abs(below).max() > 1e-3


@pytest.mark.parametrize("make", [kv.layers.Planar, kv.layers.Radial])
def test_gradient_of_the_inverse_is_that_of_the_implicit_function(make):
    """dz/dy is the inverse matrix of dy/dz, and dz/dcontext is -dz/dy dy/dcontext."""
    step = make()
    step.build((None, 3), (None, 2))
    randomised(step, seed=4, scale=1.5)
    rng = np.random.default_rng(2)
    z, context = rng.normal(size=(1, 3)).astype("float32"), rng.normal(size=(1, 2)).astype("float32")
    y = ops.convert_to_numpy(step(z, context)[0])
    to_z, of_context = (
        jacobian(lambda point: step.inverse(point, context)[0], y),
        jacobian(lambda point: step(z, point)[0], context),
    )
    forward = jacobian(lambda point: step(point, context)[0], z)
    assert np.abs(forward - np.eye(3)).max() > 0.1
    assert np.allclose(to_z @ forward, np.eye(3), atol=2e-4)
    found = jacobian(lambda point: step.inverse(y, point)[0], context)
    assert np.allclose(found, -to_z @ of_context, atol=2e-3)


@pytest.mark.parametrize("make", [kv.layers.Planar, kv.layers.Radial])
def test_steps_invert_where_their_parameters_press_against_the_limit(make):
    step = make()
    step.build((None, 2))
    rng = np.random.default_rng(5)
    z = rng.normal(size=(200, 2)).astype("float32")
    for weight in step.weights:
        weight.assign(ops.full(weight.shape, 3.0))
    pull = (step.u_head if make is kv.layers.Planar else step.beta_head).bias
    pull.assign(ops.full(pull.shape, -20.0))  # far beyond the limit
    y, log_det = step(z)
    back, inverse_log_det = step.inverse(y)
    assert float(ops.min(log_det)) < -1.0
    assert np.abs(ops.convert_to_numpy(back) - z).max() < 1e-3
    assert np.abs(ops.convert_to_numpy(inverse_log_det - log_det)).max() < 1e-2


def test_flow_prior_integrates_to_one_and_draws_follow_it():
    prior = kv.priors.Flow(steps=3, hidden_units=(8,))
    prior.build((None, 0), (2,))
    for coupling in prior.couplings:
        randomised(coupling)
    axis = np.linspace(-12.0, 12.0, 601, dtype="float32")
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    p = prior.distribution(ops.zeros((len(grid), 0)))
    density = np.exp(ops.convert_to_numpy(p.log_prob(grid)).astype("float64")) * (axis[1] - axis[0]) ** 2
    assert abs(density.sum() - 1.0) < 0.01
    draws = ops.convert_to_numpy(prior.distribution(ops.zeros((20000, 0))).sample(seed=0))
    mean = (density[:, None] * grid).sum(axis=0)
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - mean) < 5 * error + 0.01).all()


@pytest.mark.parametrize("name", ["iaf", "householder", "flow", "planar", "radial"])
def test_posterior_density_of_its_own_draws(name):
    posterior = kv.posteriors.get(name)
    posterior.build((None, 6), (None, 0), (3,))
    randomised(posterior, scale=0.2)
    features = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    q = posterior.distribution(ops.convert_to_tensor(features), ops.zeros((8, 0)))
    z, log_prob = q.sample_and_log_prob(seed=0)
    assert np.allclose(ops.convert_to_numpy(q.log_prob(z)), ops.convert_to_numpy(log_prob), atol=2e-3)


def test_householder_reaches_a_full_covariance():
    posterior = kv.posteriors.Householder(reflections=2)
    posterior.build((None, 3), (None, 0), (2,))
    randomised(posterior, seed=3)
    rows = 20000
    features = ops.convert_to_tensor(np.tile([[1.0, -1.0, 0.5]], (rows, 1)).astype("float32"))
    q = posterior.distribution(features, ops.zeros((rows, 0)))
    covariance = np.cov(ops.convert_to_numpy(q.sample(seed=0)).T)
    variances = np.exp(ops.convert_to_numpy(q.base.log_var)[0])
    assert np.allclose(np.sort(np.linalg.eigvalsh(covariance)), np.sort(variances), rtol=0.05)
    assert abs(covariance[0, 1]) > 0.01


def test_full_covariance_improves_a_bound_that_a_diagonal_posterior_cannot():
    """A linear-Gaussian model with a correlated posterior: q with correlations comes closer to log p(x)."""
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(512, 1)) * np.ones((1, 3)) + 0.1 * rng.normal(size=(512, 3))).astype("float32")
    elbos = {}
    for name in ("gaussian", "full_covariance"):
        decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        decoder.set_weights([np.array([[1.0] * 3, [0.9] * 3], "float32"), np.zeros(3, "float32")])
        decoder.trainable = False
        vae = kv.VAE(
            (3,),
            2,
            encoder=keras.layers.Identity(),
            decoder=decoder,
            likelihood=kv.likelihoods.Gaussian(0.3, project=False),
            posterior=name,
            seed=0,
        )
        vae.compile(keras.optimizers.Adam(0.02))
        vae.fit(x, epochs=30, batch_size=64, verbose=0)
        elbos[name] = vae.elbo(x, num_samples=50, seed=0).mean()
    assert elbos["full_covariance"] > elbos["gaussian"] + 0.3
