"""Paths through the latent space."""

from typing import Any

import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.hints import Array, Part
from keras_vae.plots.canvas import Axes, titled
from keras_vae.plots.grid import draw_grid
from keras_vae.plots.look import limits_of, look_of, values_of

__all__ = ["interpolation"]


def interpolation(
    model: Part,
    start: Array,
    end: Array,
    steps: int | None = None,
    condition: Any = None,
    *,
    originals: bool = True,
    cmap: str = "gray",
    ax: Axes | None = None,
    **options: Any,
) -> Axes:
    """From one example to another through the latent space, a row for each pair.

    Args:
        model: the `VAE`.
        start: `(n, *data_shape)`, or one example.
        end: like `start`.
        steps: number of points: by default 10 for images, 4 for others.
        condition: `(n, *condition_shape)` for a conditional model.
        originals: whether the two examples stand beside each row.
        cmap: matplotlib's name of the colours of grey images.
        ax: matplotlib Axes; a new figure by default.
        **options: as for `VAE.interpolate`: `path` and so on.

    Returns:
        The Axes. Series and vectors have small axes inside of it, `ax.child_axes`.

    Raises:
        ValueError: examples that do not fit the model, or data of which there is no picture.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(8, 8, 1), latent_dim=2, encoder="mlp", decoder="mlp")
    >>> ax = kv.plots.interpolation(vae, np.zeros((2, 8, 8, 1)), np.ones((2, 8, 8, 1)), steps=5)
    >>> ax.get_title()
    'Interpolation between the latents of two examples'
    """
    if isinstance(model.data_shape, dict):
        raise ValueError(
            "There is no interpolation between data of several fields. Expected data of one field. Received: the "
            f"fields {sorted(model.data_shape)}. Decode points between the latents of two examples."
        )
    look = look_of(model)
    steps = positive_int((10 if look.kind == "image" else 4) if steps is None else steps, "steps")
    path = values_of(look, model.interpolate(start, end, steps, condition, **options))
    start, end = np.asarray(start, "float32"), np.asarray(end, "float32")
    if path.ndim == len(look.shape) + 1:
        path, start, end = path[None], start[None], end[None]
    labels = ["start", *[""] * (steps - 2), "end"] if steps > 1 else None
    if originals:
        path = np.concatenate([start[:, None], path, end[:, None]], axis=1)
        labels = ["data", *(labels or [""]), "data"]
    ax = draw_grid(path, look, limits_of(look, np.stack([start, end]), path), None, labels, cmap=cmap, ax=ax)
    return titled(ax, "Interpolation between the latents of two examples")
