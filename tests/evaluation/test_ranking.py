"""Rankings: toys computed by hand, scikit-learn's NDCG, sparse rows, and arguments that do not fit."""

import numpy as np
import pytest
import scipy.sparse
import sklearn.metrics

import keras_vae as kv
from keras_vae.evaluation import pairwise

pytestmark = pytest.mark.on_torch

# what was shown scores highest and is left out: the ranks are 2 4 3 1, and 0 1 2 3
SCORES = np.array([[9.0, 1.0, 8.0, 2.0, 3.0], [4.0, 3.0, 2.0, 1.0, 9.0]])
SHOWN = np.array([[1, 0, 0, 0, 0], [0, 0, 0, 0, 1]])
HELD_OUT = np.array([[0, 1, 0, 0, 1], [1, 0, 0, 0, 0]])


def random_rows(users=40, items=60):
    rng = np.random.default_rng(0)
    chosen = rng.random((users, items))
    return rng.normal(size=(users, items)), (chosen < 0.2).astype(int), ((chosen > 0.2) & (chosen < 0.4)).astype(int)


def test_by_hand():
    found = kv.evaluation.ranking(SCORES, SHOWN, HELD_OUT, recall=(1, 2, 20), ndcg=(1, 100))
    np.testing.assert_allclose(found.recall[1], [0.0, 1.0])
    np.testing.assert_allclose(found.recall[2], [0.5, 1.0])  # one of two
    np.testing.assert_allclose(found.recall[20], [1.0, 1.0])
    discount = 1 / np.log2([2, 3, 4, 5])
    np.testing.assert_allclose(found.ndcg[1], [0.0, 1.0])
    np.testing.assert_allclose(found.ndcg[100], [(discount[1] + discount[3]) / (discount[0] + discount[1]), 1.0])
    assert found.summary()["recall@2"] == 0.75
    assert found.standard_errors()["recall@2"] == pytest.approx(0.25 / np.sqrt(2))
    assert (
        list(found.summary())
        == list(found.standard_errors())
        == [
            "recall@1",
            "recall@2",
            "recall@20",
            "ndcg@1",
            "ndcg@100",
        ]
    )


def test_recall_reaches_one_where_more_is_held_out_than_the_cut():
    found = kv.evaluation.ranking([[3.0, 2.0, 1.0, 0.0]], [[0, 0, 0, 0]], [[1, 1, 1, 0]], recall=2, ndcg=2)
    assert (found.recall[2][0], found.ndcg[2][0]) == (1.0, 1.0)


@pytest.mark.parametrize("k", [1, 5, 100])
def test_ndcg_is_that_of_scikit_learn(k):
    scores, shown, held_out = random_rows()
    found = kv.evaluation.ranking(scores, shown, held_out, ndcg=k).ndcg[k]
    for user in range(len(scores)):
        left = shown[user] == 0
        expected = sklearn.metrics.ndcg_score(held_out[user][left][None], scores[user][left][None], k=k)
        assert found[user] == pytest.approx(expected)


def test_sparse_rows_and_small_blocks_change_nothing(monkeypatch):
    scores, shown, held_out = random_rows()
    expected = kv.evaluation.ranking(scores, shown, held_out, recall=3, ndcg=7)
    monkeypatch.setattr(pairwise, "BLOCK", 60)  # two users at a time
    for kind in (scipy.sparse.csr_array, scipy.sparse.coo_matrix):
        found = kv.evaluation.ranking(scores, kind(shown), kind(2.5 * held_out), recall=3, ndcg=7)
        np.testing.assert_array_equal(found.recall[3], expected.recall[3])
        np.testing.assert_array_equal(found.ndcg[7], expected.ndcg[7])


def test_users_without_held_out_items_are_left_out_of_means():
    found = kv.evaluation.ranking(SCORES, SHOWN, HELD_OUT * [[0], [1]])
    assert np.isnan(found.recall[20][0])
    assert np.isnan(found.ndcg[100][0])
    assert found.summary() == {"recall@20": 1.0, "recall@50": 1.0, "ndcg@100": 1.0}
    assert found.standard_errors()["ndcg@100"] == 0.0


def test_equal_scores_come_in_the_order_of_the_items():
    found = kv.evaluation.ranking(np.zeros((1, 4)), [[1, 0, 0, 0]], [[0, 0, 1, 0]], recall=(1, 2))
    assert (found.recall[1][0], found.recall[2][0]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((SCORES[0], SHOWN, HELD_OUT), {}, "Argument `scores` must be an array of numbers"),
        ((SCORES, SHOWN[:, 1:], HELD_OUT), {}, r"Argument `shown` must have .* \(2, 5\)\. Received: shape \(2, 4\)"),
        ((SCORES, SHOWN, HELD_OUT[:1]), {}, "Argument `held_out` must have the shape"),
        (
            (np.where(SCORES == 8, np.inf, SCORES), SHOWN, HELD_OUT),
            {},
            "`scores` must be finite. Received: inf .* user 0 and item 2",
        ),
        ((SCORES, SHOWN, SHOWN), {}, "Argument `held_out` must have no item that was shown"),
        ((SCORES, SHOWN, 0 * HELD_OUT), {}, "Argument `held_out` must have at least one item"),
        ((SCORES, SHOWN, np.where(HELD_OUT == 1, np.nan, 0.0)), {}, "Argument `held_out` .*Received: NaN"),
        ((SCORES, SHOWN, HELD_OUT), {"recall": 0}, "Argument `recall`"),
        ((SCORES, SHOWN, HELD_OUT), {"ndcg": (2, 1.5)}, "Argument `ndcg`"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        kv.evaluation.ranking(*arguments, **options)
