"""Checks of the shape and of the values of arrays."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_vae.data.chunks import row_chunks
from keras_vae.data.sparse import is_sparse
from keras_vae.data.streams import to_numpy
from keras_vae.data.support import ColumnSupport, column_supports
from keras_vae.hints import Array, Shape

__all__ = [
    "check_not_negative",
    "check_one_row_each",
    "check_rows",
    "check_shape",
    "count_rows",
    "fits",
    "rows_of",
    "same",
]


REAL_CONDITIONS = " Conditions that are real numbers have a condition_shape such as (1,)."

NO_DATA = ("exposure", "prefix", "sample_weight", "y", "z")
"""Arguments whose shape follows from the model, so that no other data_shape would fit."""


def fits(received: Shape, expected: Shape) -> bool:
    """Whether a shape matches another, whose axes may be None."""
    return len(received) == len(expected) and all(
        axis is None or axis == got for axis, got in zip(expected, received, strict=True)
    )


def rows_of(shape: Shape) -> str:
    """The shape of a batch of examples of `shape`, for messages."""
    axes = ["batch", *("any" if axis is None else str(axis) for axis in shape)]
    return "(" + ", ".join(axes) + ("," if len(axes) == 1 else "") + ")"


def check_rows(
    array: Array,
    shape: Shape,
    support: Any,
    argument: str,
    noisy: bool = False,
    missing: str | None = None,
    expected_by: str = "the likelihood",
) -> None:
    """Check that the rows of `array` have a shape and lie within a support.

    Args:
        array: `(n, *shape)`.
        shape: shape of one row; None for an axis of unknown length.
        support: a `Support`, or None for any values.
        argument: name of the data in messages.
        noisy: whether noise may have moved the data outside of the support.
        missing: `"nan"` if NaN marks missing elements.
        expected_by: what has the support, for messages.

    Raises:
        ValueError: the array is not valid; the message names the argument, what was expected, what was received, and
            how to fix it.
    """
    received = tuple(array.shape)
    check_shape(received, shape, argument)
    if is_sparse(array) and _stored_are_valid(array, support, argument, noisy, missing):
        return
    if isinstance(array, np.ma.MaskedArray):
        raise ValueError(
            f"Argument `{argument}` must be a plain array, since what a masked array hides would be used too. "
            "Received: a numpy.ma.MaskedArray. Fill it with array.filled(...), or leave those rows out."
        )
    ends = ends_of(array, support, argument, missing)
    if all(math.isnan(low) for low, _ in ends) and missing == "nan":
        return  # nothing was observed, and nothing can be wrong
    limit = float(np.finfo("float32").max)
    # NaN fails the comparison, and where it may stand for a missing element it is no end.
    if not all(-limit <= low and high <= limit for low, high in ends if missing is None or not math.isnan(low)):
        count, index, value = first_bad(array, lambda values: not_finite(values, missing))
        if count:
            raise ValueError(
                f"Argument `{argument}` must be finite. Received: {value} at index {index}, {count} such "
                f"values in all. {_missing_hint(support, argument)}"
            )
    for (label, columns, own), own_ends in zip(groups_of(support, received, argument), ends, strict=True):
        if own is not None and not math.isnan(own_ends[0]):
            _check_support(array, columns, own, own_ends, label, noisy, expected_by, missing)


def groups_of(support: Any, shape: Shape, argument: str) -> list[tuple[str, Any, Any]]:
    """For each group of columns its label in messages, its index, and its support."""
    if not isinstance(support, ColumnSupport):
        return [(argument, ..., support)]
    return [
        (
            f"{argument}[..., {first}]" if first == last else f"{argument}[..., {first}:{last + 1}]",
            (..., slice(first, last + 1)),
            columns,
        )
        for first, last, columns in column_supports(support, shape[-1])
    ]


def ends_of(array: Any, support: Any, argument: str, missing: str | None = None) -> list[tuple[float, float]]:
    """The smallest and the largest value of each group of columns, in one pass over the data.

    NaN where a value is NaN; where that stands for a missing element, only if all are missing.
    """
    groups = groups_of(support, tuple(array.shape), argument)
    found = [(math.nan, math.nan) if missing else (math.inf, -math.inf) for _ in groups]
    # fmin and fmax leave NaN out
    smaller, larger = (np.fmin, np.fmax) if missing else (np.minimum, np.maximum)
    for _, values in row_chunks(array):
        if values.dtype.kind not in "fiub" and values.dtype.name != "bfloat16":
            raise ValueError(
                f"Argument `{argument}` must hold numbers. Received: dtype {values.dtype}. Columns of "
                "text or of mixed types must be turned into numbers first, categories into whole numbers from 0."
            )
        values = values.astype("float32") if values.dtype.name == "bfloat16" else values
        for place, (_, columns, _) in enumerate(groups):
            low, high = (reduce.reduce(values[columns], axis=None) for reduce in (smaller, larger))
            found[place] = (float(smaller(found[place][0], low)), float(larger(found[place][1], high)))
    return found


def not_finite(values: Array, missing: str | None) -> Array:
    """Boolean, where values are infinite in float32, or NaN that stands for nothing."""
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(values.astype("float32"))
    return bad & ~np.isnan(values) if missing == "nan" else bad


def first_bad(array: Any, is_bad: Callable[[Array], Array], columns: Any = ...) -> tuple[int, Any, Any]:
    """Number of the bad values among some columns, the index of the first one there, and its value."""
    count, index, value = 0, None, None
    for start, part in row_chunks(array):
        values = part[columns]
        bad = is_bad(values)
        number = int(np.count_nonzero(bad))
        if number and not count:
            place = tuple(int(axis) for axis in np.argwhere(bad)[0])
            index, value = (place[0] + start, *place[1:]), values[place]
        count += number
    return count, index, value


def check_one_row_each(received: int, rows: int, argument: str) -> None:
    """Refuse what has another number of rows than the data.

    Args:
        received: its number of rows.
        rows: number of examples.
        argument: its name.

    Raises:
        ValueError: they differ.
    """
    if received != rows:
        raise ValueError(
            f"Argument `{argument}` must have one row for each example. Received: {received} rows for {rows} examples."
        )


def check_not_negative(weights: Array, argument: str) -> None:
    """Refuse negative weights of examples, which would be trained to a large loss."""
    lowest = to_numpy(weights).min()
    if lowest < 0:
        raise ValueError(
            f"Argument `{argument}` must hold numbers >= 0. Received: {lowest}. With a negative weight training would "
            "raise the loss of the example. Use 0 to leave an example out."
        )


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


def _stored_are_valid(array: Any, support: Any, argument: str, noisy: bool, missing: str | None) -> bool:
    """Whether the stored numbers of sparse rows are valid, and a zero too if there is one: all rows are then.

    Raises:
        ValueError: the likelihood expects categories.
    """
    if getattr(support, "categorical", False):
        raise ValueError(
            f"Argument `{argument}` must be an array: the likelihood expects categories, of which none is a zero that "
            f"may be left out. Received: a {type(array).__name__}. Pass array.toarray()."
        )
    if isinstance(support, ColumnSupport):
        return False
    stored = array.tocsr().data
    if len(stored) < math.prod(array.shape):
        stored = np.append(stored, np.zeros(1, stored.dtype))
    try:
        check_rows(stored, (), support, argument, noisy, missing)
    except ValueError:
        return False  # what the rows themselves say names the row and the column
    return True


def _missing_hint(support: Any, argument: str) -> str:
    """What to do about gaps, and how to declare missing elements, where that is possible."""
    if argument.startswith("prefix"):
        return (
            f"Leave those steps and the later ones out: prefix_mask{argument[6:]} is False there. Single elements may "
            "be NaN in a model built with keras_vae.data.Field(shape, missing='nan') in data_shape."
        )
    return f"Remove those rows or fill the gaps.{_declared_hint(support, argument)}"


def _declared_hint(support: Any, argument: str) -> str:
    """How to declare missing elements, where that is possible."""
    if argument == "x" and isinstance(support, ColumnSupport):
        return " If NaN marks missing elements, pass keras_vae.likelihoods.Columns(..., missing='nan')."
    if argument == "x" or argument.startswith("x["):
        where = "data_shape" if argument == "x" else f"that field of data_shape, {argument[2:-1]}"
        return f" If NaN marks missing elements, pass keras_vae.data.Field(shape, missing='nan') as {where}."
    return ""


def as_density_sees(values: Array) -> Array:
    """float32 with subnormal numbers flushed to zero, as on some backends: 1 - 1e-9 becomes 1, and 1e-40 becomes 0."""
    values = values.astype("float32")
    return np.where(np.abs(values) < np.finfo("float32").tiny, np.float32(0.0), values)


def _check_support(
    array: Any,
    columns: Any,
    support: Any,
    ends: tuple[float, float],
    argument: str,
    noisy: bool,
    expected_by: str,
    missing: str | None,
) -> None:
    noisy = noisy and not support.categorical
    real = not is_whole(array)
    seen = as_density_sees if real and (support.open_low or support.open_high) else np.asarray
    low, high = (float(seen(np.asarray(end))) for end in ends)
    # Noise may move values outside of the support, by at most its width.
    room = support.high - support.low if noisy else 0.0
    below = np.less_equal if support.open_low and not noisy else np.less
    above = np.greater_equal if support.open_high and not noisy else np.greater

    def outside(values: Array) -> Array:
        values = seen(values)
        return below(values, support.low - room) | above(values, support.high + room)

    if outside(np.asarray([low, high])).any():
        _, index, value = first_bad(array, outside, columns)
        if argument == "condition":
            hint = _label_hint(support, low, high, value, missing)
            value = int(value) if missing and value == int(value) else value  # NaN among labels makes them floats
        else:
            hint = _range_hint(support, low, high, expected_by)
        raise ValueError(
            f"Argument `{argument}`: {expected_by} expects {_wording(support)}. Received: {seen(value)} at index "
            f"{index}, and values in [{low:g}, {high:g}] in all.{hint}"
        )
    # Noise does not move whole numbers up to 255 into [0, 1], but dividing by 255 does.
    rescaled = math.isfinite(support.high) and support.high > 15 and low >= 0 and high <= 1
    if support.integer and (not noisy or rescaled) and real:
        count, index, value = first_bad(array, lambda values: (values != np.round(values)) & ~np.isnan(values), columns)
        if count:
            hint = f" All lie in [0, 1]: were they divided by {support.high:g}? Pass the originals." if rescaled else ""
            if argument == "condition":
                hint = REAL_CONDITIONS
            raise ValueError(
                f"Argument `{argument}`: {expected_by} expects {_wording(support)}. Received: {value} at "
                f"index {index}.{hint}"
            )


def is_whole(array: Any) -> bool:
    """Whether the dtype of an array holds whole numbers only."""
    return next(row_chunks(array))[1].dtype.kind in "iub"


def _wording(support: Any) -> str:
    what = "categories, whole numbers" if support.categorical else "whole numbers" if support.integer else "values"
    if math.isinf(support.high) and not math.isinf(support.low):
        return f"{what} {'>' if support.open_low else '>='} {support.low:g}"
    left, right = "(" if support.open_low else "[", ")" if support.open_high else "]"
    return f"{what} in {left}{support.low:g}, {support.high:g}{right}"


def _label_hint(support: Any, low: float, high: float, value: Any, missing: str | None) -> str:
    """What to do about conditions out of range, of which `value` is the first; `missing` if rows may lack theirs."""
    if not support.integer:
        return ""
    if value != np.round(value):
        return REAL_CONDITIONS
    if low < 0 <= support.low:
        cast = " Numbers such as this are NaN cast to whole numbers." if low <= -(2.0**31) else ""
        unknown = " -1 marks a label that is not known: numpy.where(label < 0, -1, label)." if missing else ""
        return f" Labels count from 0.{unknown}{cast}"
    if low >= 1 and high == support.high + 1:
        return f" Labels count from 0: subtract 1{', where they are known' if missing else ''}."
    return " Give it more categories, or map unknown labels to one that it knows."


def _range_hint(support: Any, low: float, high: float, expected_by: str) -> str:
    if expected_by != "the likelihood":
        if low >= 1 and high == support.high + 1 and support.integer:
            return " Labels count from 0: subtract 1."
        return " Give it more categories, or map unknown labels to one that it knows." if support.integer else ""
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
    if len(received) == 1 and tuple(shape) == (1,):
        return f" Add the second axis: {argument}[:, None]."
    if received[1:] == tuple(shape[:-1]) and shape and shape[-1] == 1:
        return f" Add the channel axis: {argument}[..., None]."
    if fits(received, shape):
        return f" Add the batch axis: {argument}[None], or dataset.batch(32)."
    if not shape and len(received) == 2 and received[1] == 1:
        return f" Leave the second axis out: {argument}[:, 0]."
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
    return all(
        tuple(a.shape) == tuple(b.shape)
        and all(
            np.array_equal(own, other, equal_nan=True)
            for (_, own), (_, other) in zip(row_chunks(a), row_chunks(b), strict=True)
        )
        for a, b in zip(keras.tree.flatten(x), keras.tree.flatten(y), strict=True)
    )
