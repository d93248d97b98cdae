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
    of one scale for all; for series, the channels above their shares of each step, a line of one colour each: several
    channels are in units of their spread among the training rows. The line at zero is what normal rows have on average.
    Titles have the labels of a frame's index.

    Args:
        detector: a fitted detector.
        x: up to 6 rows `(n, *row_shape)`, as for `explain`.
        names: of the columns of a table; those of the frame in `fit`, or their numbers, by default. Of the channels of
            series likewise.
        most: columns of a table that are shown for a row; channels of series, those with the largest shares.

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
    labels = [f"row {label}" for label in row_labels(x, len(shares))]
    if kind == "table":
        found = getattr(detector, "feature_names_in_", range(shares.shape[1])) if names is None else names
        return bars(rows, shares, names_of(found, shares.shape[1], "column"), most, labels)
    figure = figure_of(max(3.2, 2.1 * len(rows)), 3.6)
    axes = figure.subplots(2, len(rows), squeeze=False, sharey="row", sharex="col" if kind == "series" else False)
    if kind == "image":
        heat_maps(figure, axes, rows, shares, labels)
        return figure
    if shares.shape[2] > 1:
        rows = detector.prepare(x)
    channels = names_of(range(shares.shape[2]) if names is None else names, shares.shape[2], "channel")
    chosen = np.sort(np.argsort(-shares.sum(axis=(0, 1)), kind="stable")[:most])
    step_scores(axes, rows, shares, labels, {int(index): channels[index] for index in chosen})
    return figure


def row_labels(x: Data, count: int) -> list[Any]:
    """The labels of the rows: the index of a frame, or their numbers."""
    index = getattr(x, "index", None)
    return list(range(count)) if index is None or callable(index) else list(index)


def names_of(names: Sequence[Any], count: int, what: str) -> list[str]:
    """The names of the columns or channels, one for each."""
    if len(names) != count:
        raise ValueError(
            f"Argument `names` must have one for each {what}. Expected {count}. Received: {len(names)} names."
        )
    return [str(name) for name in names]


def bars(rows: Array, shares: Array, names: list[str], most: int, labels: list[str]) -> Figure:
    """The columns that take most from the score of each row of a table."""
    count = min(most, len(names))
    figure = figure_of(3.4 * len(rows), 0.6 + 0.3 * count)
    for index, ax in enumerate(figure.subplots(1, len(rows), squeeze=False)[0]):
        chosen = np.argsort(shares[index])[-count:]
        values = shares[index][chosen]
        ax.barh(range(count), values, color=[ACTIVE if value > 0 else INACTIVE for value in values])
        ax.set_yticks(range(count), [f"{names[column]}: {rows[index][column]:.4g}" for column in chosen])
        finish(ax, f"{labels[index]}: {shares[index].sum():+.1f} nats")
        ax.axvline(0.0, color="0.3", lw=0.8)
        ax.set_xlabel("nats beyond the usual")
    return figure


def heat_maps(figure: Figure, axes: Any, rows: Array, shares: Array, labels: list[str]) -> None:
    """Images above their heat maps."""
    maps = shares.sum(axis=-1) if shares.ndim == 4 else shares
    top = max(float(np.quantile(maps, 0.999)), 1e-6)
    drawn = None
    for index, (above, below) in enumerate(axes.T):
        image = rows[index][..., 0] if rows.ndim == 4 and rows.shape[-1] == 1 else rows[index]
        above.imshow(image, cmap="gray")
        drawn = below.imshow(maps[index], cmap="inferno", vmin=0.0, vmax=top)
        finish(above, f"{labels[index]}: {maps[index].sum():+.0f} nats")
        for ax in (above, below):
            ax.set_xticks([])
            ax.set_yticks([])
    # Beside both rows: it would push the heat maps alone aside, out of line with their images.
    figure.colorbar(drawn, ax=list(axes.ravel()), label="nats beyond the usual")


def step_scores(axes: Any, rows: Array, shares: Array, labels: list[str], channels: dict[int, str]) -> None:
    """Series above the shares of their steps, a line for each channel.

    Args:
        axes: two for each row, `(2, n)`.
        rows: `(n, steps, channels)`.
        shares: likewise.
        labels: of the rows.
        channels: the names of those that are drawn.
    """
    for index, (above, below) in enumerate(axes.T):
        for number, (channel, name) in enumerate(channels.items()):
            colour = ACTIVE if len(channels) == 1 else f"C{number % 10}"
            above.plot(rows[index][:, channel], lw=1, color=colour, label=name)
            below.plot(shares[index][:, channel], drawstyle="steps-mid", lw=1, color=colour)
        below.axhline(0.0, color="0.3", lw=0.8)
        finish(above, f"{labels[index]}: {shares[index].sum():+.0f} nats")
        below.set_xlabel("step")
    axes[1][0].set_ylabel("nats beyond the usual")
    if shares.shape[2] > 1:
        axes[0][0].set_ylabel("in units of the spread")
        axes[0][-1].legend(title="channel", fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))


def finish(ax: Axes, title: str) -> None:
    """Title and small labels."""
    titled(ax, title)
    ax.tick_params(labelsize="small")
