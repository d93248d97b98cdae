"""What a drawn row must be like: values, ranges and lists of values of some columns."""

import dataclasses
import datetime
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_vae.hints import Array
from keras_vae.tables.cells import is_missing
from keras_vae.tables.choose import COUNTS
from keras_vae.tables.columns import TableColumn, plain

__all__ = ["Conditions"]


@dataclasses.dataclass(frozen=True)
class Conditions:
    """The values that some columns are given, and the ranges and lists that others must lie in.

    Args:
        row: the model's numbers of the given values, `(columns,)`, NaN where nothing is given.
        values: the given values by the place of their column, as one-element arrays in the form of its cells.
        ranges: lowest and highest value by place, None where there is no bound.
        lists: allowed values by place.
        ordinals: the places whose values are days of a calendar, and their cells dates.
    """

    row: Array
    values: dict[int, Array]
    ranges: dict[int, tuple[Any, Any]]
    lists: dict[int, set[Any]]
    ordinals: tuple[int, ...] = ()

    @classmethod
    def of(cls, given: Any, columns: Sequence[TableColumn]) -> "Conditions":
        """Conditions as the user writes them.

        Args:
            given: dict from names of columns to a value, a tuple `(low, high)`, or a list of values.
            columns: the columns of the table.

        Raises:
            ValueError: no dict, unknown columns, or values that a column cannot have.
        """
        if not isinstance(given, Mapping):
            raise ValueError(
                "Argument `given` must be a dict from columns to values, such as {'age': 40}, to ranges such as "
                f"{{'age': (30, 50)}}, or to lists of values. Received: given={given!r:.200}"
            )
        places = {column.name: place for place, column in enumerate(columns)}
        unknown = [name for name in given if name not in places]
        if unknown:
            raise ValueError(
                f"Argument `given` must name columns of the table. Expected some of {list(places)}. Received: {unknown}"
            )
        row = np.full(len(columns), np.nan)
        values: dict[int, Array] = {}
        ranges: dict[int, tuple[Any, Any]] = {}
        lists: dict[int, set[Any]] = {}
        for name, wanted in given.items():
            place = places[name]
            column = columns[place]
            if isinstance(wanted, tuple):
                ranges[place] = range_of(column, wanted)
            elif isinstance(wanted, list):
                lists[place] = list_of(column, wanted)
            else:
                values[place] = checked_cell(column, wanted)
                warn_of_extremes(column, values[place], wanted)
                if column.modelled:
                    row[place] = column.to_model(values[place])[0]
        ordinals = tuple(place for place, column in enumerate(columns) if column.unit == "ordinal")
        return cls(row, values, ranges, lists, ordinals)

    def hold(self, cells: Sequence[Array]) -> Array:
        """Which rows lie in the ranges and lists, boolean `(n,)`.

        Args:
            cells: the values of each column, `(n,)`.
        """
        kept = np.ones(len(cells[0]), bool)
        for place, (low, high) in self.ranges.items():
            own = self._comparable(place, cells)
            kept &= (True if low is None else own >= low) & (True if high is None else own <= high)
        for place, allowed in self.lists.items():
            kept &= np.array([plain(value) in allowed for value in self._comparable(place, cells).tolist()], bool)
        return kept

    def _comparable(self, place: int, cells: Sequence[Array]) -> Array:
        """The values of a column, dates as days of a calendar."""
        return np.array([day.toordinal() for day in cells[place]]) if place in self.ordinals else cells[place]


def refuse(column: TableColumn, value: Any, expected: str) -> ValueError:
    """The error for a value that a column cannot have."""
    return ValueError(
        f"Argument `given`: the column {column.name!r} is a {column.kind}, in `fit` {column.range()}. Expected "
        f"{expected}. Received: {value!r:.200}"
    )


def cell_of(column: TableColumn, value: Any) -> Array:
    """One value in the form of a column's cells, `(1,)`.

    Raises:
        ValueError: a value of another type than the column's.
    """
    if column.kind == "nothing":
        raise refuse(column, value, "no condition: the model knows nothing of the column")
    if is_missing(value):
        raise refuse(column, value, "a value that is not missing; leave the column out where it is not known")
    if column.kind == "category":
        if plain(value) not in column.levels:
            raise ValueError(
                f"Argument `given`: the column {column.name!r} has the categories {column.range()}. Received: {value!r}"
            )
        found = np.empty(1, dtype=object)
        found[0] = value
        return found
    try:
        if column.form in ("datetime", "duration", "time"):
            return np.array([count_of(column, value)], "int64")
        if isinstance(value, str):
            raise TypeError("which is text")
        number = float(value)
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"Argument `given`: the column {column.name!r} is a {column.kind}. Received: {value!r}, {error}"
        ) from error
    if not np.isfinite(number) or (column.kind == "boolean" and number not in (0, 1)):
        raise refuse(column, value, "True or False" if column.kind == "boolean" else "a finite number")
    if column.form == "number" or (column.form == "integer" and number != round(number)):
        return np.array([number])
    return np.array([bool(number) if column.form == "boolean" else int(value)])


