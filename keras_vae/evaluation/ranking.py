"""Recommendations: how many of the items that were held out are ranked at the top."""

import dataclasses
from typing import Any

import numpy as np

from keras_vae.arguments import positive_ints
from keras_vae.data.sparse import is_sparse
from keras_vae.evaluation.pairwise import blocks
from keras_vae.evaluation.result import Result
from keras_vae.hints import Array, Ints

__all__ = ["Ranking", "ranking"]


@dataclasses.dataclass(frozen=True, eq=False)
class Ranking(Result):
    """Recall and NDCG of every user's ranking, as Liang et al. (2018) measure them.

    Args:
        recall: by cut k, the share of a user's held-out items among the first k, `(users,)`.
        ndcg: by cut k, the discounted gain of the first k, divided by that of the best ranking, `(users,)`.

    Users without held-out items are NaN in both, and are left out of means.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> found = kv.evaluation.Ranking({20: np.array([0.5, 1.0])}, {100: np.array([0.6, 0.8])})
    >>> print(found)
    recall@20: 0.75
    ndcg@100: 0.7
    """

    recall: dict[int, Array]
    ndcg: dict[int, Array]

    def summary(self) -> dict[str, float]:
        return {name: float(np.nanmean(values)) for name, values in self._values().items()}

    def standard_errors(self) -> dict[str, float]:
        """Standard errors of the means over users, by the names of `summary`."""
        errors = {}
        for name, values in self._values().items():
            kept = values[~np.isnan(values)]
            errors[name] = float(kept.std() / np.sqrt(len(kept)))
        return errors

    def _values(self) -> dict[str, Array]:
        return {
            **{f"recall@{cut}": values for cut, values in self.recall.items()},
            **{f"ndcg@{cut}": values for cut, values in self.ndcg.items()},
        }


def ranking(scores: Any, shown: Any, held_out: Any, *, recall: Ints = (20, 50), ndcg: Ints = 100) -> Ranking:
    """Recall@k and NDCG@k of the items that a model ranks first (Liang et al., 2018, section 4.2).

    The items that were shown to the model are left out of the ranking. *Recall@k* is the share of the held-out items
    among the first k; it is divided by the smaller of k and their number, so that 1 can be reached. *NDCG@k* gives a
    held-out item at rank r the gain 1 / log2(r + 1), and divides the sum by that of the best possible ranking. Equal
    scores are ranked in the order of the items.

    Args:
        scores: `(users, items)`, the higher the better, such as `vae.predict(shown)`.
        shown: `(users, items)`, not zero where an item was shown to the model; may be sparse (`scipy.sparse`).
        held_out: `(users, items)`, not zero where an item is to be found; may be sparse.
        recall: cuts k of the recall, an int or several.
        ndcg: cuts k of the NDCG, an int or several. A cut above the number of items means all of them.

    Returns:
        `Ranking`, with a number for each user; memory for a block of users only.

    Raises:
        ValueError: shapes that differ, scores that are not finite, items that are shown and held out, or no item that
            is held out.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> scores = np.array([[9.0, 3.0, 2.0, 1.0]])
    >>> shown, held_out = np.array([[1, 0, 0, 0]]), np.array([[0, 0, 1, 0]])
    >>> found = kv.evaluation.ranking(scores, shown, held_out, recall=(1, 2), ndcg=2)
    >>> found.summary()["recall@1"], found.summary()["recall@2"]  # the item comes second
    (0.0, 1.0)
    """
    recall_cuts, ndcg_cuts = positive_ints(recall, "recall"), positive_ints(ndcg, "ndcg")
    scores = np.asarray(scores)
    if scores.ndim != 2 or scores.dtype.kind not in "biuf":
        raise ValueError(
            "Argument `scores` must be an array of numbers (users, items), such as vae.predict(shown). Received: shape "
            f"{scores.shape}, dtype {scores.dtype}."
        )
    known, wanted = _choices(shown, scores.shape, "shown"), _choices(held_out, scores.shape, "held_out")
    cut = min(max(*recall_cuts, *ndcg_cuts), scores.shape[1])
    hits, totals = np.zeros((len(scores), cut)), np.zeros(len(scores), "int64")
    for part in blocks(*scores.shape):
        hits[part], totals[part] = _hits(scores[part], _dense(known[part]), _dense(wanted[part]), cut, part.start)
    if not totals.any():
        raise ValueError("Argument `held_out` must have at least one item that is not zero. Received: none.")
    discount = 1.0 / np.log2(np.arange(2, cut + 2))
    found, gains, ideal = hits.cumsum(axis=1), (hits * discount).cumsum(axis=1), discount.cumsum()
    valid = totals > 0
    result = Ranking({}, {})
    for cuts, values in ((recall_cuts, result.recall), (ndcg_cuts, result.ndcg)):
        for k in cuts:
            last = min(k, cut) - 1
            best = np.where(valid, np.minimum(totals, last + 1), 1)
            top = found[:, last] / best if values is result.recall else gains[:, last] / ideal[best - 1]
            values[k] = np.where(valid, top, np.nan)
    return result


def _hits(scores: Array, known: Array, wanted: Array, cut: int, first: int) -> tuple[Array, Array]:
    """Whether a held-out item is at each of the first `cut` ranks, `(users, cut)`, and the number of them, `(users,)`.

    Args:
        scores: `(users, items)`.
        known: boolean, likewise: the items that are left out.
        wanted: boolean, likewise.
        cut: number of ranks.
        first: number of the first user, for errors.
    """
    for problem, argument, expected in (
        (~np.isfinite(scores), "scores", "be finite"),
        (known & wanted, "held_out", "have no item that was shown, which no ranking can find"),
    ):
        if problem.any():
            user, item = np.argwhere(problem)[0]
            raise ValueError(
                f"Argument `{argument}` must {expected}. Received: {scores[user, item]} as the score of user "
                f"{first + user} and item {item}"
                + (", NaN or infinite." if argument == "scores" else ", which is shown and held out.")
            )
    ranked = np.argsort(np.where(known, np.inf, -scores.astype("float64")), axis=1, kind="stable")[:, :cut]
    return np.take_along_axis(wanted, ranked, axis=1), wanted.sum(axis=1)


def _choices(data: Any, shape: tuple[int, ...], argument: str) -> Any:
    """Rows that can be cut, an array or a CSR matrix, of the shape of the scores."""
    rows = data.tocsr() if is_sparse(data) else np.asarray(data)
    if rows.shape != shape:
        raise ValueError(
            f"Argument `{argument}` must have the shape of the scores, {shape}. Received: shape {rows.shape}."
        )
    numbers: Any = rows.data if is_sparse(data) else rows
    if numbers.dtype.kind == "f" and np.isnan(numbers).any():
        raise ValueError(
            f"Argument `{argument}` must say of every item whether it was chosen. Received: NaN. Replace it, for "
            "example by 0."
        )
    return rows


def _dense(rows: Any) -> Array:
    return (rows.toarray() if is_sparse(rows) else rows) != 0
