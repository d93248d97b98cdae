"""The mixture's density and its written-out gradient against float64, over the range it promises."""

import numpy as np
import pytest
from keras import ops

from keras_vae.distributions import GaussianMixture
from keras_vae.distributions.gaussian_mixture import mixture_log_prob
from tests.mathematics.autodiff import vector_jacobian


def reference(z, loc, log_var, log_weights, upstream):
    """Density and gradients by the definition, in float64."""
    z, loc, log_var, log_weights = (np.asarray(value, "float64") for value in (z, loc, log_var, log_weights))
    difference = z[:, None] - loc[None]
    joint = log_weights - 0.5 * np.sum(difference**2 * np.exp(-log_var) + log_var + np.log(2 * np.pi), axis=-1)
    peak = joint.max(axis=1, keepdims=True)
    density = peak[:, 0] + np.log(np.exp(joint - peak).sum(axis=1))
    weight = (np.exp(joint - density[:, None]) * upstream[:, None])[..., None]
    pull = weight * difference * np.exp(-log_var)
    spread = 0.5 * weight * (difference**2 * np.exp(-log_var) - 1.0)
    return density, [-pull.sum(axis=1), pull.sum(axis=0), spread.sum(axis=0), weight.sum(axis=(0, 2))]


def make_case(seed, width, low, high, scale):
    rng = np.random.default_rng(seed)
    loc = rng.normal(size=(40, width)) * scale
    log_var = rng.uniform(low, high, size=loc.shape)
    chosen = rng.integers(len(loc), size=32)
    z = loc[chosen] + np.exp(log_var[chosen] / 2) * rng.normal(size=(32, width))
    log_weights = np.log(rng.dirichlet(np.ones(len(loc))))
    upstream = rng.normal(size=32)  # both signs: a loss subtracts this density
    return [value.astype("float32") for value in (z, loc, log_var, log_weights, upstream)]


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
@pytest.mark.parametrize(("low", "high"), [(-8.0, -8.0), (-8.0, -4.0), (-8.0, 4.0), (-3.0, 1.0), (4.0, 4.0)])
@pytest.mark.parametrize("width", [1, 10, 60])
def test_density_and_gradient(width, low, high, scale):
    *arguments, upstream = make_case(width, width, low, high, scale)
    density, gradients = vector_jacobian(mixture_log_prob, arguments, upstream)
    expected, expected_gradients = reference(*arguments, upstream)
    assert np.abs(density - expected).max() < 1e-3
    for gradient, wanted in zip(gradients, expected_gradients, strict=True):
        assert np.abs(gradient - wanted).max() < 2e-3 * np.abs(wanted).max() + 1e-4


def test_far_from_every_component_it_stays_finite():
    density = GaussianMixture(np.zeros((3, 2)), np.full((3, 2), -8.0)).log_prob(np.full((4, 2), 1e3, "float32"))
    assert np.isfinite(ops.convert_to_numpy(density)).all()


def test_leading_axes_and_events_of_any_rank():
    rng = np.random.default_rng(0)
    p = GaussianMixture(rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 2, 3)))
    z = rng.normal(size=(4, 7, 2, 3)).astype("float32")
    density = ops.convert_to_numpy(p.log_prob(z))
    assert density.shape == (4, 7)
    assert np.allclose(density[1], ops.convert_to_numpy(p.log_prob(z[1])), atol=1e-5)


def test_draws_have_the_moments():
    p = GaussianMixture([[-2.0], [1.0]], [[-1.0], [0.5]], [0.0, 1.0], batch_size=20000)
    draws = ops.convert_to_numpy(p.sample(seed=0))
    mean, variance = (ops.convert_to_numpy(value)[0] for value in (p.mean(), p.variance()))
    assert abs(draws.mean() - mean).max() < 4 * np.sqrt(variance / len(draws))
    assert abs(draws.var() / variance - 1).max() < 0.05
