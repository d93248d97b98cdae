"""Columns that make losses invalid, or outweigh all others."""

import math
from typing import Any

import numpy as np

from keras_vae.hints import Array
from keras_vae.reports.finding import Finding

__all__ = ["invalid_numbers"]

LARGE = 1e3
"""Ratio of the spreads of columns from which single ones decide the loss; and, in half precision, of values: their
squares come near the largest number of float16, 65504."""


def invalid_numbers(measured: Any) -> Finding | None:
    """Losses that are NaN or infinite, and columns of real data whose spread or values are far beyond the others.

    Args:
        measured: the `Measurements`, whose data are `(n, *data_shape)`.
    """
    if measured.elbo is not None and not np.isfinite(measured.elbo).all():
        rows = np.flatnonzero(~np.isfinite(measured.elbo))
        return Finding(
            "invalid_numbers",
            "The ELBO is NaN or infinite.",
            f"{len(rows)} of {measured.rows} rows, the first of them x[{rows[0]}].",
            "look at these rows for extreme values; train with keras_vae.callbacks.StopOnInvalid(), which names the "
            "term and the batch.",
            math.inf,
        )
    support = measured.model.likelihood.support
    if (
        not measured.is_array
        or isinstance(support, dict)
        or math.isfinite(support.low)
        or len(measured.model.data_shape) != 1
    ):
        return None
    return column_of_another_scale(np.asarray(measured.inputs["x"], "float64"))


def column_of_another_scale(x: Array) -> Finding | None:
    """Columns `(n, width)` whose spread is more than `LARGE` times the median one."""
    spread = np.nanstd(x, axis=0)
    typical = np.median(spread[spread > 0]) if (spread > 0).any() else 0.0
    if not typical:
        return None
    wide = np.flatnonzero(spread > LARGE * typical)
    if not len(wide):
        return None
    worst = wide[np.argmax(spread[wide])]
    return Finding(
        "invalid_numbers",
        f"Column {worst} varies {spread[worst] / typical:.2g} times as much as a typical one.",
        f"Its standard deviation is {spread[worst]:.3g}, the median of all columns {typical:.3g}. It decides the "
        "loss and the gradients, which overflow in half precision.",
        "standardise the columns: (x - mean) / standard deviation, of the training rows; take the logarithm of "
        "amounts.",
        math.inf,
    )
