"""Whether latents are free of what should not be in them: the batch, the device, the site."""

import dataclasses
from typing import Any

import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.evaluation.codes import as_classes, rows_of_codes
from keras_vae.evaluation.optional import scikit_learn
from keras_vae.evaluation.result import Result
from keras_vae.hints import Array

__all__ = ["BatchMixing", "batch_mixing"]


@dataclasses.dataclass(frozen=True, eq=False)
class BatchMixing(Result):
    """Batches among the nearest neighbours of every row (Büttner et al., 2019).

    Args:
        p_values: for each row, how likely neighbours as uneven as its own are if batches are mixed, `(n,)`; NaN where
            there is nothing to mix.
        entropies: entropy of the batches among the neighbours, divided by that of all rows, `(n,)`: 0 where all
            neighbours are of one batch, about 1 where batches are mixed.
        level: p-values below it are rejections.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> found = kv.evaluation.BatchMixing(np.array([0.01, 0.5]), np.array([0.2, 1.0]), 0.05)
    >>> found.rejection_rate, round(found.entropy, 3)
    (0.5, 0.6)
    """

    p_values: Array
    entropies: Array
    level: float

    @property
    def rejection_rate(self) -> float:
        """Share of the rows around which batches are not mixed: about `level` if they are, 1 if they are apart."""
        return float((self.p_values[~np.isnan(self.p_values)] < self.level).mean())

    @property
    def entropy(self) -> float:
        """Mean of the entropies: about 1 if batches are mixed, 0 if they are apart."""
        return float(np.nanmean(self.entropies))

    def summary(self) -> dict[str, float]:
        return {"batch_rejection_rate": self.rejection_rate, "batch_entropy": self.entropy}


def batch_mixing(
    z: Any, batch: Any, kinds: Any = None, *, neighbours: int | None = None, level: float = 0.05
) -> BatchMixing:
    """Tests around every row whether its neighbours come from all batches: kBET (Büttner et al., 2019).

    The batches of a row's k nearest other rows are compared with those of all rows by a chi-square test. If batches are
    mixed, the test rejects at the rate `level`; if they are apart, everywhere. Where kinds are of unequal shares in
    the batches, a good embedding is not mixed as a whole: pass the kinds, and neighbours are sought and compared within
    each. The statistic is corrected for draws without replacement from a finite number of rows, which the paper's is
    not: so the rate is right for large k too. The more neighbours, the smaller the differences that are found; the
    entropy says how large they are.

    Args:
        z: `(n, latent_dim)`, as `vae.encode` gives them.
        batch: `(n,)`, the batch of each row, of any type; at least two values.
        kinds: `(n,)`, the kind of each row, or None for one. A kind of a single batch has nothing to mix.
        neighbours: k. By default, in each kind, a quarter of the mean number of rows of a batch, as in the paper, and
            at least 10.
        level: of the test, between 0 and 1.

    Returns:
        `BatchMixing`, with a p-value and an entropy for each row.

    Raises:
        ValueError: arguments that do not fit each other, or kinds with too few rows.
        ImportError: scikit-learn is not installed.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> z, batch = np.random.default_rng(0).normal(size=(200, 2)), np.arange(200) % 2
    >>> kv.evaluation.batch_mixing(z, batch).rejection_rate < 0.2
    True
    >>> kv.evaluation.batch_mixing(z + 5 * batch[:, None], batch).rejection_rate  # batches apart
    1.0
    """
    z = rows_of_codes(z, "z")
    if neighbours is not None:
        positive_int(neighbours, "neighbours")
    if not 0.0 < level < 1.0:
        raise ValueError(f"Argument `level` must lie between 0 and 1. Received: level={level!r}")
    labels = _labels(batch, len(z), "batch")
    groups = np.zeros(len(z), "int64") if kinds is None else _labels(kinds, len(z), "kinds")
    p_values, entropies = np.full(len(z), np.nan), np.full(len(z), np.nan)
    for kind in np.unique(groups):
        rows = np.flatnonzero(groups == kind)
        found = as_classes(labels[rows])
        if not found.any():  # one batch
            continue
        k = max(10, len(rows) // (4 * (found.max() + 1))) if neighbours is None else neighbours
        if k > len(rows) - 2:
            raise ValueError(
                f"Argument `neighbours` must be at most the number of rows of every kind, less two. Received: {k} "
                f"neighbours{' by default' if neighbours is None else ''}, and a kind of {len(rows)} rows. Take fewer, "
                "or leave small kinds out."
            )
        p_values[rows], entropies[rows] = _tests(z[rows], found, k)
    if np.isnan(p_values).all():
        raise ValueError("Argument `batch` must have at least two values, and in some kind both. Received: one batch.")
    return BatchMixing(p_values, entropies, float(level))


def _tests(z: Array, batch: Array, k: int) -> tuple[Array, Array]:
    """p-value and relative entropy of each row's neighbours, each `(n,)`; `batch` holds classes from 0 on."""
    search = scikit_learn("neighbors", "batch_mixing").NearestNeighbors(n_neighbors=k).fit(z)
    from scipy.special import chdtrc  # scikit-learn needs SciPy too

    near = batch[search.kneighbors(return_distance=False)]  # of the rows fitted, each without itself
    counts = np.stack([(near == label).sum(axis=1) for label in range(batch.max() + 1)], axis=1)
    n, shares = len(batch), np.bincount(batch) / len(batch)
    statistics = (np.square(counts - k * shares) / (k * shares)).sum(axis=1) * (n - 1) / (n - k)
    return chdtrc(batch.max(), statistics), _entropy(counts / k) / _entropy(shares)


def _entropy(shares: Array) -> Array:
    """Entropy over the last axis, in nats."""
    return -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=-1)


def _labels(values: Any, n: int, argument: str) -> Array:
    labels = np.asarray(values)
    # NaN is the one value that differs from itself; None is what pandas has in columns of text
    missing = labels.shape == (n,) and any(label is None or label != label for label in labels.tolist())
    if labels.shape != (n,) or missing:
        raise ValueError(
            f"Argument `{argument}` must hold a label for each of the {n} rows of `z`, ({n},). Received: shape "
            f"{labels.shape}{', with None or NaN' if missing else ''}."
        )
    return as_classes(labels.astype("str") if labels.dtype.kind == "O" else labels)
