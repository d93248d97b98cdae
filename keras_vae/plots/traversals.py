"""What each latent dimension changes."""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_vae.arguments import one_of, positive_int, positive_number
from keras_vae.hints import Array, Data, Part
from keras_vae.plots.canvas import Axes, matplotlib, off_screen
from keras_vae.plots.grid import draw_grid, in_rows, line_between, mosaic
from keras_vae.plots.kl_per_dimension import kl_of_levels
from keras_vae.plots.look import Look, first_rows, limits_of, look_of, values_of
from keras_vae.plots.prior_range import check_level, describe, prior_range

__all__ = ["traversal_animation", "traversals"]

ORDERS = ("kl", "variance", "index")
MOST = 10
"""Dimensions that are shown by default."""


class Walk(NamedTuple):
    """Decoded values along dimensions, `(dimensions, steps, *shape)`, and what they are."""

    values: Array
    dims: list[int]
    notes: list[str]
    look: Look
    level: int
    reference: Array | None


def traversals(
    model: Part,
    x: Data | None = None,
    dims: Sequence[int] | None = None,
    steps: int | None = None,
    extent: float = 2.5,
    condition: Any = None,
    *,
    order: str | None = None,
    level: int = 0,
    field: str | None = None,
    cmap: str = "gray",
    seed: int | None = 0,
    ax: Axes | None = None,
    **options: Any,
) -> Axes:
    """A row for each latent dimension, which alone is changed (Higgins et al., 2017, figure 7).

    Args:
        model: the `VAE`.
        x: data, `(n, *data_shape)` or as for `VAE.encode`; the latents of the first example are changed. Without
            it, the mean of the prior is.
        dims: the dimensions, in the order of the rows; by default the first 10 by `order`.
        steps: points along each: by default 9 for images, 5 for others.
        extent: how far to go from the prior's mean, in standard deviations of the prior.
        condition: one condition, `condition_shape`, for a conditional model without x.
        order: `"kl"`, the default where there are data: by the KL of each dimension, averaged over all of x.
            `"variance"`, the default without: by the variance of the pictures along the row. Or `"index"`.
        level: index of the level or group of latents, 0 at the top.
        field: the field to draw, for data of several.
        cmap: matplotlib's name of the colours of grey images.
        seed: int, for draws from a prior that is not N(0, 1).
        ax: matplotlib Axes; a new figure by default.
        **options: as for `VAE.decode` with x, and as for `VAE.generate` without: `mode`, `length` and so on.

    Returns:
        The Axes. Series and vectors have small axes inside of it, `ax.child_axes`.

    Raises:
        ValueError: no such dimensions, other latents than vectors of real numbers, or data of which there is no
            picture.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(8, 8, 1), latent_dim=3, encoder="mlp", decoder="mlp")
    >>> ax = kv.plots.traversals(vae, dims=[2, 0], steps=5)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['2', '0']
    """
    look = look_of(model, field)
    steps = positive_int((9 if look.kind == "image" else 5) if steps is None else steps, "steps")
    offsets = np.linspace(-1.0, 1.0, steps) * positive_number(extent, "extent")
    walk = walk_along(model, x, dims, offsets, condition, order, level, field, seed, options)
    labels = [f"{offset:+.1f}" if abs(offset) > 0.05 else "0" for offset in offsets]
    limits = limits_of(walk.look, walk.reference, walk.values)
    along = ("standard deviations of the prior", "latent dimension")
    ax = draw_grid(walk.values, walk.look, limits, walk.notes, labels, along, cmap=cmap, ax=ax)
    describe(ax, model, walk.level, "One latent dimension changed in each row")
    return ax


def traversal_animation(
    model: Part,
    path: Any,
    x: Data | None = None,
    dims: Sequence[int] | None = None,
    frames: int = 30,
    extent: float = 2.5,
    condition: Any = None,
    *,
    order: str | None = None,
    level: int = 0,
    field: str | None = None,
    frames_per_second: int = 12,
    cmap: str = "gray",
    seed: int | None = 0,
    **options: Any,
) -> pathlib.Path:
    """Traversals of images as an animated GIF: one image for each dimension, which moves there and back.

    Args:
        model: the `VAE`, of images `(height, width, 1)` or `(height, width, 3)`.
        path: the file to write, a `.gif`.
        x: as for `traversals`.
        dims: as for `traversals`.
        frames: number of pictures of the animation.
        extent: as for `traversals`.
        condition: as for `traversals`.
        order: as for `traversals`.
        level: as for `traversals`.
        field: as for `traversals`.
        frames_per_second: its speed.
        cmap: matplotlib's name of the colours of grey images.
        seed: as for `traversals`.
        **options: as for `traversals`.

    Returns:
        The path.

    Raises:
        ValueError: data that are no images, a file of another type, and as for `traversals`.

    Example:

    >>> import pathlib, tempfile
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(8, 8, 1), latent_dim=3, encoder="mlp", decoder="mlp")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = kv.plots.traversal_animation(vae, pathlib.Path(folder) / "digits.gif", frames=3)
    ...     path.stat().st_size > 0
    True
    """
    path = pathlib.Path(path)
    if path.suffix.lower() != ".gif":
        raise ValueError(f"Argument `path` must be the name of a .gif file. Received: path={str(path)!r}")
    look = look_of(model, field)
    if look.kind != "image":
        raise ValueError(
            f"Argument `model`: animations are of images. Expected data of shape (height, width, 1) or (height, width, "
            f"3). Received: {look.shape}. kv.plots.traversals draws other data."
        )
    # A cosine, slow at both ends. Shifted by a quarter of a step, so that no two frames in a row are equal, which
    # writers of GIFs would join.
    turns = (np.arange(positive_int(frames, "frames")) + 0.25) / frames
    offsets = -positive_number(extent, "extent") * np.cos(2.0 * np.pi * turns)
    walk = walk_along(model, x, dims, offsets, condition, order, level, field, seed, options)
    limits = limits_of(walk.look, walk.reference, walk.values)
    shown = [in_rows(walk.values[:, step], 5) for step in range(frames)]
    matplotlib()
    from matplotlib.animation import FuncAnimation, PillowWriter

    with off_screen():
        ax = draw_grid(shown[0], look, limits, cmap=cmap)
    names = ", ".join(map(str, walk.dims))
    ax.set_xlabel(f"latents {names}, in reading order", fontsize=8)

    def draw_frame(step: int) -> list[Any]:
        ax.images[0].set_data(mosaic(shown[step], limits, line_between(shown[step])))
        ax.set_title(f"{offsets[step]:+.2f} standard deviations of the prior", fontsize=9)
        return [ax.images[0]]

    animation = FuncAnimation(ax.figure, draw_frame, frames=frames, init_func=lambda: [ax.images[0]])
    animation.save(path, writer=PillowWriter(fps=positive_int(frames_per_second, "frames_per_second")))
    return path


