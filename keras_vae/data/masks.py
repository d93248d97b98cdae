"""Checks of masks."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_vae.data.rows import fits
from keras_vae.data.streams import to_numpy
from keras_vae.hints import Array, Shape

__all__ = ["check_mask", "check_mask_shape", "check_steps"]


def check_mask(mask: Any, argument: str) -> None:
    """Check that a mask holds booleans, or zeros and ones.

    Args:
        mask: an array of any shape.
        argument: name of the argument.

    Raises:
        ValueError: other values. Read as booleans, NaN and weights would be True without a word.
    """
    values = to_numpy(mask)
    if values.dtype.kind == "b":
        return
    bad = np.argwhere(~np.isin(values, (0, 1)))
    if len(bad):
        index = tuple(int(axis) for axis in bad[0])
        raise ValueError(
            f"Argument `{argument}` must be boolean, True where there are data. Expected booleans, or the numbers 0 "
            f"and 1. Received: {values[index]} at index {index}, {len(bad)} such values in all. Weights of examples "
            "belong in sample_weight."
        )


def check_mask_shape(mask: Any, x: Any, argument: str) -> None:
    """Check that a mask has the batch axis of x and at least its first axis after it.

    Args:
        mask: `(batch, time)`, or with more axes of x.
        x: `(batch, time, ...)`.
        argument: name of the argument.

    Raises:
        ValueError: another shape.
    """
    shape: Shape = tuple(mask.shape)
    if len(shape) < 2 or not fits(shape, tuple(x.shape)[: len(shape)]):
        raise ValueError(
            f"Argument `{argument}` must have the shape of x, or leave out its last axes: {_prefixes(x)}. "
            f"Received: shape {shape} for x of shape {tuple(x.shape)}."
        )


def _prefixes(x: Any) -> str:
    shape = tuple(x.shape)
    return " or ".join(str(shape[:axes]) for axes in range(2, len(shape) + 1))


def check_steps(
    masks: Iterable[tuple[int, Any]], padding: bool, argument: str, noisy: bool, from_first: bool = False
) -> None:
    """Check that every row has a valid step, and that padding is at the end.

    Without a valid step the density of a row would be 0 nats. A mask may have gaps, which are steps that are
    missing; but a model that generates from the first step on must have seen sequences that start there.

    Args:
        masks: the first row of each part of the data, and its mask: boolean `(rows, time)`, or with more axes.
        padding: whether they were computed from padding, and not passed by the user.
        argument: name of the data.
        noisy: whether the data may have been corrupted to padding on purpose.
        from_first: whether the model generates from the first step on.

    Raises:
        ValueError: a row without valid steps, or padding in front of one.
    """
    empty: list[int] = []
    gaps: list[int] = []
    for start, part in masks:
        mask = np.asarray(to_numpy(part)).astype("bool")
        empty += (start + np.flatnonzero(~mask.reshape(len(mask), -1).any(axis=1))).tolist()
        if padding and not noisy:
            gaps += (start + rows_with(~mask[:, :-1] & mask[:, 1:])).tolist()
        elif not padding and from_first and mask.ndim == 2:
            gaps += (start + rows_with(~mask[:, :1])).tolist()
    if empty:
        raise ValueError(
            f"Argument `{argument}`: row {empty[0]} has no valid step, {len(empty)} such rows in all: "
            f"{'it holds padding only' if padding else 'its mask is False everywhere'}. Leave those rows out."
        )
    if gaps:
        where = "" if padding else " in `mask`"
        raise ValueError(
            f"Argument `{argument}`: row {gaps[0]} has padding before a valid step{where}, {len(gaps)} such "
            "rows in all. Pad at the end: keras.utils.pad_sequences(rows, padding='post')."
        )


def rows_with(found: Array) -> Array:
    """Numbers of the rows where anything was found."""
    return np.flatnonzero(found.reshape(len(found), -1).any(axis=1))
