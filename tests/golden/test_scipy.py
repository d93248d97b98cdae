"""Distribution values against scipy.stats, to the precision of float32."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
from keras import ops

from keras_vae.distributions import LOG_VAR_RANGE, Bernoulli, Gaussian, kl_divergence, kl_divergence_per_dimension

RNG = np.random.default_rng(0)
RTOL = 2e-6
"""Some ulps of float32, for sums of a few dozen terms."""


def numpy(tensor):
    assert keras.backend.standardize_dtype(tensor.dtype) == "float32"
    return ops.convert_to_numpy(tensor).astype("float64")


def gaussian_log_prob(x, loc, log_var):
    log_var = np.clip(np.asarray(log_var, "float64"), *LOG_VAR_RANGE)
    return scipy.stats.norm.logpdf(np.asarray(x, "float64"), np.asarray(loc, "float64"), np.exp(0.5 * log_var))


def gaussian_kl(loc_q, log_var_q, loc_p, log_var_p):
    """Per dimension, in float64."""
    log_var_q, log_var_p = (np.clip(np.asarray(v, "float64"), *LOG_VAR_RANGE) for v in (log_var_q, log_var_p))
    difference = log_var_q - log_var_p
    return 0.5 * (
        np.exp(difference) - 1.0 - difference + (loc_q - np.asarray(loc_p, "float64")) ** 2 * np.exp(-log_var_p)
    )


def normal(*shape, scale=1.0):
    return (scale * RNG.standard_normal(shape)).astype("float32")


class TestGaussian:
    def test_log_prob(self):
        x, loc, log_var = normal(50, 3), normal(50, 3), normal(50, 3)
        expected = gaussian_log_prob(x, loc, log_var).sum(-1)
        np.testing.assert_allclose(numpy(Gaussian(loc, log_var).log_prob(x)), expected, rtol=RTOL, atol=1e-5)

    @pytest.mark.parametrize("event_ndims", [0, 1, 2, 3])
    def test_event_axes(self, event_ndims):
        x, loc, log_var = (normal(2, 3, 4, 5) for _ in range(3))
        elements = gaussian_log_prob(x, loc, log_var)
        expected = elements.sum(tuple(range(4 - event_ndims, 4)))
        value = numpy(Gaussian(loc, log_var, event_ndims=event_ndims).log_prob(x))
        assert value.shape == (2, 3, 4, 5)[: 4 - event_ndims]
        np.testing.assert_allclose(value, expected, rtol=RTOL, atol=3e-5)

    def test_leading_axes_broadcast(self):
        x, loc, log_var = normal(7, 1, 3), normal(4, 3), normal(3)
        expected = gaussian_log_prob(x, loc, log_var).sum(-1)
        assert expected.shape == (7, 4)
        np.testing.assert_allclose(numpy(Gaussian(loc, log_var).log_prob(x)), expected, rtol=RTOL, atol=1e-5)

    @pytest.mark.parametrize("log_var", [-1e4, -50.0, -20.0, -5.0, 5.0, 15.0, 50.0, 1e4])
    def test_extreme_log_variances_are_those_of_the_clip(self, log_var):
        x, loc = normal(20, 2), normal(20, 2)
        value = Gaussian(loc, np.full((20, 2), log_var, "float32"))
        expected = gaussian_log_prob(x, loc, np.full((20, 2), log_var)).sum(-1)
        np.testing.assert_allclose(numpy(value.log_prob(x)), expected, rtol=1e-5)
        spread = np.exp(0.5 * np.clip(log_var, *LOG_VAR_RANGE))
        assert numpy(value.sample(seed=0) - loc).std() == pytest.approx(spread, rel=0.5)
        np.testing.assert_allclose(numpy(value.variance()), spread**2, rtol=1e-5)

    @pytest.mark.parametrize("dtype", ["float16", "float64", "int32"])
    def test_other_inputs_are_computed_in_float32(self, dtype):
        x, loc, log_var = (np.round(normal(20, 3, scale=3.0)).astype(dtype) for _ in range(3))
        expected = gaussian_log_prob(x, loc, log_var).sum(-1)
        np.testing.assert_allclose(numpy(Gaussian(loc, log_var).log_prob(x)), expected, rtol=1e-5)

    def test_half_precision_inputs_do_not_overflow(self):
        # The sum of 400 squares of 200 is beyond float16.
        x = np.full((2, 400), 200.0, "float16")
        value = Gaussian(np.zeros((2, 400), "float16"), np.zeros((2, 400), "float16")).log_prob(x)
        np.testing.assert_allclose(numpy(value), -0.5 * 400 * (200.0**2 + np.log(2 * np.pi)), rtol=RTOL)

    def test_a_mask_leaves_elements_out(self):
        x, loc, log_var = (normal(2, 4, 3) for _ in range(3))
        mask = np.array([[True, True, False, True], [False, True, True, False]])
        expected = (gaussian_log_prob(x, loc, log_var) * mask[..., None]).sum((1, 2))
        x[~mask] = 1e30
        value = Gaussian(loc, log_var, event_ndims=2, mask=mask).log_prob(x)
        np.testing.assert_allclose(numpy(value), expected, rtol=RTOL, atol=1e-5)

    def test_kl(self):
        q, p = (normal(50, 3), normal(50, 3)), (normal(50, 3), normal(50, 3))
        expected = gaussian_kl(*q, *p)
        np.testing.assert_allclose(
            numpy(kl_divergence_per_dimension(Gaussian(*q), Gaussian(*p))), expected, rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(numpy(kl_divergence(Gaussian(*q), Gaussian(*p))), expected.sum(-1), rtol=1e-5)

    def test_kl_of_nearly_equal_distributions_keeps_its_digits(self):
        log_var = normal(40, 1)
        step = np.float32(1e-3)
        q, p = (np.zeros_like(log_var), log_var + step), (np.zeros_like(log_var), log_var)
        # exp(d) - 1 - d would leave no digit of d^2 / 2 = 5e-7 in float32.
        value = numpy(kl_divergence(Gaussian(*q), Gaussian(*p)))
        np.testing.assert_allclose(value, gaussian_kl(*q, *p).sum(-1), rtol=2e-2)

    @pytest.mark.parametrize("log_var_q", [-1e4, -20.0, 15.0, 1e4])
    @pytest.mark.parametrize("log_var_p", [-1e4, 0.0, 1e4])
    def test_kl_at_the_ends_of_the_clip(self, log_var_q, log_var_p):
        q = normal(3, 2), np.full((3, 2), log_var_q, "float32")
        p = normal(3, 2), np.full((3, 2), log_var_p, "float32")
        value = numpy(kl_divergence(Gaussian(*q), Gaussian(*p)))
        np.testing.assert_allclose(value, gaussian_kl(*q, *p).sum(-1), rtol=1e-5, atol=1e-4)

    def test_kl_with_a_mask_and_broadcasting(self):
        q = normal(2, 4, 3), normal(2, 4, 3)
        mask = np.array([[True, True, False, False], [True, True, True, True]])
        expected = (gaussian_kl(*q, 0.0, 0.0) * mask[..., None]).sum((1, 2))
        value = kl_divergence(
            Gaussian(*q, event_ndims=2, mask=mask), Gaussian(np.zeros((1, 1)), np.zeros((1, 1)), event_ndims=2)
        )
        np.testing.assert_allclose(numpy(value), expected, rtol=1e-5)

    def test_moments_and_temperature(self):
        loc, log_var = normal(5, 2), normal(2)
        value = Gaussian(loc, log_var)
        np.testing.assert_allclose(numpy(value.mean()), loc, rtol=RTOL)
        np.testing.assert_allclose(numpy(value.mode()), loc, rtol=RTOL)
        np.testing.assert_allclose(numpy(value.variance()), np.tile(np.exp(log_var), (5, 1)), rtol=RTOL)
        full, half, none = (numpy(value.tempered(t).sample(seed=1)) for t in (1.0, 0.5, 0.0))
        np.testing.assert_allclose(half - loc, 0.5 * (full - loc), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(none, loc, atol=1e-6)

    def test_draws_pass_a_kolmogorov_smirnov_test(self):
        value = Gaussian(np.full((20000, 1), 0.7), np.full((20000, 1), -1.2))
        draws = numpy(value.sample(seed=3))[:, 0]
        assert scipy.stats.kstest(draws, scipy.stats.norm(0.7, np.exp(-0.6)).cdf).pvalue > 1e-4


class TestBernoulli:
    def test_log_prob(self):
        logits, x = normal(30, 4, scale=3.0), RNG.integers(0, 2, (30, 4)).astype("float32")
        expected = scipy.stats.bernoulli.logpmf(x, scipy.special.expit(logits.astype("float64"))).sum(-1)
        np.testing.assert_allclose(numpy(Bernoulli(logits).log_prob(x)), expected, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("logit", [-1e4, -100.0, -20.0, 20.0, 100.0, 1e4])
    def test_extreme_logits(self, logit):
        value = Bernoulli(np.full((1, 1), logit, "float32"))
        for x in (0.0, 1.0):
            expected = scipy.special.log_expit(logit if x else -logit)
            np.testing.assert_allclose(numpy(value.log_prob(np.full((1, 1), x))), [expected], rtol=1e-5, atol=1e-7)

    @pytest.mark.parametrize("dtype", ["float16", "int32", "bool", "uint8"])
    def test_other_inputs_are_computed_in_float32(self, dtype):
        logits, x = normal(20, 3), RNG.integers(0, 2, (20, 3))
        expected = scipy.stats.bernoulli.logpmf(x, scipy.special.expit(logits.astype("float64"))).sum(-1)
        np.testing.assert_allclose(numpy(Bernoulli(logits).log_prob(x.astype(dtype))), expected, rtol=1e-5)

    def test_grey_levels_give_the_negative_cross_entropy(self):
        logits, x = normal(10, 4), RNG.random((10, 4)).astype("float32")
        p = scipy.special.expit(logits.astype("float64"))
        expected = (x * np.log(p) + (1 - x) * np.log1p(-p)).sum(-1)
        np.testing.assert_allclose(numpy(Bernoulli(logits).log_prob(x)), expected, rtol=1e-5)

    @pytest.mark.parametrize("event_ndims", [0, 1, 2])
    def test_event_axes_and_mask(self, event_ndims):
        logits, x = normal(3, 4, 2), RNG.integers(0, 2, (3, 4, 2)).astype("float32")
        elements = scipy.stats.bernoulli.logpmf(x, scipy.special.expit(logits.astype("float64")))
        value = Bernoulli(logits, event_ndims=event_ndims).log_prob(x)
        np.testing.assert_allclose(numpy(value), elements.sum(tuple(range(3 - event_ndims, 3))), rtol=1e-5)
        mask = RNG.random((3, 4)) < 0.5
        masked = Bernoulli(logits, event_ndims=2, mask=mask).log_prob(x)
        np.testing.assert_allclose(numpy(masked), (elements * mask[..., None]).sum((1, 2)), rtol=1e-5)

    def test_moments_mode_and_draws(self):
        logits = normal(20000, 1)
        p = scipy.special.expit(logits.astype("float64"))
        value = Bernoulli(logits)
        np.testing.assert_allclose(numpy(value.mean()), p, rtol=1e-5)
        np.testing.assert_allclose(numpy(value.variance()), p * (1 - p), rtol=1e-4)
        np.testing.assert_array_equal(numpy(value.mode()), p > 0.5)
        draws = numpy(value.sample(seed=0))
        assert set(np.unique(draws)) == {0.0, 1.0}
        assert abs((draws - p).mean()) < 5 * np.sqrt((p * (1 - p)).mean() / 20000)
        np.testing.assert_array_equal(numpy(value.tempered(0.0).sample(seed=0)), p > 0.5)

    def test_kl(self):
        logits_q, logits_p = normal(30, 3, scale=2.0), normal(30, 3, scale=2.0)
        q, p = (scipy.special.expit(logits.astype("float64")) for logits in (logits_q, logits_p))
        expected = scipy.special.rel_entr(q, p) + scipy.special.rel_entr(1 - q, 1 - p)
        value = kl_divergence_per_dimension(Bernoulli(logits_q), Bernoulli(logits_p))
        np.testing.assert_allclose(numpy(value), expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(
            numpy(kl_divergence(Bernoulli(logits_q), Bernoulli(logits_p))), expected.sum(-1), rtol=1e-4
        )