def walk_along(
    model: Part,
    x: Data | None,
    dims: Sequence[int] | None,
    offsets: Array,
    condition: Any,
    order: str | None,
    level: int,
    field: str | None,
    seed: int | None,
    options: dict[str, Any],
) -> Walk:
    """Decodes points along latent dimensions, `offsets` standard deviations from the prior's mean."""
    look = look_of(model, field)
    level = check_level(model, level)
    by_kl = x is not None and model.latents.has_density
    order = one_of(order or ("kl" if by_kl else "variance"), ORDERS, "order")
    if order == "kl" and x is None:
        raise ValueError(
            "Argument `order`: the KL of a dimension is a mean over data. Expected x too. Received: order='kl', x=None."
        )
    width = model.latents.level_shapes()[level][0]
    kl = None
    if x is not None and dims is None and order == "kl":
        own = kl_of_levels(model, first_rows(model, x, None))[level]
        kl = own if own.shape == (width,) else None
        order = order if kl is not None else "variance"
    chosen = check_dims(dims, width)
    if dims is None and order == "kl":
        assert kl is not None
        chosen = [int(dim) for dim in np.argsort(-kl, kind="stable")[:MOST]]
    elif dims is None and order == "index":
        chosen = chosen[:MOST]
    values, reference = decode_along(model, x, chosen, offsets, condition, level, look, seed, options)
    if dims is None and order == "variance":
        spread = np.nanmean(values.var(axis=1), axis=tuple(range(1, values.ndim - 1)))
        best = np.argsort(-spread, kind="stable")[:MOST]
        chosen, values = [chosen[index] for index in best], values[best]
    notes = [str(dim) if kl is None else f"{dim}  ({kl[dim]:.2f} nats)" for dim in chosen]
    return Walk(values, chosen, notes, look, level, reference)


def decode_along(
    model: Part,
    x: Data | None,
    dims: list[int],
    offsets: Array,
    condition: Any,
    level: int,
    look: Look,
    seed: int | None,
    options: dict[str, Any],
) -> tuple[Array, Array | None]:
    """Decoded points, `(dimensions, steps, *shape)`, and the example that they are changes of."""
    given = {} if x is None else first_rows(model, x, 1)
    if given.get("condition") is not None:
        condition = given["condition"][0]
    spread = prior_range(model, level, condition, seed)
    points = np.stack([spread.centre[dim] + spread.scale[dim] * offsets for dim in dims])
    count = points.size

    def changed(base: Array) -> Array:
        z = np.tile(np.asarray(base, "float32"), (len(dims), len(offsets), 1))
        for row, dim in enumerate(dims):
            z[row, :, dim] = points[row]
        return z.reshape(count, -1)

    reference = None
    if x is None:
        fixed = {level: changed(spread.centre)}
        options = {"temperature": 0.0, "seed": seed, **options}
        decoded = model.generate(count, condition, fixed=fixed, **options)
    else:
        reference = values_of(look, given["x"], given.get("mask"))
        encoded = model.encode(given)
        encoded = encoded if isinstance(encoded, tuple) else (encoded,)
        z = [np.repeat(one, count, axis=0) for one in encoded]
        z[level] = changed(encoded[level][0])
        if None in look.shape and look.field is None:
            options = {"length": reference.shape[1], **options}
        decoded = model.decode(tuple(z), condition, seed=seed, **options)
    values = values_of(look, decoded)
    return values.reshape(len(dims), len(offsets), *values.shape[1:]), reference


def check_dims(dims: Any, width: int) -> list[int]:
    """The argument `dims`; all of them for None."""
    if dims is None:
        return list(range(width))
    listed = list(np.atleast_1d(np.asarray(dims)))
    if not listed or not all(isinstance(dim, np.integer) and 0 <= dim < width for dim in listed):
        raise ValueError(
            f"Argument `dims` must hold dimensions of the latents, from 0 to {width - 1}. Received: dims={dims!r:.100}"
        )
    return [int(dim) for dim in listed]
