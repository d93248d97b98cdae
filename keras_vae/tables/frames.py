"""Frames of pandas, polars and others, NumPy arrays and dicts: read to cells, and written back as they came."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_vae.hints import Array
from keras_vae.tables.cells import Cells, cells_of_objects

try:
    import narwhals as nw
except ImportError as error:
    raise ImportError("keras_vae.tables reads frames with narwhals: pip install 'keras-vae[tables]'.") from error

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
        raise ValueError(f"Argument `frame` has 0 feature(s) (shape={shape_of(cells)}) while a minimum of 1 is required.")
    if cells[0].rows == 0:
        raise ValueError(
            f"Argument `frame` has 0 sample(s) (shape=(0, {len(names)})) while a minimum of 1 is required. Received: an "
            "empty frame."
        )
    repeated = sorted({str(name) for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"Argument `frame` must have one column of each name. Received: {repeated} more than once. Rename them."
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


def shape_of(cells: list[Cells]) -> tuple[int, int]:
    return (cells[0].rows if cells else 0, len(cells))


def writer_of(frame: Any) -> Any:
    """What reads and writes tables of one kind."""
    if isinstance(frame, Mapping):
        return Columns
    if isinstance(frame, (list, tuple, np.ndarray)) or (hasattr(frame, "__array__") and not hasattr(frame, "columns")):
        return Arrays
    try:
        nw.from_native(frame, eager_only=True)
    except TypeError as error:
        sparse = "sparse data, which are not supported. Call toarray()." if hasattr(frame, "toarray") else None
        raise TypeError(
            f"Argument `frame` must be {KINDS}. Received: {sparse or f'{type(frame).__name__}, {frame!r:.80}'}"
        ) from error
    return Frames


class Frames:
    """Frames that narwhals knows; pandas' own dtypes and index are kept through pandas itself."""

    @staticmethod
    def read(frame: Any) -> tuple[Any, list[Any], list[Cells], bool]:
        """The frame, the names of its columns, their cells, and that the names are its own."""
        names = list(frame.columns)
        if len(set(names)) < len(names):
            return frame, names, [Cells(name, "nothing", np.zeros(0), np.ones(1, bool), "") for name in names], True
        table = nw.from_native(frame, eager_only=True)
        return frame, names, [cells_of_series(table[name], frame[name]) for name in names], True

    @staticmethod
    def template(frame: Any) -> Any:
        """No rows, all dtypes."""
        return nw.from_native(frame, eager_only=True).head(0).to_native()

    @staticmethod
    def filled(frame: Any, cells: list[Cells], values: Sequence[Any]) -> Any:
        """See `Frame.filled`."""
        table = nw.from_native(frame, eager_only=True)
        changed = []
        for own, new in zip(cells, values, strict=True):
            if new is None or not own.missing.any():
                continue
            rows = np.flatnonzero(own.missing)
            if table.implementation.is_pandas_like():
                series = frame[own.name].copy()
                series.iloc[rows] = pandas_values(table, series, own, new).array
                changed.append(nw.from_native(series, series_only=True))
            else:
                series = table[own.name]
                changed.append(series.scatter(rows.tolist(), series_of(table, series, own, new)))
        return table.with_columns(*changed).to_native() if changed else table.clone().to_native()

    @staticmethod
    def written(template: Any, cells: Sequence[Any], names: Sequence[Any]) -> Any:
        """See `written`."""
        table = nw.from_native(template, eager_only=True)
        made = []
        rows = len(cells[0][1])
        for name, (values, missing) in zip(names, cells, strict=True):
            own = cells_of_series(table[name], template[name])
            if table.implementation.is_pandas_like():
                series = template[name].reindex(range(rows)) if missing.any() else None
                new = pandas_values(table, template[name], own, values)
                if series is None:
                    series = new
                else:
                    series.iloc[np.flatnonzero(~missing)] = new.array
                made.append(nw.from_native(series.rename(name), series_only=True))
            else:
                new = series_of(table, table[name], own, values)
                if missing.any():
                    empty = nw.new_series(name, [None] * rows, table[name].dtype, backend=table.implementation)
                    new = empty.scatter(np.flatnonzero(~missing).tolist(), new)
                made.append(new)
        if table.implementation.is_pandas_like():
            space = nw.get_native_namespace(table)
            result = space.concat([series.to_native() for series in made], axis=1)
            result.columns = template.columns
            return result
        return nw.from_dict({series.name: series for series in made}, backend=table.implementation).to_native()


