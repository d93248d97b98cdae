"""A table as the model's numbers."""

from collections.abc import Sequence

import numpy as np

from keras_vae.hints import Array
from keras_vae.tables.columns import TableColumn, plain
from keras_vae.tables.frames import Frame
from keras_vae.tables.layout import Layout

__all__ = ["numbers_of"]


def numbers_of(table: Frame, columns: Sequence[TableColumn], layout: Layout, unknown: str) -> Array:
    """The modelled columns as the model's numbers, `(rows, columns)`, float32; NaN where a cell is missing.

    Args:
        table: the table, read.
        columns: what its columns were in `fit`.
        layout: the order of the columns in the model.
        unknown: `"error"`, or `"missing"`, for categories that were not there in `fit`.

    Raises:
        ValueError: columns of other types than in `fit`, or unknown categories.
    """
    found = np.full((table.rows, len(layout.places)), np.nan, "float32")
    for index, place in enumerate(layout.places):
        column, cells = columns[place], table.cells[place]
        numbers = column.to_model(column.aligned(cells).values)
        strange = np.isnan(numbers)
        if strange.any() and unknown == "error":
            row = int(np.flatnonzero(~cells.missing)[np.flatnonzero(strange)[0]])
            value = cells.values[np.flatnonzero(strange)[0]]
            raise ValueError(
                f"Argument `frame`: the column {column.name!r} has a value that was not there in `fit`, {value!r} in "
                f"row {label_of(table, row)}. Expected one of {column.range()}. Received: {int(strange.sum())} such "
                "cells. Replace them by a missing value, or pass unknown_categories='missing'."
            )
        found[~cells.missing, index] = numbers
    return found


def label_of(table: Frame, row: int) -> str:
    """The name of a row: its label in the index of pandas, else its number."""
    index = getattr(table.native, "index", None)
    return str(row) if index is None or callable(index) else repr(plain(index[row]))
