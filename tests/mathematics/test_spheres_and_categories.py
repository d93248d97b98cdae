"""Von Mises-Fisher against scipy's Bessel functions and against its own draws; categorical against counting."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
from keras import ops

from keras_vae.distributions import MultivariateGaussian, OneHotCategorical, VonMisesFisher, kl_divergence


def directions(rng, rows, dimension):
    vectors = rng.normal(size=(rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")


@pytest.mark.parametrize("dimension", [2, 3, 10, 40])
@pytest.mark.parametrize("concentration", [0.1, 1.0, 30.0, 1000.0, 9000.0])
def test_density_against_scipy(dimension, concentration):
    rng = np.random.default_rng(0)
    loc = directions(rng, 1, dimension)
    points = loc + directions(rng, 6, dimension) / np.sqrt(concentration)
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype("float32")
    q = VonMisesFisher(loc, np.array([concentration]))
    wide = (loc[0] / np.linalg.norm(loc[0].astype("float64"))).astype("float64")
    expected = scipy.stats.vonmises_fisher(wide, concentration).logpdf(
        points / np.linalg.norm(points.astype("float64"), axis=1, keepdims=True)
    )
    assert np.abs(ops.convert_to_numpy(q.log_prob(points)) - expected).max() < 1e-3


@pytest.mark.parametrize("dimension", [2, 3, 20])
@pytest.mark.parametrize("concentration", [1.0, 20.0, 500.0])
def test_draws_and_kl(dimension, concentration):
    rng = np.random.default_rng(1)
    loc = directions(rng, 1, dimension)
    rows = 20000
    q = VonMisesFisher(np.tile(loc, (rows, 1)), np.full(rows, concentration))
    z = ops.convert_to_numpy(q.sample(seed=0))
    assert np.abs(np.linalg.norm(z, axis=1) - 1).max() < 1e-4
    cosines = z @ loc[0]
    order = dimension / 2
    expected = scipy.special.ive(order, concentration) / scipy.special.ive(order - 1, concentration)
    assert abs(cosines.mean() - expected) < 5 * cosines.std() / np.sqrt(rows)
    uniform = VonMisesFisher(np.tile(loc, (rows, 1)), np.zeros(rows))
    ratio = ops.convert_to_numpy(q.log_prob(z)) - ops.convert_to_numpy(uniform.log_prob(z))
    closed = float(kl_divergence(q, uniform)[0])
    assert abs(ratio.mean() - closed) < 5 * ratio.std() / np.sqrt(rows) + 1e-3
    assert float(kl_divergence(q, q)[0]) == pytest.approx(0.0, abs=1e-5)


def test_gradient_of_a_draw_with_respect_to_the_concentration():
    """Reparametrised: the mean cosine's derivative agrees with that of the closed form."""
    from tests.mathematics.autodiff import vector_jacobian

    rows = 40000
    loc = np.tile(np.eye(1, 5, dtype="float32"), (rows, 1))

    def mean_cosine(concentration):
        q = VonMisesFisher(loc, ops.broadcast_to(concentration, (rows,)))
        return ops.mean(q.sample(seed=0)[:, :1], axis=0)

    _, (gradient,) = vector_jacobian(mean_cosine, [np.array([5.0], "float32")], np.ones(1, "float32"))

    def closed(value):
        return scipy.special.ive(2.5, value) / scipy.special.ive(1.5, value)

    expected = (closed(5.01) - closed(4.99)) / 0.02
    assert gradient[0] == pytest.approx(expected, rel=0.03)


def test_multivariate_gaussian_against_scipy():
    rng = np.random.default_rng(2)
    factor = np.tril(rng.normal(size=(4, 4))) + 3 * np.eye(4)
    loc, points = rng.normal(size=4), rng.normal(size=(7, 4))
    q = MultivariateGaussian(np.tile(loc, (7, 1)), np.tile(factor, (7, 1, 1)))
    expected = scipy.stats.multivariate_normal(loc, factor @ factor.T).logpdf(points)
    assert np.allclose(ops.convert_to_numpy(q.log_prob(points)), expected, atol=1e-4)
    rows = 20000
    many = MultivariateGaussian(np.tile(loc, (rows, 1)), np.tile(factor, (rows, 1, 1)))
    draws = ops.convert_to_numpy(many.sample(seed=0))
    assert np.allclose(np.cov(draws.T), factor @ factor.T, rtol=0.1, atol=0.5)


def test_categorical_draws_are_exact_and_one_hot():
    logits = np.log(np.array([[[0.1, 0.2, 0.7]]]))
    rows = 20000
    draws = ops.convert_to_numpy(OneHotCategorical(np.tile(logits, (rows, 1, 1)), relaxation=0.5).sample(seed=0))
    assert set(np.unique(np.round(draws, 5))) == {0.0, 1.0}
    assert np.allclose(draws.mean(axis=0), [[0.1, 0.2, 0.7]], atol=0.015)
    q, p = OneHotCategorical(logits), OneHotCategorical(np.zeros((1, 1, 3)))
    expected = scipy.stats.entropy([0.1, 0.2, 0.7], [1 / 3] * 3)
    assert float(kl_divergence(q, p)[0]) == pytest.approx(expected, abs=1e-5)
