"""Frames of pandas, polars and others, NumPy arrays and dicts: read to cells, and written back as they came."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_vae.tables.arrays import Arrays, ColumnDicts
from keras_vae.tables.cells import Cells
from keras_vae.tables.data_frames import DataFrames, nw

__all__ = ["Frame", "read"]

KINDS = "a DataFrame of pandas or polars, a 2-D array, or a dict of columns"


@dataclasses.dataclass(frozen=True)
class Frame:
    """A table, read: its cells, and how to write a table like it.

    Args:
        native: the table as it came.
        names: names of the columns, in order.
        cells: the columns, in order.
        named: whether the names are the table's own, and not made up for an array.

    Example:

    >>> from keras_vae.tables.frames import read
    >>> frame = read({"age": [31.0, None], "city": ["Ulm", "Bonn"]})
    >>> frame.filled([[40.0], []])
    {'age': [31.0, 40.0], 'city': ['Ulm', 'Bonn']}
    """

    native: Any
    names: list[Any]
    cells: list[Cells]
    named: bool

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.cells[0].rows

    def filled(self, values: Sequence[Any]) -> Any:
        """The table with values in the missing cells; the observed cells are the same, bit for bit.

        Args:
            values: for each column as many values as are missing, in the form of its cells; None leaves the column as
                it is.
        """
        return writer_of(self.native).filled(self.native, self.cells, values)

    def retyped(self, template: Any, columns: Sequence[Any]) -> "Frame":
        """The table, in which columns without any value, of a dtype that says nothing, have the dtype of `fit`.

        A column of dates of which no cell is there may come as one of floats, or of objects.

        Args:
            template: what `template` returned of the table of `fit`.
            columns: what the columns of the table of `fit` are.
        """
        numeric = ("number", "integer", "boolean")
        names = [
            name
            for name, cells, column in zip(self.names, self.cells, columns, strict=True)
            if not len(cells.values)
            and column.kind != "nothing"
            and (
                (cells.form != column.form and not {cells.form, column.form} <= set(numeric))
                or (cells.dtype == "object" != column.dtype)
                or has_zone(cells, column)
            )
        ]
        writer = writer_of(self.native)
        if not names or writer is not writer_of(template) or writer is Arrays:
            return self
        if not self.named or any(name not in list(getattr(template, "columns", template)) for name in names):
            return self
        return read(writer.retyped(self.native, template, names))

    def template(self) -> Any:
        """The table without rows, which knows the dtypes: `written` makes new rows of it."""
        return writer_of(self.native).template(self.native)


def read(frame: Any) -> Frame:
    """Read a table.

    Args:
        frame: a DataFrame of pandas, polars, PyArrow or another library that narwhals knows; a 2-D array, or a list of
            rows; or a dict of columns. NaN, None, NaT and `pandas.NA` are missing.

    Raises:
        TypeError: something else, or columns of types that no table here has.
        ValueError: no rows, no columns, two columns of one name, columns of unequal lengths, infinite numbers.

    Example:

    >>> import numpy as np
    >>> from keras_vae.tables.frames import read
    >>> read(np.array([[1.0, np.nan]])).names
    ['x0', 'x1']
    """
    if isinstance(frame, nw.LazyFrame) or type(frame).__name__ == "LazyFrame":
        raise TypeError(
            f"Argument `frame` must be {KINDS}. Received: a LazyFrame, whose rows are not there yet. Call "
            "frame.collect()."
        )
    native, names, cells, named = writer_of(frame).read(frame)
    if not names:
        raise ValueError(
            f"Argument `frame` has 0 feature(s) (shape={shape_of(cells)}) while a minimum of 1 is required."
        )
    if cells[0].rows == 0:
        raise ValueError(
            f"Argument `frame` has 0 sample(s) (shape=(0, {len(names)})) while a minimum of 1 is required. "
            "Received: an empty frame."
        )
    return Frame(native, names, cells, named)


def written(template: Any, cells: Sequence[Any], names: Sequence[Any]) -> Any:
    """A new table of the dtypes of a template.

    Args:
        template: what `Frame.template` returned.
        cells: for each column `(values, missing)`, values in the form of its cells for every row that is not missing.
        names: names of the columns.

    Example:

    >>> import numpy as np
    >>> from keras_vae.tables.frames import read, written
    >>> template = read(np.zeros((3, 2), "float32")).template()
    >>> made = written(template, [(np.ones(4), np.zeros(4, bool))] * 2, ["x0", "x1"])
    >>> made.shape, made.dtype
    ((4, 2), dtype('float32'))
    """
    return writer_of(template).written(template, cells, names)


def has_zone(cells: Cells, column: Any) -> bool:
    """Whether one of two columns of dates has a time zone, and the other one none."""
    return cells.form == column.form == "datetime" and (cells.zone is None) != (column.zone is None)


def shape_of(cells: list[Cells]) -> tuple[int, int]:
    return (cells[0].rows if cells else 0, len(cells))


def writer_of(frame: Any) -> Any:
    """What reads and writes tables of one kind."""
    if hasattr(frame, "toarray"):  # before dicts, which one of the sparse formats is
        raise TypeError(
            f"Argument `frame` must be {KINDS}. Received: sparse data, which are not supported. Call frame.toarray()."
        )
    if isinstance(frame, Mapping):
        return ColumnDicts
    if isinstance(frame, (list, tuple, np.ndarray)) or (hasattr(frame, "__array__") and not hasattr(frame, "columns")):
        return Arrays
    check_distinct_names(frame)
    try:
        nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise TypeError(f"Argument `frame` must be {KINDS}. Received: {type(frame).__name__}, {frame!r:.80}") from error
    return DataFrames


def check_distinct_names(frame: Any) -> None:
    """Refuse data frames with two columns of one name."""
    names = [str(name) for name in getattr(frame, "columns", [])]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"Argument `frame` must have one column of each name. Received: {repeated} more than once. Rename them."
        )
