"""Whether two samples come from one distribution, by a kernel."""

import numpy as np

from keras_vae.arguments import one_of, positive_number
from keras_vae.evaluation.pairwise import mean_over_pairs, mean_within, squared_distances
from keras_vae.hints import Array

__all__ = ["maximum_mean_discrepancy", "median_distance"]

KERNELS = ("rbf", "imq")
FOR_MEDIAN = 1000
"""Rows of each side that the median distance is taken from: it is a scale, and need not be exact."""


def maximum_mean_discrepancy(a: Array, b: Array, kernel: str = "rbf", bandwidth: float | None = None) -> float:
    """Squared maximum mean discrepancy of two samples, by the unbiased estimator of Gretton et al. (2012, lemma 6).

    Zero on average for two samples of one distribution, so that about half of such estimates are negative. The kernel
    is exp(-d^2 / (2 s^2)) for `"rbf"`, or s^2 / (s^2 + d^2) for `"imq"`, the inverse multiquadratic, which notices
    rows far away too (Tolstikhin et al., 2018).

    Args:
        a: `(n, d)`, at least 2 rows.
        b: `(m, d)`, at least 2 rows.
        kernel: `"rbf"` or `"imq"`.
        bandwidth: s, in units of the rows; by default the median distance between rows of both samples.

    Raises:
        ValueError: an unknown kernel, or arrays of other shapes.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> a, b = np.random.default_rng(0).normal(size=(2, 500, 3))
    >>> same, moved = (kv.evaluation.maximum_mean_discrepancy(a, other) for other in (b, b + 1.0))
    >>> abs(same) < 0.005 < 0.1 < moved
    True
    """
    one_of(kernel, KERNELS, "kernel")
    a, b = as_two_samples(a, b)
    bandwidth = median_distance(a, b) if bandwidth is None else positive_number(bandwidth, "bandwidth")
    square = bandwidth**2

    def values(first: Array, second: Array) -> Array:
        squares = squared_distances(first, second)
        return np.exp(-0.5 * squares / square) if kernel == "rbf" else square / (square + squares)

    return mean_within(values, a) + mean_within(values, b) - 2.0 * mean_over_pairs(values, a, b)


def as_two_samples(a: Array, b: Array, names: tuple[str, str] = ("a", "b")) -> tuple[Array, Array]:
    """Two arrays of rows of one width, `(n, d)` and `(m, d)`, float64.

    Raises:
        ValueError: other shapes, or less than two rows.
    """
    first, second = (np.asarray(array, "float64") for array in (a, b))
    for name, array in zip(names, (first, second), strict=True):
        if array.ndim != 2 or len(array) < 2:
            raise ValueError(
                f"Argument `{name}` must hold rows, (n, d) with n >= 2. Received: shape {array.shape}. Flatten images "
                "with x.reshape(len(x), -1)."
            )
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"Argument `{names[1]}` must have rows as wide as those of `{names[0]}`, {first.shape[1]}. Received: shape "
            f"{second.shape}."
        )
    return first, second


def median_distance(a: Array, b: Array) -> float:
    """The median distance between different rows of both samples together; 1 where all rows are equal.

    Args:
        a: `(n, d)`.
        b: `(m, d)`.

    >>> float(median_distance(np.zeros((1, 2)), np.array([[3.0, 4.0]])))
    5.0
    """
    rng = np.random.default_rng(0)
    chosen = [rows[rng.permutation(len(rows))[:FOR_MEDIAN]] for rows in (a, b)]
    rows = np.concatenate(chosen)
    squares = squared_distances(rows, rows)[np.triu_indices(len(rows), 1)]
    # Codes that are discrete may be equal more often than not: then the mean.
    scale = float(np.median(squares)) or float(squares.mean())
    return float(np.sqrt(scale)) or 1.0