def cells_of_series(series: Any, native: Any) -> Cells:
    """The cells of a column of a frame.

    Args:
        series: the column as a narwhals series.
        native: the column itself.
    """
    dtype, name = series.dtype, native.name if hasattr(native, "name") else series.name
    label = str(getattr(native, "dtype", dtype))
    missing = np.asarray(series.is_null().to_numpy(), bool)
    if dtype.is_float():
        missing = missing | np.asarray(series.is_nan().fill_null(False).to_numpy(), bool)
    there = series.filter((~missing).tolist()) if missing.any() else series
    if dtype == nw.Boolean:
        return Cells(name, "boolean", np.asarray(there.to_numpy(), bool), missing, label)
    if dtype.is_integer():
        return Cells(name, "integer", np.asarray(there.to_list(), "uint64" if dtype == nw.UInt64 else "int64"), missing, label)
    if dtype.is_float() or dtype.is_decimal():
        values = there.cast(nw.Float64).to_numpy() if len(there) else np.zeros(0)
        return Cells(name, "number", np.asarray(values, "float64"), missing, label)
    if dtype in (nw.Datetime, nw.Duration, nw.Date, nw.Time):
        counts = np.asarray(there.cast(nw.Int64).to_numpy(), "int64")
        form = "duration" if dtype == nw.Duration else "time" if dtype == nw.Time else "datetime"
        unit = "D" if dtype == nw.Date else "ns" if dtype == nw.Time else dtype.time_unit
        return Cells(name, form, counts, missing, label, unit=unit)
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        return text_cells(name, series, there, missing, label, native)
    if dtype in (nw.Object, nw.Unknown):
        return cells_of_objects(name, objects(series.to_list()), label)
    raise TypeError(
        f"Argument `frame`: the column {name!r} must hold numbers, text, booleans, dates or times. Received: dtype "
        f"{label}. Convert it, or leave it out."
    )


def text_cells(name: Any, series: Any, there: Any, missing: Array, label: str, native: Any) -> Cells:
    """The cells of text and categories, in the declared order where there is one."""
    values = objects(there.to_list())
    if series.dtype == nw.String:
        return Cells(name, "text", values, missing, label)
    declared = native.cat.categories if hasattr(native, "cat") and hasattr(native.cat, "categories") else None
    if declared is None or not hasattr(declared, "tolist"):
        declared = series.cat.get_categories().to_list() if series.dtype == nw.Enum else sorted(set(values))
    return Cells(name, "text", values, missing, label, levels=tuple(declared))


def pandas_values(table: Any, like: Any, cells: Cells, values: Any) -> Any:
    """Values as a pandas series of the dtype of another one."""
    space = nw.get_native_namespace(table)
    values = objects(values) if cells.form == "text" else np.asarray(values)
    if like.dtype == object:
        return space.Series(objects(values.tolist()), dtype=object)
    if cells.unit is not None:
        kind = "timedelta64" if cells.form == "duration" else "datetime64"
        series = space.Series(values.astype("int64").view(f"{kind}[{cells.unit}]"))
        zone = getattr(like.dtype, "tz", None)
        return series if zone is None else series.dt.tz_localize("UTC").dt.tz_convert(zone)
    return space.Series(values, dtype=like.dtype)


def series_of(table: Any, like: Any, cells: Cells, values: Any) -> Any:
    """Values as a narwhals series of the dtype of another one."""
    backend, name = table.implementation, like.name
    if cells.unit is not None:
        return nw.new_series(name, np.asarray(values, "int64"), nw.Int64, backend=backend).cast(like.dtype)
    if like.dtype.is_decimal():
        return nw.new_series(name, np.asarray(values, "float64"), nw.Float64, backend=backend).cast(like.dtype)
    return nw.new_series(name, np.asarray(values).tolist(), like.dtype, backend=backend)


class Arrays:
    """2-D arrays, and lists of rows, which become arrays."""

    @staticmethod
    def read(frame: Any) -> tuple[Any, list[Any], list[Cells], bool]:
        """The array, made-up names of its columns, their cells, and that the names are made up."""
        array = np.asarray(frame)
        if array.ndim != 2:
            raise ValueError(
                f"Argument `frame`: Expected 2D array, got {('scalar', '1D', '')[min(array.ndim, 2)] or array.ndim} "
                f"array instead. Received: shape {array.shape}. Reshape your data with array.reshape(-1, 1) if it is "
                "one column, or array.reshape(1, -1) if it is one row."
            )
        names = [f"x{index}" for index in range(array.shape[1])]
        return array, names, [array_cells(*pair) for pair in zip(names, array.T, strict=True)], False

    @staticmethod
    def template(frame: Any) -> Any:
        """No rows, the dtype and the number of columns."""
        return np.asarray(frame)[:0].copy()

    @staticmethod
    def filled(frame: Any, cells: list[Cells], values: Sequence[Any]) -> Any:
        """See `Frame.filled`."""
        array = np.array(frame)
        for index, (own, new) in enumerate(zip(cells, values, strict=True)):
            if new is not None and own.missing.any():
                array[own.missing, index] = array_values(own, new, array.dtype)
        return array

    @staticmethod
    def written(template: Any, cells: Sequence[Any], names: Sequence[Any]) -> Any:
        """See `written`."""
        array = np.full((len(cells[0][1]), len(names)), None, object)
        for index, (values, missing) in enumerate(cells):
            array[~missing, index] = np.asarray(values).tolist()
        return array if template.dtype == object else array.astype(template.dtype)


