"""Examples side by side, in rows and columns: one mosaic of images, or small panels of lines."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.hints import Array
from keras_vae.plots.canvas import Axes, axes_of, matplotlib
from keras_vae.plots.look import Look, limits_of

__all__ = ["draw_grid", "images", "in_rows", "mosaic", "panels"]

WIDEST = 7.5
"""Inches: the width of a page."""


def images(
    x: Any,
    columns: int | None = None,
    *,
    limits: tuple[float, float] | None = None,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    cmap: str = "gray",
    ax: Axes | None = None,
) -> Axes:
    """Images side by side, as one picture.

    Args:
        x: `(n, height, width)`, `(n, height, width, 1)` or `(n, height, width, 3)`; or `(rows, columns, ...)` with one
            axis more; or a list of arrays, one for each row.
        columns: images in a row, 10 by default.
        limits: the values of black and white; by default 0 and 1, or 0 and 255, where the images lie between them, and
            their smallest and largest value elsewhere.
        row_labels: text beside each row.
        column_labels: text below each column.
        cmap: matplotlib's name of the colours of grey images; `"gray_r"` shows ink on paper.
        ax: matplotlib Axes; a new figure by default.

    Returns:
        The Axes.

    Raises:
        ValueError: arrays that are no images.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> ax = kv.plots.images(np.zeros((12, 8, 8, 1)), columns=6)
    >>> len(ax.images)
    1
    """
    array = rows_of_images(x, 10 if columns is None else positive_int(columns, "columns"))
    known = np.nan_to_num(array)
    top = 1.0 if known.max(initial=0.0) <= 1.0 else 255.0
    if limits is None:
        limits = (0.0, top) if known.min(initial=0.0) >= 0.0 and known.max(initial=0.0) <= top else None
    low, high = limits or (float(known.min()), float(known.max()))
    look = Look("image", array.shape[2:], low, high, None)
    return draw_grid(array, look, (low, high), row_labels, column_labels, cmap=cmap, ax=ax)


def rows_of_images(x: Any, columns: int) -> Array:
    """Images in any of the forms of `images`, as `(rows, columns, height, width, channels)`."""
    if isinstance(x, (list, tuple)):
        rows = [np.asarray(row, "float32") for row in x]
        if len({row.shape for row in rows}) > 1:
            raise ValueError(
                "Argument `x` must hold arrays of one shape, one for each row. Received: the shapes "
                f"{[row.shape for row in rows]}. Show as many images in every row."
            )
        array = np.stack(rows) if rows and rows[0].ndim > 2 else np.asarray(rows, "float32")
    else:
        array = np.asarray(x, "float32")
    if array.ndim == 3 or (array.ndim == 4 and array.shape[-1] not in (1, 3)):
        array = array[..., None]
    if array.ndim not in (4, 5) or array.shape[-1] not in (1, 3) or 0 in array.shape:
        raise ValueError(
            "Argument `x` must be images. Expected (n, height, width), with or without a last axis of 1 or 3 channels, "
            f"or a list of such arrays. Received: shape {array.shape}."
        )
    return array if array.ndim == 5 else in_rows(array, columns)


def in_rows(values: Array, columns: int) -> Array:
    """Examples `(n, ...)` as `(rows, columns, ...)`; NaN fills the last row."""
    columns = min(columns, len(values))
    rows = -(-len(values) // columns)
    full = np.full((rows * columns, *values.shape[1:]), np.nan, "float32")
    full[: len(values)] = values
    return full.reshape(rows, columns, *values.shape[1:])


def draw_grid(
    values: Array,
    look: Look,
    limits: tuple[float, float] | None = None,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    along: tuple[str, str] = ("", ""),
    *,
    cmap: str = "gray",
    ax: Axes | None = None,
) -> Axes:
    """Examples `(rows, columns, *shape)` in a grid, drawn as their `Look` says.

    Args:
        values: the examples.
        look: what they look like.
        limits: smallest and largest value to show.
        row_labels: text beside each row.
        column_labels: text below each column.
        along: names of the horizontal and the vertical axis of the grid.
        cmap: matplotlib's name of the colours of grey images.
        ax: matplotlib Axes; a new figure by default.
    """
    limits = limits_of(look, values) if limits is None else limits
    rows, columns = values.shape[:2]
    if look.kind != "image":
        width = min(WIDEST, max(4.0, 1.6 * columns))
        height = rows * max(0.7, min(1.2, 0.7 * width / columns)) + 0.7
        ax = axes_of(ax, width, height)
        for row, cells in enumerate(panels(ax, rows, columns)):
            for column, panel in enumerate(cells):
                draw_example(panel, values[row, column], look, limits)
                beside = row_labels[row] if row_labels else ""
                below = column_labels[column] if column_labels else ""
                label_panel(panel, row, column, (rows, columns), look, (beside, below))
        # The panels hide the axes' own names.
        ax.text(0.5, -0.55 / height, along[0], transform=ax.transAxes, ha="center", va="top", fontsize=9)
        ax.text(-0.75 / width, 0.5, along[1], transform=ax.transAxes, ha="right", va="center", rotation=90, fontsize=9)
        return ax
    tall, wide = values.shape[2:4]
    cell = min(max(0.6, wide / 64), WIDEST / columns)
    # Room for the text beside, so that the images fill what is left.
    room = 0.08 * max(map(len, row_labels)) + 0.1 if row_labels else 0.0
    width = max(4.0, columns * cell + room + (0.25 if along[1] else 0.0))
    height = rows * cell * tall / wide + 0.4 + (0.2 if column_labels else 0.0) + (0.2 if along[0] else 0.0)
    ax = axes_of(ax, width, height, grows=True)
    line = line_between(values)
    colours = matplotlib().colormaps[cmap].with_extremes(bad="white")
    low, high = limits
    ax.imshow(mosaic(values, limits, line), cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    for axis, count, size, labels in ((ax.yaxis, rows, tall, row_labels), (ax.xaxis, columns, wide, column_labels)):
        axis.set_ticks([index * (size + line) + (size - 1) / 2 for index in range(count)] if labels else [])
        if labels:
            axis.set_ticklabels(labels, fontsize=8)
    ax.set(xlabel=along[0], ylabel=along[1])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def line_between(values: Array) -> int:
    """Pixels between two images."""
    return max(1, values.shape[3] // 14)


def mosaic(values: Array, limits: tuple[float, float] = (0.0, 1.0), line: int = 1) -> Array:
    """One picture of `(rows, columns, height, width, channels)`, with lines between the images.

    Args:
        values: the images.
        limits: values of black and white; colours are scaled to [0, 1] by them, grey levels stay as they are.
        line: pixels between two images.

    Returns:
        `(height, width)` with NaN between the images, or `(height, width, 3)` with white.
    """
    low, high = limits
    if values.shape[-1] == 3:
        values = np.nan_to_num(np.clip((values - low) / (high - low), 0.0, 1.0), nan=1.0)
    between = np.nan if values.shape[-1] == 1 else 1.0
    padded = np.pad(values, ((0, 0), (0, 0), (0, line), (0, line), (0, 0)), constant_values=between)
    rows, columns, height, width, channels = padded.shape
    picture = padded.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)[:-line, :-line]
    return picture[..., 0] if channels == 1 else picture


def panels(ax: Axes, rows: int, columns: int, gap: tuple[float, float] = (0.05, 0.1)) -> list[list[Axes]]:
    """Small axes inside of `ax`, rows of columns, so that they can be part of any other figure.

    Args:
        ax: the axes around them.
        rows: number of rows.
        columns: number of columns.
        gap: between two of them, as shares of their width and height.
    """
    ax.set_axis_off()
    across, down = gap[0] / columns, gap[1] / rows
    wide, tall = (1.0 + across) / columns - across, (1.0 + down) / rows - down
    return [
        [
            ax.inset_axes([column * (wide + across), 1.0 - tall - row * (tall + down), wide, tall])
            for column in range(columns)
        ]
        for row in range(rows)
    ]


def draw_example(panel: Axes, value: Array, look: Look, limits: tuple[float, float]) -> None:
    """One series, roll or vector."""
    low, high = limits
    if np.isnan(value).all():
        panel.set_visible(False)
    elif look.kind == "roll":
        binary = (look.low, look.high) == (0.0, 1.0)
        colours = matplotlib().colormaps["Greys" if binary else "cividis"].with_extremes(bad="white")
        panel.imshow(value.T, origin="lower", aspect="auto", cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    else:
        series = value if look.kind == "series" else value[:, None]
        for channel in range(series.shape[1]):
            marker = "." if look.kind == "vector" or len(series) < 3 else None
            panel.plot(series[:, channel], color=f"C{channel}", lw=1.0, marker=marker, ms=4)
        room = 0.06 * (high - low)
        panel.set_ylim(low - room, high + room)


def label_panel(panel: Axes, row: int, column: int, size: tuple[int, int], look: Look, labels: tuple[Any, Any]) -> None:
    """Numbers and names on the outer panels only."""
    rows, columns = size
    panel.tick_params(labelsize=7, length=2)
    panel.locator_params(nbins=3)
    panel.tick_params(labelleft=column == 0, labelbottom=row == rows - 1)
    if column == 0 and labels[0]:
        panel.set_ylabel(labels[0], fontsize=8)
    if row == rows - 1:
        along = "column" if look.kind == "vector" else "step"
        text = [str(labels[1])] if labels[1] else []
        if column == math.ceil(columns / 2) - 1 and not labels[1]:
            text.append(along)
        panel.set_xlabel("\n".join(text), fontsize=8)
