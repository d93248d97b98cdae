"""The Poincaré ball in float32 against the formulas of the papers in float64, and the wrapped normal's draws."""

import keras
import numpy as np
import pytest
import scipy.integrate
from keras import ops

import keras_vae as kv
from keras_vae.distributions import Gaussian, RiemannianNormal, WrappedNormal
from keras_vae.distributions.poincare_ball import distance, exponential_map, geodesic, logarithm_map, mobius_add
from tests.mathematics.autodiff import vector_jacobian


def added(x, y, c):
    """x ⊕ y as Ganea et al. (2018) write it, definition 1."""
    xy, x2, y2 = (np.sum(a * b, axis=-1, keepdims=True) for a, b in ((x, y), (x, x), (y, y)))
    return ((1 + 2 * c * xy + c * y2) * x + (1 - c * x2) * y) / (1 + 2 * c * xy + c**2 * x2 * y2)


def conformal(x, c):
    return 2 / (1 - c * np.sum(x * x, axis=-1, keepdims=True))


def log_density(z, loc, log_var, c):
    """Mathieu et al. (2019), equations 4 and 5: logarithm map, parallel transport to the origin, and the Jacobian."""
    moved = added(-loc, z, c)
    length = np.linalg.norm(moved, axis=-1, keepdims=True)
    tangent = 2 / (np.sqrt(c) * conformal(loc, c)) * np.arctanh(np.sqrt(c) * length) * moved / length
    step = tangent * conformal(loc, c)  # transported to the origin, and in an orthonormal frame there
    normal = -0.5 * np.sum(step**2 * np.exp(-log_var) + log_var + np.log(2 * np.pi), axis=-1)
    apart = 2 / np.sqrt(c) * np.arctanh(np.sqrt(c) * length[:, 0])
    return normal - (z.shape[-1] - 1) * np.log(np.sinh(np.sqrt(c) * apart) / (np.sqrt(c) * apart))


def points(rng, rows, width, c, farthest):
    """Points up to a distance from the origin, as float32 holds them."""
    direction = rng.normal(size=(rows, width))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    radius = np.tanh(0.5 * rng.uniform(0.1, farthest, (rows, 1))) / np.sqrt(c)
    return (radius * direction).astype("float32")


@pytest.mark.parametrize("c", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("width", [2, 5])
def test_density_against_the_paper(width, c):
    rng = np.random.default_rng(0)
    loc, z = points(rng, 500, width, c, 6.0), points(rng, 500, width, c, 6.0)
    log_var = rng.normal(size=(500, width)).astype("float32")
    expected = log_density(z.astype("float64"), loc.astype("float64"), log_var.astype("float64"), c)
    found = ops.convert_to_numpy(WrappedNormal(loc, log_var, c).log_prob(z))
    assert np.max(np.abs(found - expected) / (1.0 + np.abs(expected))) < 2e-4


def test_close_points_near_the_boundary():
    """Differences of coordinates decide there; the textbook's formula loses them in float32."""
    loc = np.array([[0.9995, 0.0]], "float32")
    z = loc + np.array([[1e-5, 2e-5]], "float32")
    expected = log_density(z.astype("float64"), loc.astype("float64"), np.zeros((1, 2)), 1.0)
    found = ops.convert_to_numpy(WrappedNormal(loc, np.zeros((1, 2)), 1.0).log_prob(z))
    assert found == pytest.approx(expected, abs=1e-4)
    moved = added(-loc.astype("float64"), z.astype("float64"), 1.0)
    rounded = added(-loc, z, np.float32(1.0))
    assert np.linalg.norm(rounded - moved) > 1e-3 * np.linalg.norm(moved)
    assert np.linalg.norm(ops.convert_to_numpy(mobius_add(-loc, z, 1.0)) - moved) < 2e-4 * np.linalg.norm(moved)


@pytest.mark.parametrize("c", [0.5, 2.0])
def test_maps_and_geodesics(c):
    rng = np.random.default_rng(1)
    x, y = points(rng, 200, 3, c, 5.0), points(rng, 200, 3, c, 5.0)
    wide = x.astype("float64"), y.astype("float64")
    cosh = (
        1 + 0.5 * c * np.sum((wide[0] - wide[1]) ** 2, axis=1) * (conformal(wide[0], c) * conformal(wide[1], c))[:, 0]
    )
    apart = ops.convert_to_numpy(distance(x, y, c))
    assert np.allclose(apart, np.arccosh(cosh) / np.sqrt(c), rtol=2e-4)
    back = ops.convert_to_numpy(exponential_map(x, logarithm_map(x, y, c), c))
    assert np.abs(back - y).max() < 5e-5
    third = geodesic(x, y, 1 / 3, c)
    assert np.allclose(ops.convert_to_numpy(distance(x, third, c)), apart / 3, rtol=5e-3, atol=1e-3)
    assert np.allclose(ops.convert_to_numpy(distance(third, y, c)), apart * 2 / 3, rtol=5e-3, atol=1e-3)


def test_draws_are_gaussian_steps_from_the_centre():
    rows, c = 20000, 0.6
    loc, log_var = np.tile([[0.6, -0.5]], (rows, 1)), np.tile([[-1.0, 0.4]], (rows, 1))
    z = WrappedNormal(loc, log_var, c).sample(seed=0)
    step = ops.convert_to_numpy(logarithm_map(loc, z, c))
    assert np.abs(step.mean(axis=0)).max() < 5 * np.exp(0.2) / np.sqrt(rows)
    assert np.allclose(np.cov(step.T), np.diag(np.exp(log_var[0])), rtol=0.05, atol=0.03)


def radial(variance, c, width):
    """The radius' moments and the normaliser, by scipy: functions of what is integrated."""

    def integral(function):
        def integrand(r):
            return function(r) * np.exp(-0.5 * r**2 / variance) * (np.sinh(np.sqrt(c) * r) / np.sqrt(c)) ** (width - 1)

        return scipy.integrate.quad(integrand, 0.0, 30.0, limit=200)[0]

    return integral


@pytest.mark.parametrize("c", [0.3, 1.0])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_riemannian_normal_against_scipy(width, c):
    rows, variance = 20000, 0.7
    integral = radial(variance, c, width)
    total = integral(lambda r: 1.0)
    area = {1: 2.0, 2: 2 * np.pi, 4: 2 * np.pi**2}[width]
    loc = np.tile(points(np.random.default_rng(3), 1, width, c, 2.0), (rows, 1))
    p = RiemannianNormal(loc, np.full(rows, np.log(variance)), c)
    assert ops.convert_to_numpy(p.log_prob(loc))[0] == pytest.approx(-np.log(area * total), abs=1e-4)
    apart = ops.convert_to_numpy(distance(loc, p.sample(seed=0), c))
    for power in (1, 2):
        expected = integral(lambda r, power=power: r**power) / total
        assert abs(np.mean(apart**power) - expected) < 5 * np.std(apart**power) / np.sqrt(rows) + 1e-3


def test_gradient_of_a_riemannian_draw_with_respect_to_the_variance():
    rows, c = 20000, 0.8

    def mean_distance(variance):
        loc = ops.zeros((rows, 3))
        p = RiemannianNormal(loc, ops.broadcast_to(ops.log(variance), (rows,)), c)
        return ops.mean(distance(loc, p.sample(seed=0), c), axis=0, keepdims=True)

    def exact(variance):
        integral = radial(variance, c, 3)
        return integral(lambda r: r) / integral(lambda r: 1.0)

    _, (found,) = vector_jacobian(mean_distance, [np.array([0.6], "float32")], np.ones(1, "float32"))
    assert found[0] == pytest.approx((exact(0.601) - exact(0.599)) / 0.002, rel=0.03)


def test_towards_no_curvature_it_is_a_gaussian():
    """At the origin coordinates are half of lengths: the metric is four times the Euclidean one."""
    rng = np.random.default_rng(2)
    loc, z = (rng.normal(size=(20, 3)).astype("float32") for _ in range(2))
    log_var = rng.normal(size=(20, 3)).astype("float32")
    flat = Gaussian(2 * loc, log_var).log_prob(2 * z)
    found = WrappedNormal(loc, log_var, 1e-5).log_prob(z)
    assert np.allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(flat), rtol=1e-3, atol=1e-2)


