"""Metrics of disentanglement against toys whose values are known, and against other formulas of the same."""

import itertools
import math
import sys

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.evaluation.codes import discretised, gap, mutual_information_matrix
from keras_vae.evaluation.sap import squared_correlations
from tests.models.small import small_vae

pytestmark = pytest.mark.on_torch

RNG = np.random.default_rng(0)
GRID = np.array(list(itertools.product(range(4), range(4), range(4))))
"""All combinations of three factors with four values."""
FACTORS = RNG.integers(0, 4, (1200, 3))
CODES = FACTORS * 1.0
ROTATION = np.linalg.qr(np.array([[1.0, 1, 1], [1, -1, 0], [1, 1, -2]]).T)[0]
ROTATED = FACTORS @ ROTATION
NOISE = RNG.normal(size=(1200, 3))

# Neither order, sign nor scale matter.
ORDERED = CODES[:, [2, 0, 1]] * [-1.0, 3.0, 0.5]
FORESTS = {}


def forest(codes, factors):
    """DCI, computed once for each array of codes: three tests read it."""
    if id(codes) not in FORESTS:
        FORESTS[id(codes)] = kv.evaluation.dci(codes, factors, "forest")
    return FORESTS[id(codes)]


SCORES = {
    "mig": kv.evaluation.mig,
    "sap": kv.evaluation.sap,
    "ordered sap": lambda codes, factors: kv.evaluation.sap(codes, factors, ordered=True),
    "disentanglement": lambda codes, factors: forest(codes, factors).disentanglement,
    "completeness": lambda codes, factors: forest(codes, factors).completeness,
    "informativeness": lambda codes, factors: forest(codes, factors).informativeness,
    "factor_vae": kv.evaluation.factor_vae_score,
    "modularity": kv.evaluation.modularity,
    "irs": kv.evaluation.irs,
}


# Codes that are the factors, a rotation of them, and noise -----------------------------------------------


@pytest.mark.parametrize("name", [name for name in SCORES if name != "sap"])
def test_codes_that_are_the_factors_score_highest(name):
    assert SCORES[name](ORDERED, FACTORS) == pytest.approx(1.0, abs=0.01)


def test_separate_predictability_of_two_values():
    # A machine is right about its own factor, and half of the time about another.
    assert kv.evaluation.sap(CODES, FACTORS > 1) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(("name", "most"), [
    ("mig", 0.25), ("sap", 0.15), ("ordered sap", 0.3), ("disentanglement", 0.3), ("completeness", 0.3),
    ("modularity", 0.9), ("irs", 0.65),
])  # fmt: skip
def test_rotated_codes_score_low(name, most):
    assert SCORES[name](ROTATED, FACTORS) < min(most, SCORES[name](CODES, FACTORS) - 0.1)


@pytest.mark.parametrize(("name", "most"), [
    ("mig", 0.02), ("sap", 0.1), ("ordered sap", 0.02), ("disentanglement", 0.1), ("completeness", 0.1),
    ("informativeness", 0.35), ("factor_vae", 0.5), ("irs", 0.35),
])  # fmt: skip
def test_noise_scores_lowest(name, most):
    assert SCORES[name](NOISE, FACTORS) < most


# By hand ----------------------------------------------------------------------------------------------------


def test_mig_by_hand():
    # Factor 0 has one bit. Code 0 is the factor; code 1 is the factor in half of the rows where it is 1:
    # P(code 1 = 1) = 1/4, H(code 1) = h(1/4), H(code 1 | factor) = 1/2 bit. I = h(1/4) - 1/2 = 0.8113 - 0.5 bits.
    factors = np.array([[0], [0], [1], [1]]).repeat(5, axis=0)
    codes = np.array([[0, 0], [0, 0], [1, 0], [1, 1]]).repeat(5, axis=0)
    information = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75)) - 0.5
    assert kv.evaluation.mig(codes, factors) == pytest.approx(1.0 - information, abs=1e-6)
    matrix = mutual_information_matrix(codes * 1.0, factors, 20, "mig") / math.log(2)
    np.testing.assert_allclose(matrix[:, 0], [1.0, information], atol=1e-6)


def test_modularity_by_hand():
    # Code 0 is factor 0, and code 1 a pair of both: (1 - 0) and 1 - m^2 / m^2 = 0 for two factors.
    factors = np.array(list(itertools.product(range(2), range(2))))
    codes = np.stack([factors[:, 0], 2 * factors[:, 0] + factors[:, 1]], axis=1)
    assert kv.evaluation.modularity(codes, factors) == pytest.approx(0.5)
    idle = np.stack([factors[:, 0], np.zeros(4)], axis=1)
    assert kv.evaluation.modularity(idle, factors) == pytest.approx(0.5)  # a dimension that knows nothing is 0


