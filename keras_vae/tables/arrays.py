"""Arrays and dicts of columns, read to cells and written."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae.hints import Array
from keras_vae.tables.cells import Cells, cells_of_objects, objects

__all__ = ["Arrays", "ColumnDicts"]


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
    def retyped(frame: Any, template: Any, names: Sequence[Any]) -> Any:
        """See `Frame.retyped`: all columns of an array are of one dtype, which stays."""
        return frame

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


class ColumnDicts:
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
    def retyped(frame: Any, template: Any, names: Sequence[Any]) -> Any:
        """See `Frame.retyped`."""
        result = dict(frame)
        for name in names:
            own, rows = template[name], len(frame[name])
            time = isinstance(own, np.ndarray) and own.dtype.kind in "mM"
            result[name] = np.full(rows, "NaT", own.dtype) if time else [None] * rows
            if isinstance(frame[name], np.ndarray) and not time:
                result[name] = objects(result[name])
        return result

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
            column: Any = np.full(len(missing), None, object)
            column[~missing] = objects(np.asarray(values).tolist())
            given = template[name]
            result[name] = listed(column)
            if isinstance(given, np.ndarray):
                time = given.dtype.kind in "mM"
                result[name] = column.astype("int64").view(given.dtype) if time else column.astype(given.dtype)
        return result


def listed(column: Array) -> list[Any]:
    """Objects as a list, NumPy's scalars as Python's."""
    return [value.item() if isinstance(value, np.generic) else value for value in column]
