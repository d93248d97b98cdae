"""Missing cells, filled."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae.arguments import optional_seed
from keras_vae.hints import Array, Part
from keras_vae.tables import importance
from keras_vae.tables.columns import TableColumn
from keras_vae.tables.frames import Frame
from keras_vae.tables.layout import Layout

__all__ = ["impute_frame"]


def impute_frame(
    vae: Part,
    table: Frame,
    x: Array,
    columns: Sequence[TableColumn],
    layout: Layout,
    epsilon: Array,
    count: int | None,
    seed: int | None,
    verbose: Any,
) -> Any:
    """A table with its missing cells filled, or a list of such tables.

    Args:
        vae: the model.
        table: the table, read.
        x: the model's numbers of the table, `(rows, columns)`.
        columns: what its columns are.
        layout: the order of the columns in the model.
        epsilon: noise of the draws, `(samples, latent_dim)`.
        count: number of draws, or None for one filling that is best on average.
        seed: int, or None for new draws.
        verbose: as in Keras.
    """
    holes = np.isnan(x).any(axis=1)  # rows without holes need no draws
    if count is None:
        best = best_numbers(vae, x[holes], columns, layout, epsilon, verbose) if holes.any() else {}
        return table.filled([filling(table, place, columns, best, holes) for place in range(len(columns))])
    checked = optional_seed(seed)
    noise_seed = int(np.random.default_rng().integers(2**31)) if checked is None else checked
    draws = np.zeros((0, count, x.shape[1]))
    if holes.any():
        key = ("drawn", len(epsilon), count)
        draws = importance.over_rows(
            vae, key, importance.drawn(epsilon, count), x[holes], len(epsilon) + count, noise_seed, verbose
        )
    tables = []
    for index in range(count):
        values = {
            place: columns[place].from_model(draws[:, index, own].astype("float64"), seen_only=False)
            for own, place in enumerate(layout.places)
        }
        tables.append(table.filled([filling(table, place, columns, values, holes) for place in range(len(columns))]))
    return tables


def best_numbers(
    vae: Part, x: Array, columns: Sequence[TableColumn], layout: Layout, epsilon: Array, verbose: Any
) -> dict[int, Array]:
    """The mean, or the most likely category, of each cell given the observed ones of its row, by place in the table."""
    function = importance.expected(epsilon, *layout.logarithms(columns))
    parts = importance.over_rows(vae, ("expected", len(epsilon)), function, x, len(epsilon), 0, verbose)
    found: dict[int, Array] = {}
    for (name, _, places), part in zip(layout.groups, parts, strict=True):
        part = part.astype("float64")
        for own, place in enumerate(places):
            column = columns[place]
            if name == "categorical":
                found[place] = column.from_model(np.argmax(part[:, own], axis=-1))
            elif column.likelihood == "log_normal":
                found[place] = column.within(np.exp(column.centre) * part[:, own])
            else:
                found[place] = column.from_model(part[:, own])
    return found


def filling(
    table: Frame, place: int, columns: Sequence[TableColumn], values: dict[int, Array], holes: Array
) -> Array | None:
    """The values for the missing cells of one column; None where it has none, or nothing is known.

    Args:
        table: the table, read.
        place: of the column.
        columns: what the columns are.
        values: for each modelled column the values of the rows with holes.
        holes: boolean `(rows,)`, which rows these are.
    """
    column, cells = columns[place], table.cells[place]
    if not cells.missing.any() or column.kind == "nothing":
        return None
    if column.modelled:
        found = values[place][cells.missing[holes]]
    else:
        found = column.from_model(np.zeros(int(cells.missing.sum())))
    return column.for_cells(found, cells)
