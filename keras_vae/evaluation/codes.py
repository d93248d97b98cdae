"""Codes and ground-truth factors, which the metrics of disentanglement compare."""

from typing import Any

import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.evaluation.optional import scikit_learn
from keras_vae.hints import Array

__all__ = ["as_classes", "checked_codes", "discretised", "gap", "mutual_information_matrix", "split"]


def checked_codes(codes: Any, factors: Any, two_dimensions: bool = False) -> tuple[Array, Array]:
    """Codes `(n, d)` in float64, and factors `(n, k)` as classes from 0 on.

    Args:
        codes: `(n, d)`.
        factors: whole numbers `(n, k)`.
        two_dimensions: whether a metric compares the best dimension with the second, so that two are needed.

    Raises:
        ValueError: other shapes, codes that are not finite, or a factor that does not vary.
    """
    codes = rows_of_codes(codes, "codes")
    factors = np.asarray(factors)
    if factors.ndim != 2 or len(factors) != len(codes):
        raise ValueError(
            f"Argument `factors` must have shape ({len(codes)}, k), a column for each factor of variation. Received: "
            f"shape {factors.shape}."
        )
    if factors.dtype.kind not in "iub" and not np.array_equal(factors, np.round(factors)):
        raise ValueError(
            f"Argument `factors` must hold whole numbers, the class of each row. Received: dtype {factors.dtype}. Put "
            "real factors into bins first, with numpy.digitize."
        )
    constant = [index for index in range(factors.shape[1]) if len(np.unique(factors[:, index])) < 2]
    if constant or not factors.shape[1]:
        raise ValueError(
            f"Argument `factors`: every factor must have at least two values. Received: the columns {constant} with "
            "one. Leave them out."
        )
    if two_dimensions and codes.shape[1] < 2:
        raise ValueError(
            "Argument `codes` must have at least 2 dimensions: the metric compares the best one with the second. "
            f"Received: shape {codes.shape}."
        )
    return codes, np.stack([as_classes(column) for column in factors.T], axis=1)


def rows_of_codes(codes: Any, argument: str) -> Array:
    """Codes as finite rows `(n, d)`, float64.

    Raises:
        ValueError: another shape, or NaN.
    """
    array = np.asarray(codes, "float64")
    if array.ndim != 2 or len(array) < 2 or not array.shape[1] or not np.isfinite(array).all():
        raise ValueError(
            f"Argument `{argument}` must hold finite rows, (n, latent_dim) with n >= 2, as vae.encode gives them. "
            f"Received: shape {array.shape}{'' if np.isfinite(array).all() else ', with NaN or infinity'}."
        )
    return array


def as_classes(values: Array) -> Array:
    """Values `(n,)` as classes from 0 on, in their order.

    >>> as_classes(np.array([7, 3, 7])).tolist()
    [1, 0, 1]
    """
    return np.unique(values, return_inverse=True)[1].reshape(-1)


def discretised(codes: Array, bins: int) -> Array:
    """Every dimension of codes `(n, d)` in bins of equal width, from its smallest value to its largest.

    >>> discretised(np.array([[0.0], [0.4], [1.0]]), 2)[:, 0].tolist()
    [0, 0, 1]
    """
    bins = positive_int(bins, "bins")
    low, high = codes.min(axis=0), codes.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    return np.minimum((codes - low) / width * bins, bins - 1).astype("int64")


def mutual_information_matrix(codes: Array, factors: Array, bins: int, metric: str) -> Array:
    """Mutual information of every dimension, in bins, and every factor, in nats: `(d, k)`.

    Args:
        codes: `(n, d)`.
        factors: classes `(n, k)`.
        bins: number of bins of each dimension.
        metric: whose it is, for the error where scikit-learn is missing.
    """
    score = scikit_learn("metrics", metric).mutual_info_score
    binned = discretised(codes, bins)
    return np.array([[score(factor, code) for factor in factors.T] for code in binned.T])


def gap(scores: Array) -> Array:
    """Difference of the largest and the second largest score of every column: `(d, k) -> (k,)`."""
    ordered = np.sort(scores, axis=0)
    return ordered[-1] - ordered[-2]


def split(rows: int, seed: int | None) -> tuple[Array, Array]:
    """Indices of half of the rows, at random, and of the others: to fit on, and to test on."""
    order = np.random.default_rng(seed).permutation(rows)
    return order[: rows // 2], order[rows // 2 :]
