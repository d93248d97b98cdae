"""Batch mixing: toys computed by hand, the rate of rejections without a difference, and arguments that do not fit."""

import numpy as np
import pytest
import scipy.stats

import keras_vae as kv

pytestmark = pytest.mark.on_torch


def test_a_line_by_hand():
    """Six rows on a line, three of each batch: the two nearest others of each row can be read off."""
    z = np.array([[0.0], [1.0], [2.1], [3.3], [4.6], [6.0]])
    batch = np.array(["a", "a", "b", "a", "b", "b"])
    # neighbours: of 0: 1 2; of 1: 0 2; of 2.1: 1 3.3; of 3.3: 2.1 4.6; of 4.6: 3.3 6; of 6: 4.6 3.3
    of_a = np.array([1, 1, 2, 0, 1, 1])
    found = kv.evaluation.batch_mixing(z, batch, neighbours=2)
    # one of each batch is expected; draws of two of six rows vary by (6 - 2) / (6 - 1) of what independent ones do
    statistic = ((of_a - 1.0) ** 2 + (2 - of_a - 1.0) ** 2) * 5 / 4
    np.testing.assert_allclose(found.p_values, scipy.stats.chi2.sf(statistic, df=1))
    np.testing.assert_allclose(found.entropies, [1, 1, 0, 0, 1, 1])
    assert found.entropy == pytest.approx(4 / 6)
    assert found.rejection_rate == 0.0
    # p of the two rows with neighbours of one batch is 0.11
    assert kv.evaluation.batch_mixing(z, batch, neighbours=2, level=0.2).rejection_rate == pytest.approx(2 / 6)
    assert found.summary() == {"batch_rejection_rate": 0.0, "batch_entropy": pytest.approx(4 / 6)}


@pytest.mark.parametrize("neighbours", [30, 150])
def test_random_labels_are_rejected_at_the_level(neighbours):
    """Also where the neighbours are half of all rows, which the uncorrected statistic rejects hardly ever."""
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(40):
        z = rng.normal(size=(300, 3))
        batch = rng.choice(3, size=300, p=[0.5, 0.3, 0.2])
        rates.append(kv.evaluation.batch_mixing(z, batch, neighbours=neighbours, level=0.1).rejection_rate)
    # neighbourhoods of one set overlap, so the rate of a set varies: five standard errors of the mean
    error = np.std(rates) / np.sqrt(len(rates))
    assert error < 0.025
    assert np.mean(rates) == pytest.approx(0.1, abs=5 * error)
    assert np.mean(rates) > 0.04


def test_batches_apart_are_rejected_everywhere():
    rng = np.random.default_rng(0)
    batch = np.arange(200) % 2
    z = rng.normal(size=(200, 3))
    z[:, 0] += 20.0 * batch
    found = kv.evaluation.batch_mixing(z, batch)
    assert (found.rejection_rate, found.entropy) == (1.0, 0.0)


def test_kinds_of_unequal_shares():
    """Each kind is mixed in itself, but nine tenths of one are of the first batch and of the other of the second."""
    rng = np.random.default_rng(0)
    kinds = np.arange(600) % 2
    batch = (rng.random(600) < np.where(kinds == 0, 0.1, 0.9)).astype(int)
    z = rng.normal(size=(600, 2)) + 10.0 * kinds[:, None]
    assert kv.evaluation.batch_mixing(z, batch).rejection_rate > 0.9
    within = kv.evaluation.batch_mixing(z, batch, np.array(["T", "B"], object)[kinds])
    assert within.rejection_rate < 0.15
    assert within.entropy > 0.9
    # each kind as if it were alone
    alone = kv.evaluation.batch_mixing(z[kinds == 1], batch[kinds == 1])
    np.testing.assert_allclose(within.p_values[kinds == 1], alone.p_values)


def test_a_kind_of_one_batch_has_nothing_to_mix():
    rng = np.random.default_rng(0)
    kinds = np.repeat([0, 1], 50)
    batch = np.where(kinds == 0, np.arange(100) % 2, 7)
    found = kv.evaluation.batch_mixing(rng.normal(size=(100, 2)), batch, kinds)
    assert np.isnan(found.p_values[50:]).all()
    assert np.isfinite(found.p_values[:50]).all()
    assert 0.0 <= found.rejection_rate < 0.3


def test_defaults_are_a_quarter_of_the_mean_batch():
    rng = np.random.default_rng(1)
    z, batch = rng.normal(size=(240, 2)), rng.integers(0, 3, 240)
    np.testing.assert_array_equal(
        kv.evaluation.batch_mixing(z, batch).p_values, kv.evaluation.batch_mixing(z, batch, neighbours=20).p_values
    )


Z = np.random.default_rng(0).normal(size=(30, 2))
BATCH = np.arange(30) % 2


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((Z[:, 0], BATCH), {}, "Argument `z`"),
        ((np.where(Z > 1, np.nan, Z), BATCH), {}, "with NaN"),
        ((Z, BATCH[:-1]), {}, r"Argument `batch` .* \(30,\)\. Received: shape \(29,\)"),
        ((Z, np.where(BATCH, 1.0, np.nan)), {}, "Argument `batch` .* None or NaN"),
        ((Z, np.array([None, "a"])[BATCH]), {}, "Argument `batch` .* None or NaN"),
        ((Z, BATCH, BATCH[:3]), {}, "Argument `kinds`"),
        ((Z, np.zeros(30)), {}, "Argument `batch` must have at least two values"),
        ((Z, BATCH, BATCH), {}, "in some kind both"),
        ((Z, BATCH), {"neighbours": 29}, "Received: 29 neighbours, and a kind of 30 rows"),
        ((Z, BATCH, np.arange(30) // 10), {}, "Received: 10 neighbours by default, and a kind of 10 rows"),
        ((Z, BATCH), {"neighbours": 2.5}, "Argument `neighbours`"),
        ((Z, BATCH), {"level": 5}, "Argument `level`"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        kv.evaluation.batch_mixing(*arguments, **options)
