"""Laplace and spike-and-slab: density, draws and KL against scipy and numerical integration in float64."""

import numpy as np
import pytest
import scipy.stats
from keras import ops

from keras_vae.backend import SeedGenerator
from keras_vae.distributions import Gaussian, Laplace, SpikeAndSlab, kl_divergence_per_dimension

RNG = np.random.default_rng(0)


def numpy(tensor):
    return ops.convert_to_numpy(tensor).astype("float64")


def normal(*shape):
    return RNG.standard_normal(shape).astype("float32")


NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)


def integral(function, low, high, cuts=()):
    """Of a function, by Gauss-Legendre points on each of many pieces, which end where it bends."""
    cuts = [cut for cut in cuts if low < cut < high]
    marks = np.unique(np.concatenate([np.linspace(low, high, 25), cuts]))
    starts, halves = marks[:-1, None], 0.5 * np.diff(marks)[:, None]
    return float(np.sum(halves * WEIGHTS * function(starts + halves * (1.0 + NODES))))


def integrated_kl(loc, scale, log_p, cuts):
    """KL(N(loc, scale^2) || p) in float64."""
    q = scipy.stats.norm(loc, scale)
    return integral(lambda z: q.pdf(z) * (q.logpdf(z) - log_p(z)), loc - 12 * scale, loc + 12 * scale, cuts)


