"""Data above what the latents keep of them."""

from typing import Any

import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.hints import Data, Part
from keras_vae.plots.canvas import Axes, titled
from keras_vae.plots.grid import draw_grid, in_rows
from keras_vae.plots.look import first_rows, limits_of, look_of, values_of

__all__ = ["reconstructions"]


def reconstructions(
    model: Part,
    x: Data,
    n: int | None = None,
    *,
    columns: int | None = None,
    field: str | None = None,
    cmap: str = "gray",
    seed: int | None = 0,
    ax: Axes | None = None,
    **options: Any,
) -> Axes:
    """Examples, and below each its reconstruction.

    Args:
        model: the `VAE`.
        x: `(rows, *data_shape)`, or as for `VAE.predict`; the first n are shown.
        n: number of examples: by default 10 images or 4 others.
        columns: examples in a row; by default all of them.
        field: the field to draw, for data of several.
        cmap: matplotlib's name of the colours of grey images.
        seed: int, for `mode="sample"` and `deterministic=False`.
        ax: matplotlib Axes; a new figure by default.
        **options: as for `VAE.reconstruct`: `mode`, `deterministic` and so on.

    Returns:
        The Axes. Series and vectors have small axes inside of it, `ax.child_axes`.

    Raises:
        ValueError: data that do not fit the model, or of which there is no picture.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(8, 8, 1), latent_dim=2, encoder="mlp", decoder="mlp")
    >>> ax = kv.plots.reconstructions(vae, np.zeros((5, 8, 8, 1)))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['data', 'model']
    """
    look = look_of(model, field)
    n = positive_int((10 if look.kind == "image" else 4) if n is None else n, "n")
    given = first_rows(model, x, n)
    mask = given.get("mask")
    originals = values_of(look, given["x"], mask)
    rebuilt = values_of(look, model.reconstruct(given, seed=seed, **options), mask)
    columns = len(originals) if columns is None else positive_int(columns, "columns")
    above, below = in_rows(originals, columns), in_rows(rebuilt, columns)
    rows = np.stack([above, below], axis=1).reshape(-1, *above.shape[1:])
    labels = ["data", "model"] * len(above)
    ax = draw_grid(rows, look, limits_of(look, originals, rebuilt), labels, cmap=cmap, ax=ax)
    return titled(ax, "Data, and below their reconstructions")
