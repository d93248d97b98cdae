"""New data: what the model draws."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.data.support import column_supports
from keras_vae.hints import Array, Data, Part
from keras_vae.plots.canvas import Axes, axes_of, titled
from keras_vae.plots.grid import WIDEST, draw_grid, in_rows, panels
from keras_vae.plots.look import Look, first_rows, limits_of, look_of, values_of

__all__ = ["samples"]

MOST_COLUMNS = 12
BINS = 30


def samples(
    model: Part,
    n: int | None = None,
    condition: Any = None,
    *,
    x: Data | None = None,
    columns: int | Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    field: str | None = None,
    cmap: str = "gray",
    seed: int | None = 0,
    ax: Axes | None = None,
    **options: Any,
) -> Axes:
    """New examples from the prior: a grid of images or of series, or histograms of the columns of a table.

    Images are means of p(x|z), as in most papers, unless `mode="sample"` asks for draws. Tables are draws, whose
    histograms should be those of the data; pass some as `x`.

    Args:
        model: the `VAE`.
        n: number of examples: by default 40 images, 8 series or 1000 rows of a table, or as many as there are
            conditions.
        condition: `(n, *condition_shape)`, or one for all, for a conditional model. Labels name the rows of images,
            where all of a row have the same one.
        x: data to compare tables with, `(rows, *data_shape)`, and to scale images whose likelihood has no limits.
        columns: examples in a row; or, for tables, the indices of the columns to show, by default the first 12.
        names: for tables, the names of all columns.
        field: the field to draw, for data of several.
        cmap: matplotlib's name of the colours of grey images.
        seed: int, for the same picture in every call; None for another one.
        ax: matplotlib Axes; a new figure by default.
        **options: as for `VAE.generate`: `mode`, `temperature`, `length` and so on.

    Returns:
        The Axes. Series and tables have small axes inside of it, `ax.child_axes`.

    Raises:
        ValueError: arguments that do not fit the model, or data of which there is no picture.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(8, 8, 1), latent_dim=2, encoder="mlp", decoder="mlp")
    >>> ax = kv.plots.samples(vae, 6)
    >>> ax.get_title()
    'Samples from the prior'
    """
    look = look_of(model, field)
    table = look.kind == "vector"
    shared = condition is None or np.ndim(condition) <= len(model.condition_shape or ())
    if n is None:
        n = (1000 if table else 40 if look.kind == "image" else 8) if shared else len(condition)
    options.setdefault("mode", "sample" if table else None)
    drawn = values_of(look, model.generate(positive_int(n, "n"), condition, seed=seed, **options))
    real = None
    if x is not None:
        given = first_rows(model, x, None if table else 1000)
        real = values_of(look, given["x"], given.get("mask"))
    if table:
        return histograms(drawn, real, look, columns, names, ax)
    across = positive_int((10 if look.kind == "image" else 4) if columns is None else columns, "columns")
    labels = None if shared else labels_of(np.asarray(condition), across)
    ax = draw_grid(in_rows(drawn, across), look, limits_of(look, real, drawn), labels, cmap=cmap, ax=ax)
    return titled(ax, "Samples from the prior" if condition is None else "Samples, given the condition")


def labels_of(condition: Array, columns: int) -> list[str] | None:
    """The label of each row of the grid, if all of a row have the same one."""
    if condition.ndim != 1:
        return None
    rows = [condition[start : start + columns] for start in range(0, len(condition), columns)]
    return [str(row[0]) for row in rows] if all((row == row[0]).all() for row in rows) else None


def histograms(
    drawn: Array,
    real: Array | None,
    look: Look,
    columns: int | Sequence[int] | None,
    names: Sequence[str] | None,
    ax: Axes | None,
) -> Axes:
    """One histogram for each column, of samples and of data."""
    width = drawn.shape[1]
    if names is not None and len(names) != width:
        raise ValueError(
            f"Argument `names` must hold a name for each column. Expected {width}. Received: {len(names)}."
        )
    asked: Any = range(min(width, MOST_COLUMNS)) if columns is None else columns
    shown = list(np.atleast_1d(asked))
    if not shown or not all(isinstance(index, (int, np.integer)) and 0 <= index < width for index in shown):
        raise ValueError(
            f"Argument `columns` must hold indices of columns, from 0 to {width - 1}. Received: {columns!r}"
        )
    across = min(4, len(shown))
    rows = math.ceil(len(shown) / across)
    ax = axes_of(ax, min(WIDEST, max(4.0, 1.9 * across)), 1.25 * rows + 0.5)
    whole = [
        support.integer for first, last, support in column_supports(look.support, width) for _ in range(first, last + 1)
    ]
    cells = [panel for line in panels(ax, rows, across, (0.12, 0.42)) for panel in line]
    for place, panel in enumerate(cells):
        if place >= len(shown):
            panel.set_visible(False)
            continue
        index = shown[place]
        own = drawn[:, index]
        data = None if real is None else real[:, index][np.isfinite(real[:, index])]
        edges = edges_of(own, data, whole[index])
        if data is not None:
            panel.hist(data, edges, weights=shares_of(data, edges), color="0.7", label="data")
        outline = {"histtype": "step", "color": "tab:blue", "lw": 1.5, "label": "samples"}
        panel.hist(own, edges, weights=shares_of(own, edges), **outline)
        panel.set_title(f"column {index}" if names is None else short(names[index]), fontsize=8, pad=3)
        panel.tick_params(labelsize=7, length=2)
        panel.locator_params(axis="x", nbins=4)
        panel.set_yticks([])
    if real is not None:
        cells[0].legend(fontsize=7, handlelength=1.0)
    left_out = "" if len(shown) == width or columns is not None else f", {len(shown)} of {width} columns"
    return titled(ax, f"Samples{' and data' if real is not None else ''}: densities of the columns{left_out}", pad=18)


def edges_of(drawn: Array, data: Array | None, whole: bool) -> Array:
    """Edges of the bars of both, around whole numbers where there are few of them."""
    both = drawn if data is None or not data.size else np.concatenate([drawn, data])
    low, high = both.min(), both.max()
    if whole and high - low <= 2 * BINS:
        return np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    if data is not None and data.size:  # one sample far away must not make all others one bar
        margin = 0.5 * (data.max() - data.min()) or 1.0
        low, high = max(low, data.min() - margin), min(high, data.max() + margin)
    return np.linspace(low, high if high > low else low + 1.0, BINS + 1)


def shares_of(values: Array, edges: Array) -> Array:
    """Weights that make a histogram a density, also where values lie outside of it."""
    return np.full(len(values), 1.0 / (max(1, len(values)) * (edges[1] - edges[0])))


def short(name: Any) -> str:
    """A name that fits above its histogram."""
    return str(name) if len(str(name)) <= 20 else f"{str(name)[:19]}…"
