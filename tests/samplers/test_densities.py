"""What samplers learn, against what is known of the latents that they are fitted to."""

import numpy as np
import pytest
from scipy import stats

import keras_vae as kv

COVARIANCE = np.array([[1.0, 0.9], [0.9, 1.0]])


def correlated(rows=4000, seed=0):
    """Draws of a Gaussian with correlation 0.9 around (3, -1)."""
    return np.random.default_rng(seed).multivariate_normal([3.0, -1.0], COVARIANCE, rows).astype("float32")


@pytest.mark.on_torch
@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_mixture_recovers_its_components(covariance):
    rng = np.random.default_rng(0)
    means, weights = np.array([[-6.0, 0.0], [4.0, 4.0], [4.0, -4.0]]), np.array([0.5, 0.3, 0.2])
    component = rng.choice(3, 6000, p=weights)
    z = means[component] + rng.normal(size=(6000, 2)) * [0.5, 1.0]
    sampler = kv.samplers.Mixture(3, covariance=covariance).fit(z, seed=0)
    order = np.argsort(sampler.weights)[::-1]
    np.testing.assert_allclose(sampler.weights[order], weights, atol=0.03)
    np.testing.assert_allclose((sampler.loc + sampler.scale * sampler.means)[order], means, atol=0.1)
    (draws,) = sampler.sample(6000, seed=1)
    nearest = np.square(draws[:, None] - means).sum(axis=-1).argmin(axis=1)
    np.testing.assert_allclose(np.bincount(nearest) / 6000, weights, atol=0.03)
    np.testing.assert_allclose(draws[nearest == 0].std(axis=0), [0.5, 1.0], rtol=0.1)


@pytest.mark.on_torch
@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_mixture_density_is_scipys(covariance):
    z = correlated()
    sampler = kv.samplers.Mixture(2, covariance=covariance).fit(z, seed=0)
    density = 0.0
    for weight, mean, factor in zip(sampler.weights, sampler.means, sampler.factors, strict=True):
        factor = sampler.scale[:, None] * (factor if covariance == "full" else np.diag(factor))
        density += weight * stats.multivariate_normal(sampler.loc + sampler.scale * mean, factor @ factor.T).pdf(z)
    np.testing.assert_allclose(sampler.log_prob(z), np.log(density), atol=1e-3)


def test_flow_density_is_close_to_the_truth():
    sampler = kv.samplers.Flow(steps=4, hidden_units=(16,), epochs=15, learning_rate=5e-3).fit(correlated(), seed=0)
    z = correlated(1000, seed=1)
    truth = stats.multivariate_normal([3.0, -1.0], COVARIANCE).logpdf(z).mean()
    standard = stats.norm([3.0, -1.0], 1.0).logpdf(z).sum(axis=1).mean()
    found = sampler.log_prob(z).mean()
    assert truth - 0.1 < found < truth + 0.02
    assert found > standard + 0.5  # which is where an untrained flow starts
    (draws,) = sampler.sample(4000, seed=0)
    np.testing.assert_allclose(draws.mean(axis=0), [3.0, -1.0], atol=0.1)
    np.testing.assert_allclose(np.cov(draws.T), COVARIANCE, atol=0.15)


def test_flow_draws_are_where_its_density_says():
    """Draws through the inverse have the density of the forward pass: their mean log density is minus the entropy."""
    sampler = kv.samplers.Flow(steps=3, hidden_units=(8,), epochs=4, learning_rate=1e-2).fit(correlated(1000), seed=0)
    (draws,) = sampler.sample(4000, seed=0)
    grid = np.stack(np.meshgrid(np.linspace(-3, 9, 161), np.linspace(-7, 5, 161), indexing="ij"), -1).reshape(-1, 2)
    log_density = sampler.log_prob(grid).astype("float64")
    cell = (12 / 160) ** 2
    assert np.exp(log_density).sum() * cell == pytest.approx(1.0, abs=0.01)
    negative_entropy = (np.exp(log_density) * log_density).sum() * cell
    assert sampler.log_prob(draws).mean() == pytest.approx(negative_entropy, abs=0.05)


@pytest.mark.eager
def test_two_stage_has_the_correlation():
    sampler = kv.samplers.TwoStage((32,), epochs=10, batch_size=64, learning_rate=5e-3).fit(correlated(2000), seed=0)
    (draws,) = sampler.sample(4000, seed=0)
    np.testing.assert_allclose(draws.mean(axis=0), [3.0, -1.0], atol=0.25)
    assert np.corrcoef(draws.T)[0, 1] > 0.7


