"""Checks of the shape and of the values of arrays."""

import math
from typing import Any

import keras
import numpy as np

from keras_vae.data.sparse import is_sparse
from keras_vae.data.streams import to_numpy
from keras_vae.data.support import ColumnSupport, column_supports
from keras_vae.hints import Array, Shape

__all__ = ["check_rows", "check_shape", "count_rows", "ends_of_columns", "fits", "rows_of", "same"]


NO_DATA = ("exposure", "sample_weight", "y", "z")
"""Arguments whose shape follows from the model, so that no other data_shape would fit."""


def fits(received: Shape, expected: Shape) -> bool:
    """Whether a shape matches another, whose axes may be None."""
    return len(received) == len(expected) and all(
        axis is None or axis == got for axis, got in zip(expected, received, strict=True)
    )


def rows_of(shape: Shape) -> str:
    """The shape of a batch of examples of `shape`, for messages."""
    return "(" + ", ".join(["batch", *("any" if axis is None else str(axis) for axis in shape)]) + ")"


def check_rows(
    array: Array, shape: Shape, support: Any, argument: str, noisy: bool = False, missing: str | None = None
) -> None:
    """Check that the rows of `array` have a shape and lie within a support.

    Args:
        array: `(n, *shape)`.
        shape: shape of one row; None for an axis of unknown length.
        support: a `Support`, or None for any values.
        argument: name of the data in messages.
        noisy: whether noise may have moved the data outside of the support.
        missing: `"nan"` if NaN marks missing elements.

    Raises:
        ValueError: the array is not valid; the message names the argument, what was expected, what was received, and
            how to fix it.
    """
    if is_sparse(array):
        _check_sparse_rows(array, shape, support, argument, noisy, missing)
        return
    check_shape(tuple(array.shape), shape, argument)
    if isinstance(array, np.ma.MaskedArray):
        raise ValueError(
            f"Argument `{argument}` must be a plain array, since what a masked array hides would be used too. "
            "Received: a numpy.ma.MaskedArray. Fill it with array.filled(...), or leave those rows out."
        )
    values = to_numpy(array)
    if values.dtype.kind not in "fiub" and values.dtype.name != "bfloat16":
        raise ValueError(
            f"Argument `{argument}` must hold numbers. Received: dtype {values.dtype}. Columns of "
            "text or of mixed types must be turned into numbers first, categories into whole numbers from 0."
        )
    if missing == "nan" and values.dtype.kind not in "iub":
        if np.isnan(values).all():
            return  # nothing was observed, and nothing can be wrong
        values = _observed(values)
    if values.dtype.kind not in "iub" and not fits_float32(values):
        bad = np.argwhere(~np.isfinite(values.astype("float32")))
        if len(bad):
            index = tuple(int(axis) for axis in bad[0])
            raise ValueError(
                f"Argument `{argument}` must be finite. Received: {values[index]} at index {index}, {len(bad)} such "
                f"values in all. Remove those rows or fill the gaps before training.{_missing_hint(support, argument)}"
            )
    if isinstance(support, ColumnSupport):
        for first, last, columns in column_supports(support, values.shape[-1]):
            label = f"{argument}[..., {first}]" if first == last else f"{argument}[..., {first}:{last + 1}]"
            _check_support(values[..., first : last + 1], columns, label, noisy)
    elif support is not None:
        _check_support(values, support, argument, noisy)


def check_shape(received: Shape, shape: Shape, argument: str) -> None:
    """Check the shape of the rows `(n, *shape)`, of which there must be at least one.

    Args:
        received: shape of the array.
        shape: shape of one row; None for an axis of unknown length.
        argument: name of the data in messages.

    Raises:
        ValueError: another shape.
    """
    if not fits(received, (None, *shape)):
        raise ValueError(
            f"Argument `{argument}` must have shape {rows_of(shape)}. Received: shape {received}."
            f"{_shape_hint(received, shape, argument)}"
        )
    if received[0] == 0:
        raise ValueError(f"Argument `{argument}` must have at least one row. Received: shape {received}.")
    if 0 in received:
        raise ValueError(f"Argument `{argument}` holds empty sequences. Received: shape {received}.")