class TestLaplace:
    def test_against_scipy(self):
        x, loc, log_scale = normal(50, 3), normal(50, 3), normal(50, 3)
        theirs = scipy.stats.laplace(loc.astype("float64"), np.exp(log_scale.astype("float64")))
        ours = Laplace(loc, log_scale)
        np.testing.assert_allclose(numpy(ours.log_prob(x)), theirs.logpdf(x).sum(-1), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(numpy(ours.variance()), theirs.var(), rtol=1e-5)
        np.testing.assert_array_equal(numpy(ours.mean()), loc)
        np.testing.assert_array_equal(numpy(ours.mode()), loc)

    def test_draws_follow_the_density(self):
        p = Laplace(np.full((20000, 1), 0.5), np.full((20000, 1), np.log(2.0)))
        draws = numpy(p.sample(SeedGenerator(0)))[:, 0]
        assert scipy.stats.kstest(draws, scipy.stats.laplace(0.5, 2.0).cdf).pvalue > 1e-3
        cold = numpy(p.tempered(0.5).sample(SeedGenerator(0)))[:, 0]
        np.testing.assert_allclose(cold - 0.5, 0.5 * (draws - 0.5), atol=1e-4)

    def test_event_axes_and_masks(self):
        x, loc = normal(2, 4, 3), normal(2, 4, 3)
        mask = np.array([[True, True, False, False], [True, False, False, False]])
        elements = scipy.stats.laplace(loc.astype("float64")).logpdf(x)
        x[~mask] = np.nan
        value = Laplace(loc, np.zeros(3), event_ndims=2, mask=mask).log_prob(x)
        np.testing.assert_allclose(numpy(value), (elements * mask[..., None]).sum((1, 2)), rtol=1e-5)

    @pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
    def test_kl_of_a_gaussian(self, scale):
        loc = np.array([0.0, 1e-3, 0.3, -2.0, 8.0, -40.0])
        for deviation in (1e-3, 0.5, 10.0):
            # Written out: scipy's is minus infinity where the density underflows.
            expected = [
                integrated_kl(mean, deviation, lambda z: -np.log(2 * scale) - np.abs(z) / scale, [0.0]) for mean in loc
            ]
            q = Gaussian(loc, np.full(len(loc), 2.0 * np.log(deviation)))
            found = kl_divergence_per_dimension(q, Laplace(np.zeros(len(loc)), np.log([scale])))
            np.testing.assert_allclose(numpy(found), expected, rtol=2e-5, atol=2e-5)

    def test_kl_far_away_is_linear(self):
        loc = np.array([-1e8, 1e6, 3e4], dtype="float32")
        q = Gaussian(loc, np.array([-20.0, 15.0, -20.0]))
        found = numpy(kl_divergence_per_dimension(q, Laplace(np.zeros(3), np.full(3, -3.0))))
        np.testing.assert_allclose(found, np.abs(loc) * np.exp(3.0), rtol=1e-3)

    def test_kl_of_two(self):
        q, p = Laplace([0.0, 0.3, -2.0], [0.0, -1.0, 0.5]), Laplace([0.0, -0.4, 3.0], [0.0, 0.2, -0.5])
        expected = []
        for index in range(3):
            theirs = [scipy.stats.laplace(*(float(v[index]) for v in (d.loc, ops.exp(d.log_scale)))) for d in (q, p)]
            peaks = [float(d.loc[index]) for d in (q, p)]
            a, b = theirs
            expected.append(integral(lambda z, a=a, b=b: a.pdf(z) * (a.logpdf(z) - b.logpdf(z)), -45, 45, peaks))
        np.testing.assert_allclose(numpy(kl_divergence_per_dimension(q, p)), expected, rtol=1e-4, atol=1e-6)


class TestSpikeAndSlab:
    @staticmethod
    def log_prob(z, slab_weight, spike, slab):
        return np.logaddexp(
            np.log(slab_weight) + scipy.stats.norm(0, slab).logpdf(z),
            np.log1p(-slab_weight) + scipy.stats.norm(0, spike).logpdf(z),
        )

    @staticmethod
    def value(slab_weight, spike, slab, rows=1):
        logit = np.log(slab_weight / (1.0 - slab_weight))
        return SpikeAndSlab(*(np.full((rows, 1), v) for v in (logit, 2 * np.log(spike), 2 * np.log(slab))))

    @pytest.mark.parametrize("choice", [(0.2, 0.1, 1.0), (0.9, 0.001, 5.0), (0.5, 0.3, 0.3)])
    def test_density(self, choice):
        z = np.array([[0.0], [0.05], [-0.3], [1.0], [-8.0]])
        expected = self.log_prob(z, *choice)[:, 0]
        p = self.value(*choice)
        np.testing.assert_allclose(numpy(p.log_prob(z)), expected, rtol=2e-5, atol=2e-5)
        slab = np.log(choice[0]) + scipy.stats.norm(0, choice[2]).logpdf(z)
        np.testing.assert_allclose(numpy(p.slab_probability(z))[:, 0], np.exp(slab[:, 0] - expected), atol=1e-4)
        weight, spike_scale, slab_scale = choice
        variance = weight * slab_scale**2 + (1 - weight) * spike_scale**2
        np.testing.assert_allclose(numpy(p.variance()), [[variance]], rtol=1e-5)

    @pytest.mark.parametrize("seed", [3, None])
    def test_draws_follow_the_density(self, seed):
        draws = numpy(self.value(0.3, 0.1, 2.0, 20000).sample(SeedGenerator(0) if seed is None else seed))[:, 0]
        spike, slab = scipy.stats.norm(0, 0.1), scipy.stats.norm(0, 2.0)
        assert scipy.stats.kstest(draws, lambda z: 0.3 * slab.cdf(z) + 0.7 * spike.cdf(z)).pvalue > 1e-3

    @pytest.mark.parametrize("choice", [(0.2, 0.1, 1.0), (0.5, 0.01, 1.0), (0.01, 0.05, 1.0), (0.9, 0.5, 2.0)])
    def test_kl_of_a_gaussian(self, choice):
        means = np.array([0.0, 0.02, 0.1, -0.3, 1.0, -3.0])
        spike = choice[1]
        cuts = [factor * spike for factor in (-6, -4, -2, -1, 0, 1, 2, 4, 6)]
        rows = [(mean, deviation) for mean in means for deviation in (1e-3, 0.05, 0.5, 3.0)]
        expected = [integrated_kl(*row, lambda z: self.log_prob(z, *choice), cuts) for row in rows]
        loc, deviation = np.array(rows).T[..., None]
        found = numpy(kl_divergence_per_dimension(Gaussian(loc, 2.0 * np.log(deviation)), self.value(*choice)))[:, 0]
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)
        assert (found > -1e-4).all()

    def test_kl_far_away_is_the_slabs(self):
        q = Gaussian([[1e4], [-300.0]], [[-20.0], [10.0]])
        found = numpy(kl_divergence_per_dimension(q, self.value(0.2, 0.1, 1.0)))
        slab = numpy(kl_divergence_per_dimension(q, Gaussian([[0.0]], [[0.0]]))) - np.log(0.2)
        np.testing.assert_allclose(found[0], slab[0], rtol=1e-5)
        np.testing.assert_allclose(found[1], slab[1], rtol=1e-3)
