"""The distributions of likelihoods against scipy.stats and float64, far out and at the ends."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
from keras import ops

from keras_vae import distributions as d
from keras_vae import likelihoods
from keras_vae.distributions.draws import draw_binomial
from keras_vae.distributions.gamma_functions import _series, log_beta, log_gamma_ratio, log_poisson

RNG = np.random.default_rng(0)
N = 3000


def numpy(tensor):
    assert keras.backend.standardize_dtype(tensor.dtype) in ("float32", "int32")
    return ops.convert_to_numpy(tensor).astype("float64")


def uniform(low, high, size=N):
    return RNG.uniform(low, high, size).astype("float32")


def elements(distribution, x):
    """log_prob of every element, checked against its sum."""
    values = numpy(distribution.elementwise_log_prob(ops.convert_to_tensor(x.astype("float32"))))
    assert np.isfinite(values).all()
    np.testing.assert_allclose(numpy(distribution.log_prob(x)), values.sum(-1), rtol=1e-4)
    return values


def close(value, expected, rtol=2e-5, atol=2e-4):
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=atol)


def tensors(*arrays):
    return [ops.convert_to_tensor(array, dtype="float32") for array in arrays]


def double(x):
    return np.asarray(x).astype("float64")


def test_gamma_functions():
    a, n = np.exp(uniform(-9, 11)), np.floor(np.exp(uniform(-1, 12)))
    exact = scipy.special.gammaln(double(a) + n) - scipy.special.gammaln(double(a))
    close(numpy(log_gamma_ratio(*tensors(a, n))), exact, rtol=3e-6, atol=3e-5)
    b = np.exp(uniform(-9, 11))
    close(numpy(log_beta(*tensors(a, b))), scipy.special.betaln(double(a), double(b)), rtol=1e-5, atol=2e-5)
    rate = np.exp(uniform(-8, 15))
    k = RNG.poisson(double(rate) * np.exp(0.3 * RNG.normal(size=N))).astype("float32")
    close(numpy(log_poisson(*tensors(k, rate))), scipy.stats.poisson(double(rate)).logpmf(k), rtol=1e-4, atol=1e-4)


def test_beta_binomial():
    log_alpha, log_beta_, k = uniform(-9, 9), uniform(-9, 9), RNG.integers(0, 256, N)
    p, q = (
        d.BetaBinomial(log_alpha, log_beta_),
        scipy.stats.betabinom(255, np.exp(double(log_alpha)), np.exp(double(log_beta_))),
    )
    close(elements(p, k), q.logpmf(k), rtol=2e-5, atol=2e-3)
    close(numpy(p.mean()), q.mean(), rtol=1e-5)
    close(numpy(p.variance()), q.var(), rtol=1e-5)
    log_pmf = q.logpmf(np.arange(256)[:, None])
    close(np.take_along_axis(log_pmf, numpy(p.mode()).astype(int)[None], 0)[0], log_pmf.max(0), rtol=0, atol=1e-3)


@pytest.mark.parametrize(("total", "categories"), [(1, 9), (12, 5), (900, 40), (2_000_000, 7)])
def test_multinomial(total, categories):
    logits = RNG.normal(scale=2.0, size=(60, categories)).astype("float32")
    probability = scipy.special.softmax(double(logits), -1)
    k = np.stack([RNG.multinomial(total, row) for row in probability])
    p, q = d.Multinomial(logits, total), [scipy.stats.multinomial(total, row) for row in probability]
    close(
        numpy(p.log_prob(k)), [row.logpmf(x) for row, x in zip(q, k, strict=True)], rtol=1e-4, atol=1e-6 * total + 1e-4
    )
    close(numpy(p.mean()), total * probability, rtol=1e-5)
    close(numpy(p.variance()), np.stack([np.diag(row.cov()) for row in q]), rtol=1e-4, atol=1e-5)
    far = np.eye(categories)[np.argmin(probability, -1)] * total
    expected = total * np.log(probability.min(-1))
    close(numpy(p.log_prob(far)), expected, rtol=1e-5)
    for draws in (p.sample(0), p.mode(), *(p.tempered(t).sample(0) for t in (0.0, 0.4, 3.0))):
        draws = numpy(draws)
        np.testing.assert_array_equal(draws.sum(-1), total)
        assert draws.min() >= 0
        np.testing.assert_array_equal(draws, np.round(draws))


def test_multinomial_by_enumeration():
    """Probabilities add up to one, and no row of counts is more likely than the mode, ties and zeros included."""
    rows = np.array(list(np.ndindex(6, 6, 6)), "float32")
    rows = rows[rows.sum(-1) == 5]
    logits = np.concatenate(
        [RNG.normal(scale=2.0, size=(40, 3)), [[0.0, 0.0, 0.0], [0.0, 0.0, -200.0], [1.0, 1.0, 0.0]]]
    )
    p = d.Multinomial(logits, 5)
    log_p = numpy(p.log_prob(rows[:, None]))
    assert log_p.shape == (len(rows), len(logits))
    np.testing.assert_allclose(np.exp(log_p).sum(0), 1.0, rtol=1e-5)
    close(numpy(p.log_prob(p.mode())), log_p.max(0), rtol=0, atol=1e-4)
    close(
        numpy(d.Multinomial(logits).log_prob(np.eye(3)[[1] * 43])),
        numpy(d.Categorical(logits[:, None]).log_prob(np.ones((43, 1)))),
    )


def test_a_mask_leaves_a_multinomial_of_the_rest():
    logits, mask = np.array([[0.3, -1.0, 2.0, 0.7]]), np.array([[True, False, True, True]])
    x = np.array([[2.0, np.nan, 3.0, 1.0]])
    kept = scipy.special.softmax(logits[0, mask[0]])
    expected = scipy.stats.multinomial(6, kept).logpmf([2, 3, 1])
    close(numpy(d.Multinomial(logits, mask=mask).log_prob(x)), [expected])
    assert numpy(d.Multinomial(logits, mask=np.zeros((1, 4), bool)).log_prob(x))[0] == 0.0
    # two rows of counts, the second of which is left out
    steps = d.Multinomial(np.stack([logits, logits], 1), 6, event_ndims=2, mask=np.array([[True, False]]))
    x = np.array([[[2.0, 0.0, 3.0, 1.0], [np.nan] * 4]])
    expected = scipy.stats.multinomial(6, scipy.special.softmax(logits[0])).logpmf([2, 0, 3, 1])
    close(numpy(steps.log_prob(x)), [expected])


def test_categorical():
    logits, k = 3 * RNG.normal(size=(50, 4, 7)).astype("float32"), RNG.integers(0, 7, (50, 4))
    p, probability = d.Categorical(logits), scipy.special.softmax(double(logits), -1)
    close(elements(p, k), np.log(np.take_along_axis(probability, k[..., None], -1)[..., 0]))
    mean = (probability * np.arange(7)).sum(-1)
    close(numpy(p.mean()), mean)
    close(numpy(p.variance()), (probability * np.arange(7) ** 2).sum(-1) - mean**2)
    np.testing.assert_array_equal(numpy(p.mode()), probability.argmax(-1))
    np.testing.assert_array_equal(numpy(p.tempered(0.0).sample(0)), probability.argmax(-1))
    other = RNG.normal(size=(50, 4, 7)).astype("float32")
    kl = scipy.special.rel_entr(probability, scipy.special.softmax(double(other), -1)).sum((-1, -2))
    close(numpy(d.kl_divergence(p, d.Categorical(other))), kl)
    # leading axes broadcast, on either side
    assert d.Categorical(logits[0]).log_prob(k).shape == (50,)
    assert d.Categorical(logits).log_prob(k[0]).shape == (50,)


@pytest.mark.parametrize("levels", [2, 5, 256])
def test_discretized_logistic(levels):
    loc, log_scale = uniform(-1.5, 1.5, 400), uniform(np.log(0.3 / (levels - 1)), 2.0, 400)
    edges = (2 * np.arange(1, levels) - 1) / (levels - 1) - 1
    above = scipy.special.expit((double(loc)[:, None] - edges) / np.exp(double(log_scale))[:, None])
    pmf = -np.diff(above, prepend=1.0, append=0.0)
    p = d.DiscretizedLogistic(loc[:, None], log_scale[:, None], levels)
    every = np.broadcast_to(np.arange(levels, dtype="float32")[:, None, None], (levels, 400, 1))
    log_pmf = elements(p, every)[..., 0].T
    close(np.exp(log_pmf).sum(1), 1.0, atol=5e-5)
    counted = pmf > 1e-6
    close(log_pmf[counted], np.log(pmf[counted]), atol=5e-4)
    mean = above.sum(1)
    close(numpy(p.mean())[:, 0], mean, rtol=0, atol=2e-3)
    variance = (above * (2 * np.arange(1, levels) - 1)).sum(1) - mean**2
    close(numpy(p.variance())[:, 0], variance, rtol=1e-3, atol=2e-3)
    chosen = np.take_along_axis(pmf, numpy(p.mode()).astype(int), 1)[:, 0]
    close(chosen, pmf.max(1), rtol=1e-3)


def mixture(channels=3, components=4, levels=256, rows=2):
    shape = (rows, 2, 2)
    return (
        RNG.normal(size=(*shape, components)).astype("float32"),
        RNG.uniform(-1, 1, (*shape, channels, components)).astype("float32"),
        RNG.uniform(-4, 0, (*shape, channels, components)).astype("float32"),
        RNG.uniform(-1, 1, (*shape, channels * (channels - 1) // 2, components)).astype("float32"),
        levels,
    )


def mixture_log_prob(x, logits, loc, log_scale, coefficients, levels):
    """Of every pixel, in float64 and pixel by pixel."""
    result = np.zeros(logits.shape[:-1])
    for pixel in np.ndindex(result.shape):
        unit = 2 * double(x[pixel]) / (levels - 1) - 1
        total = double(scipy.special.log_softmax(double(logits[pixel])))
        for k in range(len(total)):
            place = 0
            for c in range(len(unit)):
                center = double(loc[pixel][c, k])
                for before in range(c):
                    center += double(coefficients[pixel][place, k]) * unit[before]
                    place += 1
                scale, half = np.exp(double(log_scale[pixel][c, k])), 1 / (levels - 1)
                upper = 1.0 if x[pixel][c] == levels - 1 else scipy.special.expit((unit[c] + half - center) / scale)
                lower = 0.0 if x[pixel][c] == 0 else scipy.special.expit((unit[c] - half - center) / scale)
                total[k] += np.log(max(upper - lower, 1e-300))
        result[pixel] = scipy.special.logsumexp(total)
    return result


def test_discretized_logistic_mixture():
    parameters = mixture()
    x = RNG.integers(0, 256, (2, 2, 2, 3))
    x[0, 0, 0], x[0, 0, 1] = (0, 255, 0), (255, 0, 255)
    p = d.DiscretizedLogisticMixture(*parameters)
    expected = mixture_log_prob(x, *parameters)
    close(numpy(p.log_prob(x)), expected.sum((1, 2)), rtol=2e-4)
    mask = np.array([[True, False], [False, True]])
    masked = d.DiscretizedLogisticMixture(*parameters, mask=mask)
    close(
        numpy(masked.log_prob(np.where(mask[..., None, None], x, 999))),
        (expected * mask[..., None]).sum((1, 2)),
        rtol=2e-4,
    )
    with pytest.raises(ValueError, match="channels"):
        d.DiscretizedLogisticMixture(*parameters, mask=np.ones((2, 2, 2, 3), "bool"))


def test_the_mixture_adds_up_to_one_and_its_draws_follow_it():
    levels = 4
    one = tuple(value[:1, :1, :1] if hasattr(value, "shape") else value for value in mixture(levels=levels))
    p = d.DiscretizedLogisticMixture(*one)
    every = np.stack(np.meshgrid(*[np.arange(levels)] * 3, indexing="ij"), -1).reshape(-1, 1, 1, 3)
    pmf = np.exp(numpy(p.log_prob(every)))
    close(pmf.sum(), 1.0)
    many = d.DiscretizedLogisticMixture(*(np.repeat(v, 20000, 0) if hasattr(v, "shape") else v for v in one))
    draws = numpy(many.sample(1))[:, 0, 0]
    counts = np.bincount((draws @ [16, 4, 1]).astype(int), minlength=64)
    assert np.abs(counts / 20000 - pmf).max() < 5 * np.sqrt(0.25 / 20000)
    single = tuple(value[:1, :1, :1] if hasattr(value, "shape") else value for value in mixture(1, levels=9))
    p = d.DiscretizedLogisticMixture(*single[:3], None, 9)
    every = np.arange(9.0).reshape(9, 1, 1, 1)
    close(numpy(p.mean()).ravel(), np.sum(np.exp(numpy(p.log_prob(every))) * np.arange(9)), atol=2e-3)
    mode = p.mode()
    assert numpy(p.log_prob(mode))[0] >= numpy(p.log_prob(every)).max() - 1e-5


def test_the_rest_of_stirlings_formula_is_as_precise_as_it_says():
    z = np.array([4.0, 5.5, 9.0, 40.0])  # float64: the formula is arithmetic alone
    leading = (z - 0.5) * np.log(z) - z + 0.5 * np.log(2.0 * np.pi)
    np.testing.assert_allclose(_series(z), scipy.special.gammaln(z) - leading, rtol=0.0, atol=4e-9)


def test_poisson():
    log_rate = uniform(-8, 12)
    rate = np.exp(double(log_rate))
    k = RNG.poisson(rate)
    p, q = d.Poisson(log_rate), scipy.stats.poisson(rate)
    close(elements(p, k), q.logpmf(k), rtol=1e-4, atol=2e-3)
    close(numpy(p.mean()), rate, rtol=1e-5)
    close(numpy(p.variance()), rate, rtol=1e-5)
    other = uniform(-3, 3)
    exact = rate * (double(log_rate) - double(other)) - rate + np.exp(double(other))
    close(numpy(d.kl_divergence_per_dimension(p, d.Poisson(other))), exact, rtol=1e-3, atol=1e-5)


def test_negative_binomial_and_zero_inflation():
    log_mean, log_r, zero_logits = uniform(-5, 7), uniform(-5, 8), uniform(-6, 6)
    mean, r = np.exp(double(log_mean)), np.exp(double(log_r))
    q = scipy.stats.nbinom(r, r / (r + mean))
    k = np.minimum(q.rvs(random_state=1), 100000)
    p = d.NegativeBinomial(log_mean, log_r)
    close(elements(p, k), q.logpmf(k), rtol=1e-4, atol=5e-4)
    close(numpy(p.mean()), q.mean(), rtol=1e-5)
    close(numpy(p.variance()), q.var(), rtol=1e-5)
    few = (mean < 20) & (r < 200)
    log_pmf = q.logpmf(np.arange(300)[:, None])
    chosen = np.take_along_axis(log_pmf, numpy(p.mode()).astype(int)[None].clip(0, 299), 0)[0]
    close(chosen[few], log_pmf.max(0)[few], rtol=1e-3, atol=1e-3)
    k[::3] = 0
    lost = scipy.special.expit(double(zero_logits))
    inflated = d.ZeroInflated(p, zero_logits)
    close(elements(inflated, k), np.log(lost * (k == 0) + (1 - lost) * q.pmf(k)), rtol=1e-3, atol=3e-3)
    close(numpy(inflated.mean()), (1 - lost) * mean, rtol=1e-4)
    second = (1 - lost) * (q.var() + mean**2)
    close(numpy(inflated.variance()), second - ((1 - lost) * mean) ** 2, rtol=1e-3)


def test_continuous_bernoulli_over_all_logits():
    size = np.concatenate([np.geomspace(1e-8, 1e4, 1500), np.linspace(0.9, 1.1, 200), [0.0, 1.0, 65504.0]])
    logits = np.concatenate([-size, size]).astype("float32")
    x = RNG.random(logits.shape).astype("float32")
    x[::7], x[1::7] = 0.0, 1.0
    eta = np.where(logits == 0, 1e-30, double(logits))
    size = np.abs(eta)
    distance = np.where(eta > 0, 1 - double(x), double(x))
    p = d.ContinuousBernoulli(logits)
    close(elements(p, x), -size * distance - np.log(-np.expm1(-size) / size), rtol=1e-6, atol=1e-6)
    with np.errstate(over="ignore"):
        series = np.abs(eta) < 0.02
        mean = np.where(series, 0.5 + eta / 12 - eta**3 / 720, 1 / -np.expm1(-eta) - 1 / eta)
        variance = np.where(series, 1 / 12 - eta**2 / 240, 1 / eta**2 - 0.25 / np.sinh(np.minimum(size / 2, 300)) ** 2)
    close(numpy(p.mean()), mean, rtol=1e-6, atol=1e-6)
    close(numpy(p.variance()), variance, rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(numpy(p.mode()), logits > 0)


@pytest.mark.parametrize("logit", [-300.0, -2.0, 0.0, 1e-3, 5.0])
def test_draws_of_the_continuous_bernoulli(logit):
    draws = numpy(d.ContinuousBernoulli(np.full((20000, 1), logit)).sample(1))[:, 0]
    eta = logit or 1e-12
    assert scipy.stats.kstest(draws, lambda x: np.expm1(eta * x) / np.expm1(eta)).pvalue > 1e-4


def test_student_t():
    loc, log_scale, log_df, x = uniform(-3, 3), uniform(-3, 3), uniform(-2, 9), uniform(-30, 30)
    df = np.exp(double(log_df))
    p, q = d.StudentT(loc, log_scale, log_df), scipy.stats.t(df, double(loc), np.exp(double(log_scale)))
    close(elements(p, x), q.logpdf(x), rtol=1e-4)
    close(numpy(p.mode()), loc)
    close(numpy(p.variance())[df > 2.1], q.var()[df > 2.1], rtol=1e-3)
    assert np.isinf(numpy(p.variance())[df < 2]).all()
    draws = numpy(d.StudentT(np.full((20000, 1), 0.5), 0.3, np.log(3.0)).sample(1))[:, 0]
    assert scipy.stats.kstest(draws, scipy.stats.t(3.0, 0.5, np.exp(0.3)).cdf).pvalue > 1e-4


def test_log_normal():
    loc, log_var, x = uniform(-3, 3), uniform(-4, 2), np.exp(uniform(-10, 10))
    p, q = d.LogNormal(loc, log_var), scipy.stats.lognorm(np.exp(0.5 * double(log_var)), scale=np.exp(double(loc)))
    close(elements(p, x), q.logpdf(x), rtol=1e-4)
    close(numpy(p.mean()), q.mean(), rtol=1e-4)
    close(numpy(p.variance()), q.var(), rtol=1e-4)
    close(numpy(p.mode()), np.exp(double(loc) - np.exp(double(log_var))), rtol=1e-4)
    close(numpy(p.tempered(0.0).sample(0)), numpy(p.mode()), rtol=1e-4)


def test_beta():
    log_alpha, log_beta_, x = uniform(-4, 7), uniform(-4, 7), uniform(0.001, 0.999)
    q = scipy.stats.beta(np.exp(double(log_alpha)), np.exp(double(log_beta_)))
    p = d.Beta(log_alpha, log_beta_)
    close(elements(p, x), q.logpdf(double(x)), rtol=1e-4, atol=1e-3)
    close(numpy(p.mean()), q.mean(), rtol=1e-5)
    close(numpy(p.variance()), q.var(), rtol=1e-4, atol=1e-7)
    for alpha, beta in ((0.3, 2.0), (5.0, 5.0), (400.0, 3.0)):
        shape = np.full((20000, 1), 1.0)
        draws = numpy(d.Beta(np.log(alpha) * shape, np.log(beta) * shape).sample(1))[:, 0]
        assert scipy.stats.kstest(draws, scipy.stats.beta(alpha, beta).cdf).pvalue > 1e-4
    assert numpy(d.Beta(np.log([[5.0]]), np.log([[3.0]])).tempered(1e-4).sample(0))[0, 0] == pytest.approx(
        2 / 3, abs=0.02
    )


@pytest.mark.parametrize("rate", [0.1, 3.0, 11.9, 12.1, 60.0, 1e5])
def test_draws_of_counts(rate):
    draws = numpy(d.Poisson(np.full((20000, 1), np.log(rate))).sample(1))[:, 0]
    assert np.array_equal(draws, np.round(draws))
    assert abs(draws.mean() - rate) < 5 * np.sqrt(rate / 20000)
    assert abs(draws.var() / rate - 1) < 0.06
    cdf = scipy.stats.poisson(rate).cdf(np.sort(draws))
    ranks = np.searchsorted(np.sort(draws), np.sort(draws), side="right") / 20000
    assert np.abs(ranks - cdf).max() < 0.016
    over = numpy(d.NegativeBinomial(np.full((20000, 1), np.log(rate)), np.log(2.0)).sample(1))[:, 0]
    q = scipy.stats.nbinom(2.0, 2.0 / (2.0 + rate))
    assert (
        np.abs(np.searchsorted(np.sort(over), np.sort(over), side="right") / 20000 - q.cdf(np.sort(over))).max() < 0.016
    )


@pytest.mark.parametrize(
    ("trials", "probability"), [(1, 0.3), (15, 0.9), (200, 0.02), (60, 0.5), (400, 0.7), (1e6, 0.2)]
)
def test_draws_of_the_binomial(trials, probability):
    draws = numpy(draw_binomial(*tensors(np.full(20000, trials), np.full(20000, probability)), seed=1))
    q = scipy.stats.binom(int(trials), probability)
    assert abs(draws.mean() - q.mean()) < 5 * q.std() / np.sqrt(20000)
    assert abs(draws.var() / q.var() - 1) < 0.06
    ranks = np.searchsorted(np.sort(draws), np.sort(draws), side="right") / 20000
    assert np.abs(ranks - q.cdf(np.sort(draws))).max() < 0.016


@pytest.mark.parametrize("total", [1, 30, 5000])
def test_draws_of_the_multinomial(total):
    """Means and covariances over seven categories, which is no power of two."""
    probability = scipy.special.softmax(np.array([0.0, 1.0, -1.0, 2.0, 0.5, -3.0, 0.0]))
    draws = numpy(d.Multinomial(np.log(probability)[None], total).sample(1, num_samples=20000))[:, 0]
    q = scipy.stats.multinomial(total, probability)
    spread = np.sqrt(np.diag(q.cov()))
    assert np.abs((draws.mean(0) - total * probability) / spread).max() < 5 / np.sqrt(20000)
    # squares of rare counts scatter more: their kurtosis is 3 + 1 / (mean count)
    error = np.sqrt((2.0 + 1.0 / (total * probability.min())) / 20000)
    assert np.abs((np.cov(draws.T) - q.cov()) / np.outer(spread, spread)).max() < 5 * error


@pytest.mark.parametrize("make", [
    lambda: d.Poisson(np.full((5, 1), 2.3)),
    lambda: d.NegativeBinomial(np.full((5, 1), 2.3), 1.0),
    lambda: d.BetaBinomial(np.full((5, 1), 1.2), np.full((5, 1), 0.7)),
    lambda: d.Multinomial(RNG.normal(size=(5, 7)), np.array([0.0, 1.0, 4.0, 70.0, 1e5])),
    lambda: d.DiscretizedLogistic(np.full((5, 1), 0.1), np.full((5, 1), -4.0)),
    lambda: d.DiscretizedLogisticMixture(*mixture()),
    lambda: d.StudentT(np.full((5, 1), 0.3), 0.0, 1.0),
    lambda: d.ZeroInflated(d.Poisson(np.full((5, 1), 2.3)), np.full((5, 1), -3.0)),
])  # fmt: skip
def test_without_temperature_a_draw_is_the_mode(make):
    value = make()
    if isinstance(value, d.DiscretizedLogisticMixture):
        # the mode of the likeliest component, which is one of those that mode() compares
        assert np.all(
            numpy(value.log_prob(value.tempered(0.0).sample(3))) <= numpy(value.log_prob(value.mode())) + 1e-4
        )
        return
    np.testing.assert_allclose(numpy(value.tempered(0.0).sample(3)), numpy(value.mode()), atol=1e-5)


@pytest.mark.parametrize("size", [-65504.0, -30.0, 0.0, 30.0, 65504.0])
def test_no_head_output_makes_a_density_infinite(size):
    """Whatever half precision can hold: finite densities, and draws inside of the support."""
    one = np.full((2, 3), size, "float16")
    halves = one[:, :1, None, None]
    counts, proportions = np.array([[0.0, 3.0, 255.0]] * 2), np.array([[0.01, 0.5, 0.99]] * 2)
    for value, x in (
        (d.BetaBinomial(one, one), counts), (d.BetaBinomial(one, -one), counts), (d.Poisson(one), counts),
        (d.Multinomial(one, 258), counts), (d.Multinomial(one * np.array([1.0, -1.0, 0.0]), 258), counts),
        (d.NegativeBinomial(one, -one), counts), (d.NegativeBinomial(one, one), counts),
        (d.ZeroInflated(d.NegativeBinomial(one, one), one), counts), (d.Categorical(np.stack([one] * 256, -1)), counts),
        (d.DiscretizedLogistic(one, one), counts), (d.DiscretizedLogistic(one, -one), counts),
        (d.DiscretizedLogisticMixture(halves, halves[..., None], -halves[..., None]), np.full((2, 1, 1, 1), 7.0)),
        (d.ContinuousBernoulli(one), np.array([[0.0, 0.5, 1.0]] * 2)), (d.Beta(one, one), proportions),
        (d.Beta(one, -one), proportions), (d.LogNormal(one, one), proportions), (d.LogNormal(one, -one), proportions),
        (d.StudentT(one, one, one), counts), (d.StudentT(one, -one, -one), counts),
    ):  # fmt: skip
        for tensor in (value.log_prob(x), value.sample(0), value.mean(), value.mode()):
            assert np.isfinite(numpy(tensor)).all(), value


@pytest.mark.parametrize("sizes", [[1.0, 0.01, 250.0, 3.5], [2.0, 2.0, 2.0, 2.0]])
@pytest.mark.parametrize("leading", [(), (3,)])
def test_counts_with_an_exposure(sizes, leading):
    """log_prob is scipy's with the mean multiplied by the size, for data of one axis and of two."""
    shape = (4, *leading, 5)
    log_mean, log_r, logits = uniform(-2, 3, shape), uniform(-1, 2, 5), uniform(-2, 2, shape)
    size = np.asarray(sizes).reshape(4, *([1] * (len(shape) - 1)))
    mean, r = size * np.exp(double(log_mean)), np.exp(double(log_r))
    x = RNG.poisson(mean).astype("float32")
    exposure = ops.convert_to_tensor(sizes, dtype="float32")

    def values(likelihood, **params):
        likelihood.build([(None, *shape[1:])] * len(params) if len(params) > 1 else (None, *shape[1:]), shape[1:])
        params = likelihood.exposed({name: ops.convert_to_tensor(value) for name, value in params.items()}, exposure)
        if hasattr(likelihood, "log_inverse_dispersion"):
            likelihood.log_inverse_dispersion.assign(log_r)
        value = likelihood.distribution(params)
        total = numpy(value.log_prob(x))
        assert total.shape == (4,)
        return total

    def summed(array):
        return array.reshape(4, -1).sum(axis=1)

    given = {"project": False, "exposure": True}
    poisson = summed(scipy.stats.poisson(mean).logpmf(x))
    close(values(likelihoods.Poisson(**given), log_rate=log_mean), poisson, rtol=1e-4, atol=1e-3)
    counts = scipy.stats.nbinom(r, r / (r + mean)).logpmf(x)
    found = values(likelihoods.NegativeBinomial(**given), log_mean=log_mean)
    close(found, summed(counts), rtol=1e-4, atol=1e-3)
    predicted = np.broadcast_to(log_r, shape)
    found = values(
        likelihoods.NegativeBinomial("predicted", **given), log_mean=log_mean, log_inverse_dispersion=predicted
    )
    close(found, summed(counts), rtol=1e-4, atol=1e-3)
    shares = scipy.special.softmax(double(logits), -1)
    rows = [
        scipy.stats.multinomial(row.sum(), p).logpmf(row)
        for row, p in zip(x.reshape(-1, 5), shares.reshape(-1, 5), strict=True)
    ]
    found = values(likelihoods.Multinomial(**given), logits=logits)
    close(found, np.reshape(rows, (4, -1)).sum(axis=1), rtol=1e-4, atol=1e-3)
    lost = scipy.special.expit(double(logits))
    inflated = np.log(lost * (x == 0) + (1 - lost) * np.exp(counts))
    found = values(likelihoods.ZeroInflatedNegativeBinomial(**given), log_mean=log_mean, zero_logits=logits)
    close(found, summed(inflated), rtol=1e-4, atol=1e-3)