def test_gradients_are_finite_at_the_centre_and_at_the_boundary():
    loc = np.array([[0.0, 0.0], [0.3, 0.2], [0.99999, 0.0]], "float32")

    def both(loc, value):
        return WrappedNormal(loc, ops.zeros_like(loc)).log_prob(value)

    value, gradients = vector_jacobian(both, [loc, loc], np.ones(3, "float32"))
    assert np.isfinite(value).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_curvature_is_that_of_the_prior_and_stays_in_the_file(tmp_path):
    vae = kv.VAE((6,), 2, prior=kv.priors.Poincare(curvature=0.3, scale=0.5), posterior="poincare")
    x = np.random.default_rng(0).random((8, 6)).astype("float32")
    assert vae.encode(x, mode="distribution").curvature == 0.3
    assert vae.generate(5, seed=0).shape == (5, 6)
    vae.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.prior.curvature == 0.3
    assert np.allclose(again.encode(x), vae.encode(x), atol=1e-6)


def test_interpolation_along_geodesics():
    vae = kv.VAE((6,), 2, prior="poincare", posterior="poincare", seed=0)
    for weight in vae.posterior.trainable_variables:
        weight.assign(3.0 * keras.random.normal(weight.shape, seed=1))  # centres far apart
    x = np.random.default_rng(0).random((2, 6)).astype("float32")
    found = vae.interpolate(x[:1], x[1:], steps=3, path="geodesic")
    z = vae.encode(x)
    middle = ops.convert_to_numpy(geodesic(z[:1], z[1:], 0.5, 1.0))
    expected = vae.decode(np.concatenate([z[:1], middle, z[1:]]))
    assert np.allclose(found[0], expected, atol=1e-4)
    assert np.abs(vae.interpolate(x[:1], x[1:], steps=3) - found).max() > 1e-3  # a chord is another path


@pytest.mark.refusals
def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="curvature"):
        kv.priors.Poincare(curvature=-1.0)
    with pytest.raises(ValueError, match="'poincare' with 'poincare'"):
        kv.VAE((6,), 2, prior="poincare")
    with pytest.raises(ValueError, match="'poincare'"):
        kv.VAE((6,), 2, posterior="poincare")


@pytest.mark.refusals
def test_latents_outside_of_the_ball_are_refused():
    ball = kv.latents.Single(2, prior=kv.priors.Poincare(curvature=4.0), posterior="poincare")
    vae = kv.VAE((6,), latents=kv.latents.Product([ball, kv.latents.Single(1)]))
    assert vae.generate(2, fixed={0: [0.3, 0.0]}).shape == (2, 6)
    with pytest.raises(ValueError, match="points of the ball"):
        vae.generate(2, fixed={0: [0.6, 0.0]})
