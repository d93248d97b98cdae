"""Rows in batches of one size."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_vae.hints import Array

__all__ = ["in_equal_batches"]


def in_equal_batches(apply: Callable[[Array], Any], x: Array, size: int) -> Any:
    """What `apply` returns for rows, the last batch being filled up.

    Sums of floats differ in the last digit by the size of a batch: with one size a row has the same result whatever
    rows stand beside it.

    Args:
        apply: function of rows that takes them in batches of `size`; returns arrays `(n, ...)`, or a structure of them.
        x: rows `(n, ...)`.
        size: rows of a batch.

    Example:

    >>> import numpy as np
    >>> from keras_vae.estimators import in_equal_batches
    >>> in_equal_batches(lambda rows: (rows.sum(axis=1), len(rows) * np.ones(len(rows))), np.ones((3, 2)), 4)
    (array([2., 2., 2.]), array([4., 4., 4.]))
    """
    padded = np.concatenate([x, np.repeat(x[-1:], -len(x) % size, axis=0)])
    return keras.tree.map_structure(lambda array: array[: len(x)], apply(padded))
