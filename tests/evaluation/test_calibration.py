"""The probability integral transform of p(x|z)."""

import numpy as np
import pytest

import keras_vae as kv
from tests.evaluation.linear import draws, linear_vae
from tests.models.small import small_vae, vectors
from tests.models.test_terms_of_elements import HOLES, MASK, MIXED, SERIES, TOKENS, fields_vae, series_vae

X = draws(500)


def test_ranks_are_uniform_with_few_draws_too():
    # Not on a grid of four ranks: below its smallest and above its largest they would leave a quarter empty.
    found = kv.evaluation.calibration(linear_vae(), X, num_samples=3, seed=0)
    assert found.max_deviation < 0.05


def test_the_true_model_is_calibrated():
    found = kv.evaluation.calibration(linear_vae(), X, seed=0)
    # Kolmogorov's statistic of 1500 uniform draws is above 0.05 once in a thousand times.
    assert found.max_deviation < 0.05
    assert found.coverage[0.5] == pytest.approx(0.5, abs=0.05)
    assert found.coverage[0.9] == pytest.approx(0.9, abs=0.04)
    assert found.histogram.sum() == pytest.approx(1.0)
    assert found.count == 1500
    np.testing.assert_allclose(found.element_coverage, 0.9, atol=0.06)


@pytest.mark.parametrize(("claimed", "held"), [(0.5, 0.5891), (2.0, 0.9990)])
def test_a_wrong_scale_shows(claimed, held):
    # Without latents x is N(0, 1): of it a 90 % interval of N(0, s^2) holds erf(1.645 s / sqrt 2).
    weights = (0.0, 0.0)
    found = kv.evaluation.calibration(
        linear_vae(weights, claimed=claimed), draws(800, weights), num_samples=400, bins=4, seed=0
    )
    assert found.coverage[0.9] == pytest.approx(held, abs=0.04)
    ends, middle = found.histogram[[0, 3]].mean(), found.histogram[1:3].mean()
    assert ends > 1.3 * middle if claimed < 1 else middle > 1.3 * ends  # a U, or a hill
    assert found.max_deviation > 0.1


@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson"])
def test_ties_of_discrete_data_are_broken_at_random(likelihood):
    vae = small_vae((4,), likelihood=likelihood)
    z = np.random.default_rng(0).normal(size=(800, 2))
    # Data of p(x|z) at latents that q does not know: with a decoder that ignores z they are the model's own.
    for weight in vae.decoder.trainable_weights[:1]:
        weight.assign(np.zeros(weight.shape))
    x = vae.decode(z, mode="sample", seed=1)
    found = kv.evaluation.calibration(vae, x, num_samples=50, seed=0)
    assert found.max_deviation < 0.04
    assert found.coverage[0.5] == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(
    ("make", "x", "count"),
    [
        (lambda: small_vae(kv.data.Field((6,), missing="nan")), HOLES, np.isfinite(HOLES).sum()),
        (lambda: series_vae(likelihood="gaussian"), {"x": SERIES, "mask": MASK}, 2 * MASK.sum()),
        (
            lambda: series_vae((5,), likelihood=kv.likelihoods.Categorical(4, padding=0)),
            TOKENS,
            (TOKENS != 0).sum(),
        ),
    ],
    ids=["missing", "masked", "tokens"],
)
def test_what_is_missing_does_not_count(make, x, count):
    found = kv.evaluation.calibration(make(), x, num_samples=20, seed=0)
    assert found.count == count


def test_fields_have_calibrations_of_their_own():
    found = kv.evaluation.calibration(fields_vae(), {"series": SERIES, "table": MIXED}, num_samples=20, seed=0)
    assert {name: own.count for name, own in found.fields.items()} == {"series": SERIES.size, "table": MIXED.size}
    assert found.count == SERIES.size + MIXED.size
    assert found.element_coverage["series"].shape == (5, 2)


@pytest.mark.parametrize("likelihood", ["discretized_logistic_mixture", "discretized_logistic"])
def test_images(likelihood):
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3))
    vae = kv.VAE((4, 4, 3), 2, encoder="mlp", decoder="mlp", likelihood=likelihood, seed=0)
    found = kv.evaluation.calibration(vae, images, num_samples=20, seed=0)
    assert found.count == images.size


def test_the_seed_decides():
    vae = small_vae()
    first, same, other = (kv.evaluation.calibration(vae, vectors(), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.histogram, same.histogram)
    assert not np.array_equal(first.histogram, other.histogram)


@pytest.mark.refusals
def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`num_samples` must be"):
        kv.evaluation.calibration(small_vae(), vectors(), num_samples=0)
    with pytest.raises(ValueError, match="`bins` must be"):
        kv.evaluation.calibration(small_vae(), vectors(), bins=1.5)
