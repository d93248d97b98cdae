"""The cells of one column, whatever kind of frame it came from."""

import dataclasses
import datetime
from typing import Any

import numpy as np

from keras_vae.hints import Array

__all__ = ["FORMS", "Cells", "cells_of_objects", "objects"]

FORMS = ("number", "integer", "boolean", "text", "datetime", "duration", "time", "nothing")
"""What the values of a column are: floats, ints, bools, objects of one type, or counts of a unit of time."""


@dataclasses.dataclass(frozen=True)
class Cells:
    """One column of a frame, read.

    Args:
        name: name of the column.
        form: one of `FORMS`, `"nothing"` where all cells are missing and the dtype says no more.
        values: the observed cells in order, `(observed,)`: float64, ints, bools or objects; for times ints, counts of
            their unit.
        missing: boolean, `(rows,)`.
        dtype: name of the column's dtype, as the frame says it.
        levels: the declared categories in their order; None where the dtype declares none.
        unit: `"D"`, `"s"`, `"ms"`, `"us"` or `"ns"` of times.
        zone: the time zone of dates that have one; their counts are those of UTC.

    Raises:
        ValueError: infinite numbers.

    Example:

    >>> import numpy as np
    >>> from keras_vae.tables.cells import Cells
    >>> Cells("age", "number", np.array([31.0]), np.array([False, True]), "float64").rows
    2
    """

    name: Any
    form: str
    values: Array
    missing: Array
    dtype: str
    levels: tuple[Any, ...] | None = None
    unit: str | None = None
    zone: Any = None

    def __post_init__(self) -> None:
        if self.form == "number" and not np.all(np.isfinite(self.values)):
            row = int(np.flatnonzero(~self.missing)[np.flatnonzero(~np.isfinite(self.values))[0]])
            raise ValueError(
                f"Argument `frame`: the column {self.name!r} contains infinity, or a number too large for float64. "
                f"Expected finite numbers, and NaN or None where a value is missing. Received: an infinite value in "
                f"row {row}. Replace it, for example by NaN."
            )

    @property
    def rows(self) -> int:
        """Number of rows, the missing ones included."""
        return len(self.missing)


def cells_of_objects(name: Any, values: Array, dtype: str) -> Cells:
    """The cells of a column of Python objects, which must be of one type.

    Args:
        name: name of the column.
        values: objects, `(rows,)`; None, NaN, `pandas.NA` and NaT are missing.
        dtype: name of the dtype.

    Raises:
        TypeError: objects of several types, or of a type that no column may have.

    Example:

    >>> import numpy as np
    >>> from keras_vae.tables.cells import cells_of_objects
    >>> cells = cells_of_objects("member", np.array([True, None, False], dtype=object), "object")
    >>> cells.form, cells.missing.tolist()
    ('boolean', [False, True, False])
    """
    missing = np.fromiter((is_missing(value) for value in values), bool, len(values))
    there = values[~missing]
    kinds = {kind_of(value) for value in there}
    if kinds <= {"integer", "number"}:
        form = "number" if "number" in kinds else "integer" if kinds else "nothing"
        numbers = as_numbers(name, there, form)
        return Cells(name, "number" if kinds and numbers.dtype.kind == "f" else form, numbers, missing, dtype)
    if len(kinds) > 1 or kinds == {None}:
        types = sorted({type(value).__name__ for value in there})
        hint = "Convert the column to one type, for example with astype(str)."
        if all(isinstance(value, datetime.datetime) for value in there):
            hint = "Make an array of dates of it with pandas.to_datetime, or numpy.array(values, 'datetime64[us]')."
        raise TypeError(
            f"Argument `frame`: the column {name!r} must hold values of one type: numbers, text, booleans, or dates. "
            f"Received: {types}, such as {there[0]!r:.50}. {hint}"
        )
    form = str(kinds.pop())
    if form == "boolean":
        return Cells(name, form, there.astype(bool), missing, dtype)
    if form == "date":
        days = np.array([value.toordinal() for value in there], "int64")
        return Cells(name, "datetime", days, missing, dtype, unit="ordinal")
    return Cells(name, "text", np.array([str(value) for value in there], dtype=object), missing, dtype)


def objects(values: Any) -> Array:
    """Any values as an array of objects with one axis."""
    values = list(values)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def as_numbers(name: Any, values: Array, form: str) -> Array:
    """Objects that are numbers as an array, ints beyond 64 bits as floats."""
    if form == "integer":
        try:
            return values.astype("int64")
        except OverflowError:
            pass  # as a float
    try:
        return values.astype("float64")
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"Argument `frame`: the column {name!r} must hold numbers. Received: {error}") from error


def is_missing(value: Any) -> bool:
    """Whether an object stands for a missing value: None, NaN, `pandas.NA` or NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(value != value)


def kind_of(value: Any) -> str | None:
    """The form of one object; None for a type that columns cannot have."""
    if isinstance(value, (bool, np.bool_)):
        return "boolean"
    if isinstance(value, (int, np.integer)):
        return "integer"
    if isinstance(value, (float, np.floating)):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return "date"
    return None