def test_sap_by_hand():
    codes = np.stack([GRID[:, 0], GRID[:, 0] + GRID[:, 1], GRID[:, 2]], axis=1)
    # Squared correlations of independent factors of one variance: with the sum of two each has 1/2.
    expected = np.array([[1, 0, 0], [0.5, 0.5, 0], [0, 0, 1]])
    np.testing.assert_allclose(squared_correlations(codes, GRID), expected, atol=1e-12)
    assert kv.evaluation.sap(codes, GRID, ordered=True) == pytest.approx((0.5 + 0.5 + 1.0) / 3)
    np.testing.assert_allclose(gap(expected), [0.5, 0.5, 1.0])


def test_dci_by_hand():
    module = sys.modules[kv.evaluation.dci.__module__]
    importance = np.array([[0.9, 0.5], [0.1, 0.0], [0.0, 0.5]])
    # Rows: entropies to the base 2; weights 1.4, 0.1 and 0.5 of 2.
    first = 1 + (9 / 14 * math.log2(9 / 14) + 5 / 14 * math.log2(5 / 14))
    assert module.disentanglement(importance) == pytest.approx((1.4 * first + 0.1 + 0.5) / 2)
    # Columns: entropies to the base 3.
    columns = [1 + (0.9 * math.log(0.9) + 0.1 * math.log(0.1)) / math.log(3), 1 - math.log(2) / math.log(3)]
    assert module.completeness(importance) == pytest.approx(np.mean(columns))


def test_irs_by_hand():
    # Code 0 is factor 0 on {0, 1}, code 1 is factor 0 plus factor 1. Fixing factor 0 leaves code 0 where it is, and
    # code 1 at 1/2 from its mean on either side; its largest deviation from the mean 1 is 1, that of code 0 is 1/2.
    factors = np.array(list(itertools.product(range(2), range(2))))
    codes = np.stack([factors[:, 0], factors.sum(axis=1)], axis=1)
    assert kv.evaluation.irs(codes, factors, quantile=1.0) == pytest.approx((0.5 * 1.0 + 1.0 * 0.5) / 1.5)
    # Fixing either factor at 0 leaves this code at 0, and at 1 it is 1 from its mean: 1/2 on average, of 3/2.
    assert kv.evaluation.irs(np.array([[0.0], [0.0], [0.0], [2.0]]), factors, 1.0) == pytest.approx(2 / 3)
    assert kv.evaluation.irs(np.zeros((4, 2)), factors) == 0.0


def test_factor_vae_score_leaves_collapsed_dimensions_out():
    # The smallest variance relative to its own would be that of the collapsed dimension in every vote.
    collapsed = np.concatenate([CODES, 1e-6 * NOISE[:, :1]], axis=1)
    assert kv.evaluation.factor_vae_score(collapsed, FACTORS) > 0.95
    assert kv.evaluation.factor_vae_score(np.zeros((1200, 2)), FACTORS) == 0.0


def test_factor_vae_score_of_unequal_scales_and_of_held_out_votes():
    # At a fixed factor the first dimension still varies more than the others do at all, but not for its scale.
    scales = [10.0, 1.0, 1.0]
    assert kv.evaluation.factor_vae_score((CODES + 0.3 * NOISE) * scales, FACTORS) > 0.95
    # Of 60 dimensions of noise each gets about a vote: a classifier is right about votes that it was made of.
    assert kv.evaluation.factor_vae_score(RNG.normal(size=(1200, 60)), FACTORS, votes=60) < 0.7


def test_bins_have_equal_width():
    np.testing.assert_array_equal(discretised(np.array([[0.0], [0.24], [0.26], [1.0]]), 4)[:, 0], [0, 0, 1, 3])
    np.testing.assert_array_equal(discretised(np.ones((3, 1)), 4)[:, 0], 0)


@pytest.mark.parametrize("predictor", ["boosting", "lasso"])
def test_the_other_predictors(predictor):
    found = kv.evaluation.dci(CODES[:300], FACTORS[:300], predictor)
    assert found.importance.shape == (3, 3)
    np.testing.assert_allclose(found.importance.sum(axis=0), 1.0)
    assert min(found.disentanglement, found.completeness) > 0.9


# Without factors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("similarity", ["spearman", "lasso"])
def test_udr_prefers_models_that_agree(similarity):
    codes = RNG.normal(size=(3000, 3))
    others = [codes[:, [1, 2, 0]] * [-1, 2, 1], codes @ ROTATION, codes]
    scores = kv.evaluation.udr([codes, *others], similarity=similarity)
    assert scores.shape == (4,)
    assert scores[[0, 1, 3]].min() > 0.85
    assert scores[2] < 0.7


