"""Data frames that narwhals knows, read to cells and written."""

import zoneinfo
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae.hints import Array
from keras_vae.tables.cells import Cells, cells_of_objects, objects

try:
    import narwhals as nw
except ImportError as error:
    raise ImportError("keras_vae.tables reads frames with narwhals: pip install 'keras-vae[tables]'.") from error

__all__ = ["DataFrames", "nw"]


class DataFrames:
    """Frames that narwhals knows; pandas' own dtypes and index are kept through pandas itself."""

    @staticmethod
    def read(frame: Any) -> tuple[Any, list[Any], list[Cells], bool]:
        """The frame, the names of its columns, their cells, and that the names are its own."""
        names = list(frame.columns)
        table = nw.from_native(frame, eager_only=True)
        return frame, names, [cells_of_series(*pair) for pair in columns_of(table, frame)], True

    @staticmethod
    def template(frame: Any) -> Any:
        """No rows, all dtypes."""
        return nw.from_native(frame, eager_only=True).head(0).to_native()

    @staticmethod
    def retyped(frame: Any, template: Any, names: Sequence[Any]) -> Any:
        """See `Frame.retyped`."""
        table, own = nw.from_native(frame, eager_only=True), nw.from_native(template, eager_only=True)
        if table.implementation != own.implementation:
            return frame
        if table.implementation.is_pandas_like():
            result = frame.copy()
            for name in names:
                empty = template[name].reindex(range(len(frame)))
                empty.index = frame.index
                result[name] = empty
            return result
        empty = [
            nw.new_series(name, [None] * len(table), own[name].dtype, backend=table.implementation) for name in names
        ]
        return table.with_columns(*empty).to_native()

    @staticmethod
    def filled(frame: Any, cells: list[Cells], values: Sequence[Any]) -> Any:
        """See `Frame.filled`."""
        table = nw.from_native(frame, eager_only=True)
        is_pandas = table.implementation.is_pandas_like()
        result = frame.copy() if is_pandas else table
        for own, new in zip(cells, values, strict=True):
            if new is None or not own.missing.any():
                continue
            rows = np.flatnonzero(own.missing)
            if is_pandas:
                series = frame[own.name].copy()
                series.iloc[rows] = pandas_values(table, series, own, new).array
                result[own.name] = series
            else:
                series = table[own.name]
                made = series_of(table, series, own, new)
                whole = len(rows) == len(table)  # a column without a dtype takes that of the values
                result = result.with_columns(made if whole else series.scatter(rows.tolist(), made))
        return result if is_pandas else result.to_native()

    @staticmethod
    def written(template: Any, cells: Sequence[Any], names: Sequence[Any]) -> Any:
        """See `written`."""
        table = nw.from_native(template, eager_only=True)
        made = [
            written_column(table, series, native, *own)
            for (series, native), own in zip(columns_of(table, template), cells, strict=True)
        ]
        if not table.implementation.is_pandas_like():
            return made[0].to_frame().with_columns(*made[1:]).to_native()
        result = nw.get_native_namespace(table).concat(made, axis=1)
        result.columns = template.columns
        return result


def columns_of(table: Any, frame: Any) -> list[tuple[Any, Any]]:
    """For each column its narwhals series, and the column itself; names may be numbers."""
    return [(series, frame[name]) for series, name in zip(table.iter_columns(), list(frame.columns), strict=True)]


def written_column(table: Any, series: Any, native: Any, values: Any, missing: Array) -> Any:
    """A new column of the dtype of another one: of pandas itself, or a narwhals series.

    Args:
        table: the frame.
        series: the other column, as a narwhals series.
        native: the other column itself.
        values: the values of the cells that are not missing.
        missing: boolean, `(rows,)`.
    """
    own, rows = cells_of_series(series, native), np.flatnonzero(~missing)
    if table.implementation.is_pandas_like():
        new = pandas_values(table, native, own, values)
        if not missing.any():
            return new
        empty = native.reindex(range(len(missing)))
        empty.iloc[rows] = new.array
        return empty
    new = series_of(table, series, own, values)
    if not missing.any():
        return new
    empty = nw.new_series(series.name, [None] * len(missing), series.dtype, backend=table.implementation)
    return empty.scatter(rows.tolist(), new) if len(rows) else empty


