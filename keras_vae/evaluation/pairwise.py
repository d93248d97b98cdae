"""All pairs of two sets of rows, a block at a time: no matrix of all pairs is ever in memory."""

from collections.abc import Callable, Iterator

import numpy as np

from keras_vae.hints import Array

__all__ = ["blocks", "mean_over_pairs", "mean_within", "radii", "squared_distances"]

BLOCK = 2**21
"""Numbers of a block of pairs, 16 MB in float64."""


def blocks(rows: int, numbers_of_a_row: int) -> Iterator[slice]:
    """Slices of the rows, such that `numbers_of_a_row` for each of them fit into a block.

    >>> [(part.start, part.stop) for part in blocks(5, 2**20)]
    [(0, 2), (2, 4), (4, 5)]
    """
    size = max(1, BLOCK // max(1, numbers_of_a_row))
    for start in range(0, rows, size):
        yield slice(start, min(rows, start + size))


def squared_distances(a: Array, b: Array) -> Array:
    """Squared Euclidean distances between rows `(n, d)` and `(m, d)`: `(n, m)`, float64."""
    products = a @ b.T
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2.0 * products
    return np.maximum(squares, 0.0)  # rounding may make equal rows negative


def mean_over_pairs(kernel: Callable, a: Array, b: Array) -> float:
    """Mean of `kernel(rows, rows) -> (n, m)` over all pairs of rows of `a (n, d)` and `b (m, d)`."""
    total = sum(kernel(a[part], b).sum() for part in blocks(len(a), len(b)))
    return float(total / (len(a) * len(b)))


def mean_within(kernel: Callable, a: Array) -> float:
    """Mean of a kernel over the pairs of different rows of `a (n, d)`."""
    total = 0.0
    for part in blocks(len(a), len(a)):
        values = kernel(a[part], a)
        total += values.sum() - values[np.arange(len(values)), np.arange(part.start, part.stop)].sum()
    return float(total / (len(a) * (len(a) - 1)))


def radii(rows: Array, neighbours: int) -> Array:
    """Squared distance of every row to its k-th nearest other row: `(n,)`.

    Args:
        rows: `(n, d)`.
        neighbours: k, below n.
    """
    found = np.empty(len(rows))
    for part in blocks(len(rows), len(rows)):
        distances = squared_distances(rows[part], rows)
        distances[np.arange(len(distances)), np.arange(part.start, part.stop)] = np.inf  # not itself
        found[part] = np.partition(distances, neighbours - 1, axis=1)[:, neighbours - 1]
    return found
