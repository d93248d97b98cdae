"""Training curves."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_vae.plots.canvas import Figure, figure_of, titled

__all__ = ["history"]

SCHEDULED = re.compile(r"(^|_)(beta|capacity|temperature|learning_rate|lr|weight)$")
"""Names of what callbacks set: it is drawn over the loss, against an axis of its own."""
LEVEL = re.compile(r"^(.*_loss)_(\d+)$")
COLUMNS = 3


def history(logs: Any, names: Sequence[str] | None = None) -> Figure:
    """The training curves: the loss and each of its terms, with those of the held-out data.

    Everything that was logged is drawn. What callbacks set during the training, such as beta, is drawn over the loss,
    against an axis of its own on the right; the KLs of several levels share a panel. Where the first epochs are far
    above the others, the axis leaves them out, and says so.

    Args:
        logs: what `fit` returned, or its `history`: a dict from names to lists of one number for each epoch.
        names: the names to draw, without the prefix `val_`; by default all.

    Returns:
        The Figure, with one Axes for each panel.

    Raises:
        ValueError: no such logs, or a name that was not logged.

    Example:

    >>> import keras_vae as kv
    >>> logs = {"loss": [9.0, 7.0], "val_loss": [9.5, 8.0], "kl_loss": [0.1, 0.5], "beta": [0.5, 1.0]}
    >>> figure = kv.plots.history(logs)
    >>> [ax.get_title() for ax in figure.axes if ax.get_title()]
    ['loss', 'kl_loss']
    """
    logs = getattr(logs, "history", logs)
    if not isinstance(logs, Mapping) or not logs or not all(np.size(values) for values in logs.values()):
        raise ValueError(
            "Argument `logs` must be what `fit` returned, or a dict from names to lists of numbers with at least one "
            f"epoch. Received: {logs!r:.100}"
        )
    curves = {name: np.asarray(values, "float64") for name, values in logs.items()}
    groups = panels_of(curves, names)
    scheduled = groups.pop("", [])
    if not groups:
        groups = {scheduled[0]: scheduled[:1]}
        scheduled = scheduled[1:]
    columns = min(COLUMNS, len(groups))
    rows = -(-len(groups) // columns)
    figure = figure_of(max(4.0, 2.6 * columns + (0.5 if scheduled else 0.0)), 2.5 * rows)
    for index, (name, members) in enumerate(groups.items()):
        ax = figure.add_subplot(rows, columns, index + 1)
        draw_curves(ax, name, members, curves)
        if index == 0 and scheduled:
            draw_scheduled(ax, scheduled, curves)
        if index == 0 and not (len(members) == 1 and not scheduled and f"val_{members[0]}" not in curves):
            ax.legend(fontsize="small", loc="best")
    return figure


def panels_of(curves: dict[str, Any], names: Sequence[str] | None) -> dict[str, list[str]]:
    """The names in each panel, the loss first; under the empty name what is scheduled."""
    # A metric may be logged for held-out data only.
    own = list(dict.fromkeys(name.removeprefix("val_") for name in curves))
    if names is not None:
        unknown = [name for name in names if name not in own]
        if unknown or not names:
            raise ValueError(f"Argument `names` must be names that were logged, of {own}. Received: {list(names)}")
        own = list(names)
    else:
        first = {"loss": 0, "reconstruction_loss": 1, "kl_loss": 2}
        own.sort(key=lambda name: first.get(name, 3 if name.endswith("_loss") or LEVEL.match(name) else 4))
    groups: dict[str, list[str]] = {}
    for name in own:
        level = LEVEL.match(name)
        home = "" if SCHEDULED.search(name) else level[1] if level else name
        groups.setdefault(home, []).append(name)
    return groups


def draw_curves(ax: Any, title: str, members: list[str], curves: dict[str, Any]) -> None:
    """One panel: the curves of the training, and dashed those of the held-out data."""
    shown = []
    for index, name in enumerate(members):
        member = f"level {level[2]}" if (level := LEVEL.match(name)) else "sum"
        for prefix, style, kind in (("", "-", "training"), ("val_", "--", "held out")):
            values = curves.get(prefix + name)
            if values is not None:
                # Of several levels the colour is the level; the panel of the loss says what dashed means.
                several = len(members) > 1
                colour = f"C{index}" if several else "C1" if prefix else "C0"
                own = (member if not prefix or name not in curves else None) if several else kind
                marker = "." if len(values) < 20 else None
                ax.plot(np.arange(1, len(values) + 1), values, style, color=colour, marker=marker, label=own)
                shown.append(values)
    loss = title == "loss" or title.endswith("_loss")
    ax.set(xlabel="epoch", ylabel="nats per example" if loss else "")
    titled(ax, title)
    ax.xaxis.get_major_locator().set_params(integer=True)
    if len(members) > 1:
        ax.legend(fontsize="small")
    cut_first_epochs(ax, shown)


def cut_first_epochs(ax: Any, shown: list[Any]) -> None:
    """Ends the axis below the first epochs, where they are so high that the rest would be a flat line."""
    values = np.concatenate(shown)
    values = values[np.isfinite(values)]
    if len(values) < 10:
        return
    low, middle, top = values.min(), np.quantile(values, 0.9), values.max()
    if top - low > 4.0 * (middle - low) and middle > low:
        room = 0.1 * (middle - low)
        ax.set_ylim(low - room, middle + 3 * room)
        ax.text(0.97, 0.9, f"up to {top:.4g}", transform=ax.transAxes, ha="right", va="top", fontsize="x-small")


def draw_scheduled(ax: Any, names: list[str], curves: dict[str, Any]) -> None:
    """What callbacks set, grey, against an axis on the right."""
    right = ax.twinx()
    for name, style in zip(names, [":", "-.", "--", "-"] * len(names), strict=False):
        values = curves[name] if name in curves else curves[f"val_{name}"]
        right.plot(np.arange(1, len(values) + 1), values, style, color="0.4", label=name)
        ax.plot([], [], style, color="0.4", label=name)  # in the legend of the loss
    right.set_ylabel(", ".join(names), color="0.4")
    right.set_ylim(bottom=min(0.0, right.get_ylim()[0]))