BLOCK = 1 << 22
"""Elements of sparse rows that are checked at a time."""


def _check_sparse_rows(array: Any, shape: Shape, support: Any, argument: str, noisy: bool, missing: str | None) -> None:
    """As `check_rows`: the stored numbers, and the rows themselves only if those are not valid."""
    if getattr(support, "categorical", False):
        raise ValueError(
            f"Argument `{argument}` must be an array: the likelihood expects categories, of which none is a zero that "
            f"may be left out. Received: a {type(array).__name__}. Pass array.toarray()."
        )
    check_shape(tuple(array.shape), shape, argument)
    rows = array.tocsr()
    if not isinstance(support, ColumnSupport):
        stored = rows.data
        if rows.nnz < math.prod(rows.shape):
            stored = np.append(stored, np.zeros(1, rows.dtype))
        try:
            check_rows(stored, (), support, argument, noisy, missing)
        except ValueError:
            pass  # said below with the row and the column
        else:
            return
    step = max(1, BLOCK // rows.shape[1])
    for first in range(0, rows.shape[0], step):
        block = rows[first : first + step].toarray()
        label = f"rows {first} to {first + len(block) - 1} of {argument}" if first else argument
        check_rows(block, shape, support, label, noisy, missing)


def ends_of_columns(x: Any) -> Array:
    """The smallest and the largest value of every element over the rows, `(2, *shape)`, NaN left out.

    Args:
        x: `(n, *shape)`.
    """
    if is_sparse(x):
        return np.stack([end.toarray().reshape(-1) for end in (x.tocsr().nanmin(axis=0), x.tocsr().nanmax(axis=0))])
    values = to_numpy(x)
    return np.stack([np.fmin.reduce(values), np.fmax.reduce(values)])


def _missing_hint(support: Any, argument: str) -> str:
    """How to declare missing elements, where that is possible."""
    if argument == "x" and isinstance(support, ColumnSupport):
        return " If NaN marks missing elements, pass keras_vae.likelihoods.Columns(..., missing='nan')."
    if argument == "x" or argument.startswith("x["):
        where = "data_shape" if argument == "x" else f"that field of data_shape, {argument[2:-1]}"
        return f" If NaN marks missing elements, pass keras_vae.data.Field(shape, missing='nan') as {where}."
    return ""


def _observed(values: Array) -> Array:
    """The data with every missing element replaced by an observed value of the same column, which passes all checks."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    first = np.take_along_axis(values, np.expand_dims((~missing).argmax(axis=0), 0), axis=0)
    first = np.where(np.isnan(first), values[~missing][0], first)
    return np.where(missing, first, values)


def fits_float32(values: Array) -> bool:
    """Whether all values are finite in float32, in one pass over the data."""
    limit = float(np.finfo("float32").max)
    return bool(-limit <= values.min() and values.max() <= limit)  # False for NaN


def as_density_sees(values: Array) -> Array:
    """float32 with subnormal numbers flushed to zero, as on some backends: 1 - 1e-9 becomes 1, and 1e-40 becomes 0."""
    values = values.astype("float32")
    return np.where(np.abs(values) < np.finfo("float32").tiny, np.float32(0.0), values)


def _check_support(values: Array, support: Any, argument: str, noisy: bool) -> None:
    noisy = noisy and not support.categorical
    if (support.open_low or support.open_high) and values.dtype.kind == "f":
        values = as_density_sees(values)
    low, high = float(values.min()), float(values.max())
    # Noise may move values outside of the support, by at most its width.
    room = support.high - support.low if noisy else 0.0
    below = np.less_equal if support.open_low and not noisy else np.less
    above = np.greater_equal if support.open_high and not noisy else np.greater
    if below(low, support.low - room) or above(high, support.high + room):
        bad = tuple(np.argwhere(below(values, support.low - room) | above(values, support.high + room))[0])
        raise ValueError(
            f"Argument `{argument}`: the likelihood expects {_wording(support)}. Received: {values[bad]} at index "
            f"{tuple(int(axis) for axis in bad)}, and values in [{low:g}, {high:g}] in all."
            f"{_range_hint(support, low, high)}"
        )
    # Noise does not move whole numbers up to 255 into [0, 1], but dividing by 255 does.
    rescaled = math.isfinite(support.high) and support.high > 15 and low >= 0 and high <= 1
    if support.integer and (not noisy or rescaled) and values.dtype.kind not in "iub":
        fractional = np.argwhere(values != np.round(values))
        if len(fractional):
            index = tuple(int(axis) for axis in fractional[0])
            hint = f" All lie in [0, 1]: were they divided by {support.high:g}? Pass the originals." if rescaled else ""
            raise ValueError(
                f"Argument `{argument}`: the likelihood expects {_wording(support)}. Received: {values[index]} at "
                f"index {index}.{hint}"
            )


def _wording(support: Any) -> str:
    what = "categories, whole numbers" if support.categorical else "whole numbers" if support.integer else "values"
    if math.isinf(support.high) and not math.isinf(support.low):
        return f"{what} {'>' if support.open_low else '>='} {support.low:g}"
    left, right = "(" if support.open_low else "[", ")" if support.open_high else "]"
    return f"{what} in {left}{support.low:g}, {support.high:g}{right}"


def _range_hint(support: Any, low: float, high: float) -> str:
    if (support.low, support.high) == (0.0, 1.0):
        if low >= 0 and 1 < high <= 255:
            return (
                " These look like 8-bit pixels: pass x.astype('float32') / 255, or keep them as they are with "
                "likelihood='discretized_logistic' (for colours 'discretized_logistic_mixture')."
            )
        if support.open_low and low >= 0 and high <= 1:
            return (
                " Densities are computed in float32, where values within 6e-8 of an end are rounded to it. Move them "
                "off the ends, for example to (x * (n - 1) + 0.5) / n for n examples."
            )
    if support.open_low and low == support.low:
        return (
            " Densities are computed in float32, where numbers below 1.2e-38 are zero. Add an offset, or rescale them."
        )
    if support.categorical:
        return " Create the likelihood with more categories, or map unknown ones to one of them."
    if support.integer:
        return " Choose a likelihood with a larger range, or look for values that mark missing entries."
    return " Rescale the data to that range, or choose another likelihood, such as 'gaussian'."


def _shape_hint(received: Shape, shape: Shape, argument: str) -> str:
    if received[1:] == tuple(shape[:-1]) and shape and shape[-1] == 1:
        return f" Add the channel axis: {argument}[..., None]."
    if fits(received, shape):
        return f" Add the batch axis: {argument}[None], or dataset.batch(32)."
    if argument == "condition" and len(received) == 1:
        return (
            " For integer labels build the model with condition_shape=() and a condition_encoder, such as "
            "keras.layers.Embedding(10, 16), or pass one-hot rows."
        )
    channels_last = (*received[:1], *received[2:], *received[1:2])
    if len(shape) > 1 and fits(channels_last, (None, *shape)):
        axes = (0, *range(2, len(received)), 1)
        return f" This looks like channels first: transpose with np.transpose({argument}, {axes})."
    if len(received) > 1 and argument.partition("[")[0] not in NO_DATA:
        name = "condition_shape" if argument == "condition" else "data_shape"
        if len(received) == 2 and len(shape) == 1 and received[1] - 1 == shape[0]:
            return (
                f" That is one column more than {name}: is the last a label? Then pass {argument}[:, :-1], and the "
                f"label as a condition. Otherwise build the model with {name}={received[1:]}."
            )
        return f" For such data build the model with {name}={received[1:]}."
    return ""


def count_rows(x: Any) -> int:
    """Number of examples in arrays that have been checked."""
    return int(keras.tree.flatten(x)[0].shape[0])


def same(x: Any, y: Any) -> bool:
    """Whether two structures of arrays are equal."""
    pairs = zip(keras.tree.flatten(x), keras.tree.flatten(y), strict=True)
    return all(np.array_equal(to_numpy(a), to_numpy(b), equal_nan=True) for a, b in pairs)
