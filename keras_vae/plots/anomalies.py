"""Where rows are odd: bars of columns, heat maps of images, scores of steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.hints import Array, Data, Part
from keras_vae.plots.canvas import ACTIVE, INACTIVE, Axes, Figure, figure_of, titled

__all__ = ["anomalies"]

MOST_ROWS = 6


def anomalies(
    detector: Part,
    x: Data,
    *,
    names: Sequence[str] | None = None,
    most: int = 8,
) -> Figure:
    """What `explain` of a `keras_vae.anomaly.VAEDetector` says on some rows, in nats beyond the usual.

    For rows of a table, bars of the columns that take most from the score; for images, the image above its heat map,
    of one scale for all; for series, the lines above the share of each step, summed over the channels. The line at
    zero is what normal rows have on average.

    Args:
        detector: a fitted detector.
        x: up to 6 rows `(n, *row_shape)`, as for `explain`.
        names: of the columns of a table; those of the frame in `fit`, or their numbers, by default.
        most: columns of a table that are shown for a row.

    Returns:
        The Figure, with Axes for each row: one for a row of a table, two for images and series.

    Raises:
        ValueError: too many rows or names, or a score without parts.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> from keras_vae.anomaly import VAEDetector
    >>> rng = np.random.default_rng(0)
    >>> detector = VAEDetector(max_steps=50, num_models=1, random_state=0).fit(rng.normal(size=(60, 3)))
    >>> figure = kv.plots.anomalies(detector, [[0.0, 9.0, 0.0]], names=["a", "b", "c"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()][-1]
    'b: 9'
    """
    positive_int(most, "most")
    shares = detector.explain(x)
    if len(shares) > MOST_ROWS:
        raise ValueError(
            f"Argument `x` must hold at most {MOST_ROWS} rows, which have room side by side. Received: {len(shares)} "
            "rows. Pass the ones to look at: x[:6]."
        )
    rows, kind = np.asarray(x), detector.standardisation_.kind
    if kind == "table":
        return bars(rows, shares, column_names(detector, names, shares.shape[1]), most)
    figure = figure_of(max(3.2, 2.1 * len(rows)), 3.6)
    axes = figure.subplots(2, len(rows), squeeze=False, sharey="row", sharex="col" if kind == "series" else False)
    draw = heat_maps if kind == "image" else step_scores
    draw(figure, axes, rows, shares)
    return figure


def column_names(detector: Part, names: Sequence[str] | None, count: int) -> list[str]:
    """The names of the columns."""
    found = getattr(detector, "feature_names_in_", range(count)) if names is None else names
    if len(found) != count:
        raise ValueError(
            f"Argument `names` must have one for each column. Expected {count}. Received: {len(found)} names."
        )
    return [str(name) for name in found]


def bars(rows: Array, shares: Array, names: list[str], most: int) -> Figure:
    """The columns that take most from the score of each row of a table."""
    count = min(most, len(names))
    figure = figure_of(3.4 * len(rows), 0.6 + 0.3 * count)
    for index, ax in enumerate(figure.subplots(1, len(rows), squeeze=False)[0]):
        chosen = np.argsort(shares[index])[-count:]
        values = shares[index][chosen]
        ax.barh(range(count), values, color=[ACTIVE if value > 0 else INACTIVE for value in values])
        ax.set_yticks(range(count), [f"{names[column]}: {rows[index][column]:.4g}" for column in chosen])
        finish(ax, f"row {index}: {shares[index].sum():+.1f} nats")
        ax.axvline(0.0, color="0.3", lw=0.8)
        ax.set_xlabel("nats beyond the usual")
    return figure


def heat_maps(figure: Figure, axes: Any, rows: Array, shares: Array) -> None:
    """Images above their heat maps."""
    maps = shares.sum(axis=-1) if shares.ndim == 4 else shares
    top = max(float(np.quantile(maps, 0.999)), 1e-6)
    drawn = None
    for index, (above, below) in enumerate(axes.T):
        image = rows[index][..., 0] if rows.ndim == 4 and rows.shape[-1] == 1 else rows[index]
        above.imshow(image, cmap="gray")
        drawn = below.imshow(maps[index], cmap="inferno", vmin=0.0, vmax=top)
        finish(above, f"row {index}: {maps[index].sum():+.0f} nats")
        for ax in (above, below):
            ax.set_xticks([])
            ax.set_yticks([])
    figure.colorbar(drawn, ax=list(axes[1]), label="nats beyond the usual")


def step_scores(figure: Figure, axes: Any, rows: Array, shares: Array) -> None:
    """Series above the shares of their steps."""
    for index, (above, below) in enumerate(axes.T):
        above.plot(rows[index], lw=1)
        steps = shares[index].sum(axis=-1)
        below.fill_between(np.arange(len(steps)), np.maximum(steps, 0.0), step="mid", color=ACTIVE)
        below.plot(steps, drawstyle="steps-mid", color="0.3", lw=0.6)
        below.axhline(0.0, color="0.3", lw=0.8)
        finish(above, f"row {index}: {steps.sum():+.0f} nats")
        below.set_xlabel("step")
    axes[1][0].set_ylabel("nats beyond the usual")


def finish(ax: Axes, title: str) -> None:
    """Title and small labels."""
    titled(ax, title)
    ax.tick_params(labelsize="small")
