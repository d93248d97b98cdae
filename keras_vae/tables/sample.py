"""New rows of a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae.arguments import optional_seed
from keras_vae.hints import Array, Part
from keras_vae.tables import importance
from keras_vae.tables.columns import TableColumn
from keras_vae.tables.conditions import Conditions
from keras_vae.tables.frames import written
from keras_vae.tables.layout import Layout

__all__ = ["conditional_frame", "sampled_frame"]

DRAWS = 8192
ROUNDS = 20
HOPELESS = 3
"""Rounds without any row, after the first one, when there is no point in more."""


def sampled_frame(
    vae: Part, columns: Sequence[TableColumn], layout: Layout, template: Any, n: int, seed: int | None, verbose: Any
) -> Any:
    """Rows drawn from the model.

    Args:
        vae: the model.
        columns: what the columns are.
        layout: their order in the model.
        template: a table without rows, of the dtypes of the result.
        n: number of rows.
        seed: int, or None for new rows.
        verbose: as in Keras.
    """
    x = vae.generate(n, mode="sample", seed=optional_seed(seed), batch_size=min(n, 1024), verbose=verbose)
    return frame_of(values_of(x, columns, layout), columns, template)


def conditional_frame(
    vae: Part,
    columns: Sequence[TableColumn],
    layout: Layout,
    template: Any,
    given: Any,
    n: int,
    seed: int | None,
    verbose: Any,
) -> Any:
    """Rows drawn from the model given some cells.

    Args:
        vae: the model.
        columns: what the columns are.
        layout: their order in the model.
        template: a table without rows, of the dtypes of the result.
        given: see `VAETable.conditional_sample`.
        n: number of rows.
        seed: int, or None for new rows.
        verbose: as in Keras.

    Raises:
        ValueError: hardly any draws lie in the ranges and lists.
    """
    conditions = Conditions.of(given, columns)
    seeds = np.random.default_rng(optional_seed(seed))
    row = conditions.row[layout.places][None].astype("float32")
    found: list[list[Array]] = []
    kept = 0
    for index in range(ROUNDS + -(-n // DRAWS)):
        function = importance.conditional(DRAWS)
        x = importance.over_rows(
            vae, ("conditional",), function, row, importance.DRAWS_IN_MEMORY, int(seeds.integers(2**31)), verbose
        )[0]
        cells = values_of(x, columns, layout)
        for place, value in conditions.values.items():
            cells[place] = np.repeat(columns[place].for_output(value), len(x))
        holds = conditions.hold(cells)
        found.append([column[holds] for column in cells])
        kept += int(holds.sum())
        if kept >= n or (index >= HOPELESS and not kept):
            break
    if kept < n:
        raise ValueError(
            f"Argument `given`: of {DRAWS * len(found)} rows that the model drew, {kept} lie in the ranges and lists "
            f"of {given!r:.200}. Expected at least {n}. {seen_by(conditions, columns)}Widen them, or give a "
            "value instead of a narrow range."
        )
    return frame_of([np.concatenate(parts)[:n] for parts in zip(*found, strict=True)], columns, template)


def seen_by(conditions: Conditions, columns: Sequence[TableColumn]) -> str:
    """What the columns of ranges and lists held in `fit`, as text."""
    places = sorted({*conditions.ranges, *conditions.lists})
    return "".join(f"In `fit` {columns[place].name!r} held {columns[place].range()}. " for place in places)


def values_of(x: Array, columns: Sequence[TableColumn], layout: Layout) -> list[Array]:
    """The values of all columns for the model's numbers `(n, columns)`; of an empty column zeros."""
    own = {place: index for index, place in enumerate(layout.places)}
    return [
        column.from_model(x[:, own[place]].astype("float64") if place in own else np.zeros(len(x)), seen_only=False)
        if column.kind != "nothing"
        else np.zeros(len(x))
        for place, column in enumerate(columns)
    ]


def frame_of(values: Sequence[Array], columns: Sequence[TableColumn], template: Any) -> Any:
    """A new table; columns of which nothing is known are missing."""
    cells = []
    for column, own in zip(columns, values, strict=True):
        missing = np.full(len(own), column.kind == "nothing")
        cells.append((own[~missing], missing))
    return written(template, cells, [column.name for column in columns])