@pytest.mark.on_torch
def test_manifold_draws_have_the_moments_of_the_rule():
    """All rows are neighbours of each other: mean c, covariance (m - 1)/m² sum of (z - c)(z - c)'."""
    z = correlated(4)
    sampler = kv.samplers.Manifold(neighbours=4).fit(z)
    (draws,) = sampler.sample(100_000, seed=0)
    centred = z - z.mean(axis=0)
    np.testing.assert_allclose(draws.mean(axis=0), z.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(np.cov(draws.T), 3 / 16 * centred.T @ centred, atol=0.02)
    (centres,) = sampler.sample(3, seed=0, temperature=0.0)
    np.testing.assert_allclose(centres, np.tile(z.mean(axis=0), (3, 1)), atol=1e-5)


@pytest.mark.on_torch
def test_manifold_stays_on_a_circle_where_one_gaussian_does_not():
    angle = np.random.default_rng(0).uniform(0.0, 2 * np.pi, 2000)
    z = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    off = {}
    for sampler in (kv.samplers.Manifold(rows=500), kv.samplers.Mixture(1)):
        (draws,) = sampler.fit(z, seed=0).sample(1000, seed=0)
        off[type(sampler).__name__] = np.abs(np.linalg.norm(draws, axis=1) - 1.0).mean()
    assert len(sampler.means) == 1
    assert off["Manifold"] < 0.01 < 0.2 < off["Mixture"]


def test_aggregated_draws_have_the_moments_of_q():
    rng = np.random.default_rng(0)
    loc, log_var = rng.normal(2.0, 3.0, (500, 2)).astype("float32"), rng.normal(0.0, 0.5, (500, 2)).astype("float32")
    sampler = kv.samplers.Aggregated().fit((kv.distributions.Gaussian(loc, log_var),))
    (draws,) = sampler.sample(40_000, seed=0)
    np.testing.assert_allclose(draws.mean(axis=0), loc.mean(axis=0), atol=0.1)
    variance = np.exp(log_var).mean(axis=0) + loc.var(axis=0)
    np.testing.assert_allclose(draws.var(axis=0), variance, rtol=0.05)
    (means,) = sampler.sample(20, seed=0, temperature=0.0)
    assert np.abs(means[:, None] - loc).max(axis=-1).min(axis=1).max() < 1e-5  # each is the mean of a stored row


@pytest.mark.on_torch
def test_stored_rows_are_bounded():
    z = correlated(100)
    assert kv.samplers.Manifold(rows=30).fit(z).get_state()["stored"].shape == (30, 2)
    q = kv.distributions.Gaussian(z, np.zeros_like(z))
    assert kv.samplers.Aggregated(rows=30).fit((q,)).get_state()["0.loc"].shape == (30, 2)


@pytest.mark.on_torch
@pytest.mark.parametrize("name", ["mixture", "manifold"])
def test_draws_on_the_sphere_have_length_one(name):
    z = np.random.default_rng(0).normal([3.0, 0.0, 0.0], 1.0, (500, 3))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    sampler = kv.samplers.get(name)
    sampler.build(((3,),), ("sphere",))
    (draws,) = sampler.fit(z, seed=0).sample(500, seed=0)
    np.testing.assert_allclose(np.linalg.norm(draws, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(draws.mean(axis=0), z.mean(axis=0), atol=0.1)
    with pytest.raises(NotImplementedError, match="sphere"):
        sampler.log_prob(z)


@pytest.mark.on_torch
@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (lambda: kv.samplers.Mixture(0), "`components` must be an int >= 1"),
        (lambda: kv.samplers.Mixture(covariance="tied"), "`covariance` must be one of"),
        (lambda: kv.samplers.Manifold(neighbours=1), "must be at least 2"),
        (lambda: kv.samplers.Mixture(5).fit(np.zeros((3, 2))), "at least as many rows as components, 5. Received: 3"),
        (lambda: kv.samplers.Manifold().fit(np.zeros((3, 2))), "at least as many rows as neighbours, 5. Received: 3"),
        (lambda: kv.samplers.Mixture(1).fit(np.full((3, 2), np.nan)), "finite numbers"),
        (lambda: kv.samplers.Mixture(1).fit(np.zeros((1, 2))), "at least two rows"),
        (lambda: kv.samplers.Mixture(1).fit(np.zeros(4)), "latents of shape"),
        (lambda: kv.samplers.Mixture(1).fit(correlated(9)).log_prob(np.zeros((3, 5))), r"\('n', 2\)"),
        (lambda: kv.samplers.Flow().fit(np.zeros((30, 1))), "two dimensions or more"),
        (lambda: kv.samplers.Mixture().sample(3), "must be fitted first"),
        (lambda: kv.samplers.Aggregated().sample(3), "must be fitted first"),
        (lambda: kv.samplers.PerCondition().sample(3, condition=np.zeros(3)), "must be fitted first"),
        (lambda: kv.samplers.PerCondition().fit(np.zeros((3, 2))), "`condition` must hold"),
        (lambda: kv.samplers.Mixture(1).fit(correlated(9)).sample(0), "`n` must be an int >= 1"),
        (lambda: kv.samplers.Mixture(1).fit(correlated(9)).sample(2, temperature=-1.0), "`temperature`"),
    ],
)
def test_errors_say_what_is_expected(make, fragment):
    with pytest.raises(ValueError, match=fragment):
        make()


@pytest.mark.on_torch
def test_constant_dimensions_stay_constant():
    z = correlated(200)
    z[:, 1] = 7.0
    (draws,) = kv.samplers.Mixture(2).fit(z, seed=0).sample(100, seed=0)
    np.testing.assert_allclose(draws[:, 1], 7.0, atol=0.05)
