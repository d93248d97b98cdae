"""What each latent dimension tells about the data."""

from typing import Any

import numpy as np

from keras_vae import evaluation
from keras_vae.arguments import non_negative_number
from keras_vae.hints import Array, Data, Part
from keras_vae.plots.canvas import ACTIVE, INACTIVE, Axes, axes_of, matplotlib, titled

__all__ = ["kl_of_levels", "kl_per_dimension"]

MOST_NAMED = 40


def kl_per_dimension(
    model: Part,
    x: Data | None = None,
    *,
    kl: Any = None,
    threshold: float = 0.01,
    batch_size: int | None = None,
    verbose: str | int = "auto",
    ax: Axes | None = None,
) -> Axes:
    """The KL of every latent dimension, in nats, averaged over the data, from the largest to the smallest.

    A dimension whose KL is zero has collapsed: its posterior is the prior for all examples, so it tells nothing about
    them. Latents with spatial axes or a time axis have one bar for each channel, the sum over its positions; a level
    whose KL is not a sum over dimensions, as under a mixture, has one bar.

    Args:
        model: the `VAE`; None where `kl` is passed.
        x: `(n, *data_shape)`, or as for `VAE.elbo`.
        kl: the numbers to draw instead, `(dimensions,)`, or a list of these, one for each level.
        threshold: nats; dimensions below it are shown as collapsed.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.
        ax: matplotlib Axes; a new figure by default.

    Returns:
        The Axes.

    Raises:
        ValueError: neither data nor numbers, or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> ax = kv.plots.kl_per_dimension(None, kl=[0.0, 2.0, 0.5])
    >>> [label.get_text() for label in ax.get_xticklabels()], [float(bar.get_height()) for bar in ax.patches]
    (['1', '2', '0'], [2.0, 0.5, 0.0])
    """
    non_negative_number(threshold, "threshold")
    if (x is None) == (kl is None):
        raise ValueError(
            "Arguments `x` and `kl`: expected one of them, the data or the KL of each dimension. Received: "
            f"{'neither' if x is None else 'both'}."
        )
    levels = kl_of_levels(model, x, batch_size, verbose) if kl is None else given_levels(kl)
    heights: list[float] = []
    names: list[str] = []
    places: list[int] = []
    centres: list[float] = []
    for values in levels:
        start = places[-1] + 2 if places else 0
        order = np.argsort(-values.ravel(), kind="stable")
        heights += list(values.ravel()[order])
        names += [str(dim) for dim in order] if values.ndim else ["all"]
        places += list(range(start, start + len(order)))
        centres.append((start + places[-1]) / 2)
    active = np.array(heights) > threshold
    ax = axes_of(ax, min(7.5, max(4.5, 1.5 + 0.25 * len(heights))), 3.2)
    ax.bar(places, heights, color=[ACTIVE if one else INACTIVE for one in active])
    # A collapsed bar has no height to see its colour by.
    ax.plot(np.array(places)[~active], np.zeros((~active).sum()), "x", color=INACTIVE, ms=5, mew=1.5, clip_on=False)
    split = any(values.ndim for values in levels)
    few = len(names) <= MOST_NAMED
    ax.set_xticks(places if few else [], names if few else [], fontsize="small")
    ax.set_ylabel("KL, nats per example")
    below = "latent dimension" if few else f"{len(names)} latent dimensions, by their KL"
    ax.set_xlabel(below if split else "this KL is no sum over dimensions")
    if len(levels) > 1:
        room = 1.18 * max(*heights, threshold)
        ax.set_ylim(0, room)
        for index, (centre, values) in enumerate(zip(centres, levels, strict=True)):
            ax.text(centre, room * 0.99, f"level {index}\n{values.sum():.2f} nats", ha="center", va="top", fontsize=8)
    else:
        ax.set_ylim(bottom=0)
    if split and not active.all():
        marks = ((ACTIVE, "active"), (INACTIVE, f"collapsed, at most {threshold:g} nats"))
        patches = [matplotlib().patches.Patch(color=colour, label=name) for colour, name in marks]
        ax.legend(
            handles=patches, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, frameon=False
        )
    counts = f"{active.sum()} of {len(active)} latents active, " if split else ""
    return titled(ax, f"{counts}KL {np.sum(heights):.2f} nats per example")


def given_levels(kl: Any) -> list[Array]:
    """The argument `kl` as arrays, one for each level."""
    several = isinstance(kl, (list, tuple)) and any(np.ndim(level) for level in kl)
    levels = [np.asarray(level, "float64") for level in (kl if several else [kl])]
    if not all(level.ndim <= 1 and level.size and np.isfinite(level).all() for level in levels):
        raise ValueError(
            "Argument `kl` must hold finite numbers. Expected (dimensions,), or a list of these, one for each level. "
            f"Received: {kl!r:.200}"
        )
    return levels


def kl_of_levels(
    model: Part, x: Data, batch_size: int | None = None, verbose: str | int = "auto", seed: int | None = 0
) -> list[Array]:
    """For each level the KL of its dimensions, averaged over the data, `(dimensions,)`; or `()` if it is no such sum.

    Args:
        model: the `VAE`.
        x: data in any form.
        batch_size: rows at a time.
        verbose: as in Keras.
        seed: int, for the draws of the levels above.
    """

    found = evaluation.kl_per_dimension(model, x, seed=seed, batch_size=batch_size, verbose=verbose)
    means = [
        np.asarray(level) if own is None else own for level, own in zip(found.levels, found.dimensions, strict=True)
    ]
    return [mean.sum(axis=tuple(range(mean.ndim - 1))) if mean.ndim > 1 else mean for mean in means]