def cells_of_series(series: Any, native: Any) -> Cells:
    """The cells of a column of a frame.

    Args:
        series: the column as a narwhals series.
        native: the column itself.
    """
    name, label = native.name if hasattr(native, "name") else series.name, str(getattr(native, "dtype", series.dtype))
    zone = zone_of(series, native)
    if label.startswith("Sparse"):
        raise TypeError(
            f"Argument `frame`: the column {name!r} must not be sparse. Received: dtype {label}. Call "
            "frame.sparse.to_dense()."
        )
    if series.dtype == nw.Unknown and zone is not None:  # narwhals does not read all zones
        series = nw.from_native(native.dt.tz_convert("UTC"), series_only=True)
    dtype = series.dtype
    missing = np.asarray(series.is_null().to_numpy(), bool)
    if dtype.is_float():
        missing = missing | np.asarray(series.is_nan().fill_null(False).to_numpy(), bool)
    there = series.filter((~missing).tolist()) if missing.any() else series
    if dtype == nw.Boolean:
        return Cells(name, "boolean", np.asarray(there.to_numpy(), bool), missing, label)
    if dtype.is_integer():
        return Cells(
            name, "integer", np.asarray(there.to_list(), "uint64" if dtype == nw.UInt64 else "int64"), missing, label
        )
    if dtype.is_float() or dtype.is_decimal():
        values = there.cast(nw.Float64).to_numpy() if len(there) else np.zeros(0)
        return Cells(name, "number", np.asarray(values, "float64"), missing, label)
    if dtype in (nw.Datetime, nw.Duration, nw.Date, nw.Time):
        counts = np.asarray(there.cast(nw.Int64).to_numpy(), "int64")
        form = "duration" if dtype == nw.Duration else "time" if dtype == nw.Time else "datetime"
        unit = "D" if dtype == nw.Date else "ns" if dtype == nw.Time else dtype.time_unit
        return Cells(name, form, counts, missing, label, unit=unit, zone=zone)
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        return text_cells(name, series, there, missing, label, native)
    if dtype in (nw.Object, nw.Unknown):
        return cells_of_objects(name, objects(series.to_list()), label)
    raise TypeError(
        f"Argument `frame`: the column {name!r} must hold numbers, text, booleans, dates or times. Received: dtype "
        f"{label}. Convert it, or leave it out."
    )


def zone_of(series: Any, native: Any) -> Any:
    """The time zone of a column, as `datetime.tzinfo`, or None."""
    own = getattr(getattr(native, "dtype", None), "tz", None)
    name = None if series.dtype != nw.Datetime else getattr(series.dtype, "time_zone", None)
    return own if own is not None or name is None else zoneinfo.ZoneInfo(name)


def text_cells(name: Any, series: Any, there: Any, missing: Array, label: str, native: Any) -> Cells:
    """The cells of text and categories, in the declared order where there is one."""
    values = objects(there.to_list())
    if series.dtype == nw.String:
        return Cells(name, "text", values, missing, label)
    own = getattr(getattr(native, "cat", None), "categories", None)  # pandas' may be numbers
    declared = series.dtype.categories if own is None and isinstance(series.dtype, nw.Enum) else own
    levels = None if declared is None else tuple(getattr(declared, "tolist", lambda: declared)())
    return Cells(name, "text", values, missing, label, levels=levels)


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
    dtype = None if like.dtype == nw.Unknown else like.dtype
    return nw.new_series(name, np.asarray(values).tolist(), dtype, backend=backend)