def array_cells(name: Any, column: Array) -> Cells:
    """The cells of a column of an array."""
    kind, dtype = column.dtype.kind, str(column.dtype)
    if kind in "fiub":
        values = column.astype("float64") if kind == "f" else column
        missing = np.isnan(values) if kind == "f" else np.zeros(len(column), bool)
        return Cells(name, {"f": "number", "b": "boolean"}.get(kind, "integer"), values[~missing], missing, dtype)
    if kind in "mM":
        missing = np.isnat(column)
        form = "duration" if kind == "m" else "datetime"
        unit = np.datetime_data(column.dtype)[0]
        return Cells(name, form, column[~missing].astype("int64"), missing, dtype, unit=unit)
    if kind in "UT":
        return Cells(name, "text", objects(column.tolist()), np.zeros(len(column), bool), dtype)
    if kind == "c":
        raise ValueError(
            f"Argument `frame`: the column {name!r} must hold real numbers. Received: dtype {dtype}. Complex data not "
            "supported: make columns of the real and of the imaginary part."
        )
    if kind != "O":
        raise TypeError(f"Argument `frame`: the column {name!r} must hold numbers, text or dates. Received: {dtype}")
    return cells_of_objects(name, column, dtype)


def array_values(cells: Cells, values: Any, dtype: Any) -> Any:
    """Values as an array takes them."""
    values = objects(values) if cells.form == "text" else np.asarray(values)
    return values.astype("int64").view(dtype) if dtype.kind in "mM" else values


class Columns:
    """Dicts of columns, lists or arrays, which come back as lists or arrays."""

    @staticmethod
    def read(frame: Any) -> tuple[Any, list[Any], list[Cells], bool]:
        """The dict, the names of its columns, their cells, and that the names are its own."""
        names, cells = list(frame), []
        for name, column in frame.items():
            array = column if isinstance(column, np.ndarray) else objects(column)
            if array.ndim != 1:
                raise ValueError(
                    f"Argument `frame`: each column of a dict must have one axis. Received: {name!r} of shape "
                    f"{array.shape}"
                )
            cells.append(array_cells(name, array))
        lengths = {name: own.rows for name, own in zip(names, cells, strict=True)}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"Argument `frame`: all columns must have as many rows. Received: {str(lengths)[:200]} rows."
            )
        return frame, names, cells, True

    @staticmethod
    def template(frame: Any) -> Any:
        """No rows, arrays of their dtypes."""
        return {name: column[:0] if isinstance(column, np.ndarray) else [] for name, column in frame.items()}

    @staticmethod
    def filled(frame: Any, cells: list[Cells], values: Sequence[Any]) -> Any:
        """See `Frame.filled`."""
        result = {}
        for own, new in zip(cells, values, strict=True):
            given = frame[own.name]
            column = given.copy() if isinstance(given, np.ndarray) else objects(given)
            if new is not None and own.missing.any():
                column[own.missing] = array_values(own, new, column.dtype)
            result[own.name] = column if isinstance(given, np.ndarray) else listed(column)
        return result

    @staticmethod
    def written(template: Any, cells: Sequence[Any], names: Sequence[Any]) -> Any:
        """See `written`."""
        result = {}
        for name, (values, missing) in zip(names, cells, strict=True):
            column = np.full(len(missing), None, object)
            column[~missing] = objects(np.asarray(values).tolist())
            given = template[name]
            result[name] = listed(column)
            if isinstance(given, np.ndarray):
                time = given.dtype.kind in "mM"
                result[name] = column.astype("int64").view(given.dtype) if time else column.astype(given.dtype)
        return result


def objects(values: Any) -> Array:
    """Any values as an array of objects with one axis."""
    values = list(values)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def listed(column: Array) -> list[Any]:
    """Objects as a list, NumPy's scalars as Python's."""
    return [value.item() if isinstance(value, np.generic) else value for value in column]