def test_udr_by_hand():
    # Two models of two dimensions: similarities |corr| are [[1, 0], [0.6, 0.8]] for a = z0, b = 0.6 z0 + 0.8 z1.
    codes = np.linalg.qr(RNG.normal(size=(500, 3)) - RNG.normal(size=(500, 3)).mean(axis=0))[0]
    codes = codes - codes.mean(axis=0)
    module = sys.modules[kv.evaluation.udr.__module__]
    matrix = np.array([[1.0, 0.0], [0.6, 0.8]])
    columns, rows = 1 / 1.6 + 0.64 / 0.8, 1.0 + 0.64 / 1.4
    assert module.of_pair(matrix, np.ones(2, bool), np.ones(2, bool)) == pytest.approx((columns + rows) / 4)
    # A dimension that is not informative adds nothing to the sum of its own side.
    informative = np.array([True, False])
    assert module.of_pair(matrix, np.ones(2, bool), informative) == pytest.approx((1 / 1.6 + rows) / 3)


def test_udr_correlations_are_those_of_scipy():
    from scipy.stats import spearmanr

    first, second = RNG.integers(0, 9, (50, 2)) * 1.0, RNG.normal(size=(50, 3))
    module = sys.modules[kv.evaluation.udr.__module__]
    expected = np.abs(spearmanr(first, second).statistic[:2, 2:])
    np.testing.assert_allclose(module.similarities(first, second, "spearman"), expected, atol=1e-12)


def test_collapsed_dimensions_do_not_count():
    codes = RNG.normal(size=(2000, 2))
    wide = [np.concatenate([codes, 1e-3 * RNG.normal(size=(2000, 2))], axis=1) for _ in range(3)]
    by_variance = kv.evaluation.udr(wide)
    by_kl = kv.evaluation.udr(wide, kl=[np.array([2.0, 2.0, 0.0, 0.0])] * 3)
    np.testing.assert_array_equal(by_variance, by_kl)
    assert by_kl.min() > 1.3 * kv.evaluation.udr(wide, kl=[np.ones(4)] * 3).max()


# Of a model -----------------------------------------------------------------------------------------------------


def test_all_metrics_of_a_model():
    x = (FACTORS[:200] / 4).repeat(2, axis=1).astype("float32")
    vae = small_vae(latent_dim=(2, 3), latents="hierarchical")
    found = kv.evaluation.disentanglement(vae, x, FACTORS[:200], "lasso")
    codes = np.concatenate(vae.encode(x), axis=1)
    assert found.mig == kv.evaluation.mig(codes, FACTORS[:200])
    assert found.irs == kv.evaluation.irs(codes, FACTORS[:200])
    assert found.dci.importance.shape == (5, 3)
    assert len(found.summary()) == 8
    assert all(0 <= value <= 1 for value in found.summary().values())


REFUSED = {
    "rows": (lambda: kv.evaluation.mig(CODES, FACTORS[:5]), r"`factors` must have shape \(1200, k\)"),
    "flat": (lambda: kv.evaluation.mig(CODES, FACTORS[:, 0]), "`factors` must have shape"),
    "constant": (lambda: kv.evaluation.mig(CODES, FACTORS * [1, 0, 1]), r"at least two values.*\[1\]"),
    "real": (lambda: kv.evaluation.irs(CODES, NOISE), "whole numbers"),
    "one code": (lambda: kv.evaluation.mig(CODES[:, :1], FACTORS), "at least 2 dimensions"),
    "nan": (lambda: kv.evaluation.sap(CODES * np.nan, FACTORS), "with NaN or infinity"),
    "one factor": (lambda: kv.evaluation.modularity(CODES, FACTORS[:, :1]), "at least 2 columns"),
    "predictor": (lambda: kv.evaluation.dci(CODES, FACTORS, "trees"), "`predictor` must be one of"),
    "one value": (
        lambda: kv.evaluation.dci(CODES[:4], np.array([[0], [0], [0], [1]]), seed=0),
        "one value in the half",
    ),
    "quantile": (lambda: kv.evaluation.irs(CODES, FACTORS, quantile=0.0), "`quantile` must lie"),
    "one model": (lambda: kv.evaluation.udr([CODES]), "at least two models"),
    "other rows": (lambda: kv.evaluation.udr([CODES, CODES[:9]]), "the same rows"),
    "kl": (lambda: kv.evaluation.udr([CODES, CODES], kl=[np.ones(3), np.ones(2)]), "`kl` must hold"),
    "bins": (lambda: kv.evaluation.mig(CODES, FACTORS, bins=0), "`bins` must be"),
}


@pytest.mark.refusals
@pytest.mark.parametrize("name", REFUSED)
def test_bad_arguments_are_refused(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(ImportError, match=r"mig needs scikit-learn.*keras-vae\[evaluation\]"):
        kv.evaluation.mig(CODES, FACTORS)