def count_of(column: TableColumn, value: Any) -> Any:
    """A date, a duration or a time as the count of the column's unit."""
    if column.unit == "ordinal":
        return (datetime.date.fromisoformat(value) if isinstance(value, str) else value).toordinal()
    if column.form == "duration":
        if not isinstance(value, (datetime.timedelta, np.timedelta64, str)):
            raise TypeError("which has no unit: write a datetime.timedelta or a pandas.Timedelta")
        return np.timedelta64(value, column.unit).astype("int64")  # type: ignore[call-overload]
    if column.form == "time":
        value = datetime.time.fromisoformat(value) if isinstance(value, str) else value
        seconds = value.hour * 3600 + value.minute * 60 + value.second
        return seconds * 10**9 + value.microsecond * 1000
    if column.zone is not None:
        if isinstance(value, (str, np.datetime64)):
            value = datetime.datetime.fromisoformat(str(value))
        if not isinstance(value, datetime.datetime):
            value = datetime.datetime(value.year, value.month, value.day)
        if value.tzinfo is None:
            value = value.replace(tzinfo=column.zone)
    if getattr(value, "tzinfo", None) is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    if not isinstance(value, (str, datetime.date, np.datetime64)):
        raise TypeError("which is no date: write a datetime, a pandas.Timestamp, or text such as '2024-12-31'")
    moment = value.isoformat() if hasattr(value, "isoformat") else value
    return np.datetime64(moment, column.unit).astype("int64")  # type: ignore[call-overload]


def checked_cell(column: TableColumn, value: Any) -> Array:
    """One value that the column, its dtype and its likelihood can have, in the form of its cells, `(1,)`.

    Raises:
        ValueError: any other value.
    """
    found = cell_of(column, value)
    if column.likelihood == "constant" and column.kind != "category" and found[0] != column.low:
        raise refuse(column, value, f"{column.low!r}, the only value of the column, which is no part of the model")
    if column.kind in ("category", "boolean"):
        return found
    if column.kind == "whole number" and found[0] != round(float(found[0])) and found.dtype.kind == "f":
        raise refuse(column, value, "a whole number")
    if column.impossible(found)[0]:
        expected = "a whole number >= 0" if column.likelihood in COUNTS else "a number > 0"
        raise refuse(column, value, f"{expected}, which its likelihood {column.likelihood!r} needs")
    low, high = column.limits()
    if column.form != "number" and not low <= int(found[0]) <= high:
        raise refuse(column, value, f"a value that its dtype {column.dtype} holds")
    return found


def warn_of_extremes(column: TableColumn, found: Array, value: Any) -> None:
    """Warn of a given number or date outside of the range in `fit`, where the model has seen nothing."""
    if column.modelled and column.kind not in ("category", "boolean") and not column.low <= found[0] <= column.high:
        warnings.warn(
            f"Argument `given`: {value!r} lies outside of what the column {column.name!r} held in `fit`, "
            f"{column.range()}. The model has not seen such rows.",
            UserWarning,
            stacklevel=6,
        )


def list_of(column: TableColumn, wanted: list[Any]) -> set[Any]:
    """The values of a list, in the form of a column's cells."""
    if not wanted:
        raise refuse(column, wanted, "a list with at least one value")
    if column.modelled and column.kind == "number":
        raise refuse(column, wanted, "a value, or a range (low, high): no draw of a real number is in a list")
    return {plain(checked_cell(column, value)[0]) for value in wanted}


def range_of(column: TableColumn, wanted: tuple[Any, ...]) -> tuple[Any, Any]:
    """The lowest and the highest value of a range, in the form of a column's cells."""
    if len(wanted) != 2 or column.kind in ("category", "boolean", "nothing"):
        raise ValueError(
            f"Argument `given`: a tuple is a range, (low, high), of a column of numbers or dates. Received: {wanted!r} "
            f"for {column.name!r}, a {column.kind}. For several values write a list."
        )
    low, high = (None if value is None else cell_of(column, value)[0] for value in wanted)
    if low is not None and high is not None and low > high:
        raise refuse(column, wanted, "a range (low, high), the lower end first")
    first, last = column.limits() if column.modelled else (column.low, column.high)
    if (low is not None and low > last) or (high is not None and high < first):
        raise refuse(column, wanted, "a range that holds values which the column can have")
    return low, high
