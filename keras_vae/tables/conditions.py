"""What a drawn row must be like: values, ranges and lists of values of some columns."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_vae.hints import Array
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
    """

    row: Array
    values: dict[int, Array]
    ranges: dict[int, tuple[Any, Any]]
    lists: dict[int, set[Any]]

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
                lists[place] = {plain(cell_of(column, value)[0]) for value in wanted}
            else:
                values[place] = cell_of(column, wanted)
                if column.modelled:
                    row[place] = column.to_model(values[place])[0]
        return cls(row, values, ranges, lists)

    def hold(self, cells: Sequence[Array]) -> Array:
        """Which rows lie in the ranges and lists, boolean `(n,)`.

        Args:
            cells: the values of each column, `(n,)`.
        """
        kept = np.ones(len(cells[0]), bool)
        for place, (low, high) in self.ranges.items():
            kept &= (True if low is None else cells[place] >= low) & (True if high is None else cells[place] <= high)
        for place, allowed in self.lists.items():
            kept &= np.array([plain(value) in allowed for value in cells[place].tolist()], bool)
        return kept


def cell_of(column: TableColumn, value: Any) -> Array:
    """One value in the form of a column's cells, `(1,)`.

    Raises:
        ValueError: a value that the column cannot have.
    """
    if column.kind == "category":
        if plain(value) not in column.levels:
            raise ValueError(
                f"Argument `given`: the column {column.name!r} has the categories {column.range()}. Received: {value!r}"
            )
        found = np.empty(1, dtype=object)
        found[0] = value
        return found
    try:
        if column.unit == "ordinal":
            return np.array([value.toordinal()])
        if column.form == "datetime":
            moment = value.isoformat() if hasattr(value, "isoformat") and not getattr(value, "tzinfo", None) else value
            if getattr(value, "tzinfo", None) is not None:
                import datetime

                moment = value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat()
            return np.array([np.datetime64(moment, column.unit).astype("int64")])  # type: ignore[call-overload]
        if column.form == "duration":
            return np.array([np.timedelta64(value, column.unit).astype("int64")])  # type: ignore[call-overload]
        number = float(value)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"Argument `given`: the column {column.name!r} is a {column.kind}. Received: {value!r}, {error}"
        ) from error
    if not np.isfinite(number) or (column.kind == "boolean" and number not in (0, 1)):
        raise ValueError(
            f"Argument `given`: the column {column.name!r} is a {column.kind}, {column.range()}. Received: {value!r}"
        )
    return np.array([number]) if column.form == "number" else np.array([value])


def range_of(column: TableColumn, wanted: tuple[Any, ...]) -> tuple[Any, Any]:
    """The lowest and the highest value of a range, in the form of a column's cells."""
    if len(wanted) != 2 or column.kind in ("category", "boolean", "nothing"):
        raise ValueError(
            f"Argument `given`: a tuple is a range, (low, high), of a column of numbers or dates. Received: {wanted!r} "
            f"for {column.name!r}, a {column.kind}. For several values write a list."
        )
    low, high = (None if value is None else cell_of(column, value)[0] for value in wanted)
    return low, high
