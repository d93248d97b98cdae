"""A plane of the latent space, decoded."""

from typing import Any

import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.hints import Part
from keras_vae.plots.canvas import Axes
from keras_vae.plots.grid import draw_grid
from keras_vae.plots.look import limits_of, look_of, values_of
from keras_vae.plots.prior_range import check_level, describe, prior_range
from keras_vae.plots.traversals import walk_along

__all__ = ["latent_grid"]


def latent_grid(
    model: Part,
    extent: float | None = None,
    steps: int | None = None,
    condition: Any = None,
    *,
    dims: tuple[int, int] | None = None,
    level: int = 0,
    field: str | None = None,
    cmap: str = "gray",
    seed: int | None = 0,
    ax: Axes | None = None,
    **options: Any,
) -> Axes:
    """A grid over two latent dimensions, decoded: the picture of the latent space in Kingma and Welling (2014).

    The grid lies at quantiles of the prior, so that each picture stands for an equal share of it. All other dimensions
    are at the mean of the prior, and levels below at that of their prior given the ones above.

    Args:
        model: the `VAE`.
        extent: for points at equal distances instead, up to so many standard deviations of the prior.
        steps: points along each dimension: by default 12 for images, 5 for others.
        condition: one condition, `condition_shape`, for a conditional model.
        dims: the dimensions, along the horizontal and along the vertical axis; by default the two that change the data
            most.
        level: index of the level or group of latents, 0 at the top.
        field: the field to draw, for data of several.
        cmap: matplotlib's name of the colours of grey images.
        seed: int, for draws from a prior that is not N(0, 1).
        ax: matplotlib Axes; a new figure by default.
        **options: as for `VAE.generate`: `mode`, `length` and so on.

    Returns:
        The Axes. Series and vectors have small axes inside of it, `ax.child_axes`.

    Raises:
        ValueError: no such dimensions, other latents than vectors of real numbers, or data of which there is no
            picture.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(8, 8, 1), latent_dim=2, encoder="mlp", decoder="mlp")
    >>> ax = kv.plots.latent_grid(vae, steps=5)
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['-1.3', '-0.5', '0.0', '0.5', '1.3']
    """
    look = look_of(model, field)
    level = check_level(model, level)
    steps = positive_int((12 if look.kind == "image" else 5) if steps is None else steps, "steps")
    width = model.latents.level_shapes()[level][0]
    if dims is None and width > 2:
        given = {"condition": condition, "order": "variance", "level": level, "field": field, "seed": seed}
        walk = walk_along(model, None, None, np.linspace(-2.0, 2.0, 5), options=options, **given)
        dims = (min(walk.dims[:2]), max(walk.dims[:2]))
    across, up = check_pair((0, 1) if dims is None else dims, width)
    spread = prior_range(model, level, condition, seed)
    lines = [spread.quantiles(d, steps) if extent is None else spread.line(d, extent, steps) for d in (across, up)]
    z = np.tile(spread.centre.astype("float32"), (steps, steps, 1))
    z[..., across] = lines[0]
    z[..., up] = lines[1][::-1, None]  # upwards, as in every diagram
    given = {"condition": condition, "seed": seed, "temperature": 0.0, **options}
    decoded = values_of(look, model.generate(steps**2, fixed={level: z.reshape(-1, width)}, **given))
    values = decoded.reshape(steps, steps, *decoded.shape[1:])
    columns, rows = ([f"{value + 0.0:.1f}".replace("-0.0", "0.0") for value in line] for line in lines)
    along = (f"latent {across}", f"latent {up}")
    ax = draw_grid(values, look, limits_of(look, decoded), rows[::-1], columns, along, cmap=cmap, ax=ax)
    others = "" if width == 2 else ", others at their mean"
    describe(ax, model, level, f"Latents {across} and {up}, decoded{others}")
    return ax


def check_pair(dims: Any, width: int) -> tuple[int, int]:
    """The argument `dims`, two dimensions."""
    pair = tuple(dims) if isinstance(dims, (tuple, list, np.ndarray)) else ()
    whole = all(isinstance(dim, (int, np.integer)) and 0 <= dim < width for dim in pair)
    if len(pair) != 2 or pair[0] == pair[1] or not whole:
        raise ValueError(
            f"Argument `dims` must be two different dimensions of {width}, from 0 to {width - 1}. Received: "
            f"dims={dims!r}. With one dimension only, use kv.plots.traversals."
        )
    return int(pair[0]), int(pair[1])
