"""Paths between examples."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from keras import ops

from keras_vae.arguments import one_of, positive_int
from keras_vae.data.rows import fits
from keras_vae.distributions.poincare_ball import geodesic
from keras_vae.hints import Array, Part, Tensor
from keras_vae.inference.decode import decode
from keras_vae.inference.encode import encode

__all__ = ["interpolate"]


def interpolate(
    model: Part,
    a: Array,
    b: Array,
    steps: int = 8,
    condition: Tensor | None = None,
    path: str = "linear",
    *,
    condition_mask: Tensor | None = None,
    exposure: Tensor | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> Array:
    """Decoded points on a path from the latents of `a` to those of `b`: `(n, steps, *data_shape)`.

    Args:
        model: the `VAE`.
        a: `(n, *data_shape)`, or one example, for a result `(steps, *data_shape)`.
        b: like `a`.
        steps: number of points, both ends included.
        condition: `(n, *condition_shape)` for a conditional model.
        path: `"linear"`; `"spherical"`, which preserves the norms that are typical of a Gaussian prior; or
            `"geodesic"`, the shortest path in the space of the latents: an arc on the sphere and on the Poincaré ball,
            a straight line otherwise.
        condition_mask: boolean `(n, length)`, True at valid steps, for conditions of unequal lengths.
        exposure: `(n,)`, size factors, for a likelihood created with `exposure=True`.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Raises:
        ValueError: arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.interpolate(np.zeros((3, 4)), np.ones((3, 4)), steps=5).shape
    (3, 5, 4)
    """
    positive_int(steps, "steps")
    one_of(path, ("linear", "spherical", "geodesic"), "path")
    if isinstance(model.data_shape, dict):
        raise ValueError("interpolate supports one field only. Encode both ends, and decode points between them.")
    if any(isinstance(end, dict) or (isinstance(end, (list, tuple)) and len(end) == 2) for end in (a, b)):
        raise ValueError(
            "Arguments `a` and `b` must be arrays of data. Received: lists or dicts. Pass the condition of both as "
            "condition=..., (n, *condition_shape)."
        )
    a, b = np.asarray(ops.convert_to_numpy(a)), np.asarray(ops.convert_to_numpy(b))
    if a.shape != b.shape:
        raise ValueError(f"Arguments `a` and `b` must have the same shape. Received: {a.shape} and {b.shape}")
    single = fits(a.shape, model.data_shape)
    a, b = (a[None], b[None]) if single else (a, b)
    beside = {"condition": condition, "condition_mask": condition_mask, "exposure": exposure}
    given = {name: np.asarray(ops.convert_to_numpy(array)) for name, array in beside.items() if array is not None}
    if single:
        given = {name: array[None] if name != "exposure" or not array.ndim else array for name, array in given.items()}
    for name, end in (("a", a), ("b", b)):
        model.checks.check({"x": end, **given}, name)
    ends = []
    for end in (a, b):
        z = encode(model, {"x": end, **given}, batch_size=batch_size, verbose=verbose)
        ends.append(z if isinstance(z, tuple) else (z,))
    z = tuple(
        np.concatenate(list(path_in(prior, start, stop, steps, path)))
        for (prior, *_), start, stop in zip(model.latents.pairs, *ends, strict=True)
    )
    repeated: dict[str, Any] = {name: np.repeat(array, steps, axis=0) for name, array in given.items()}
    length = a.shape[1] if model.data_shape[0] is None else None
    decoded = decode(model, z, length=length, batch_size=batch_size, verbose=verbose, **repeated)
    decoded = decoded.reshape(len(a), steps, *decoded.shape[1:])
    return decoded[0] if single else decoded


def path_in(prior: Part, start: Array, stop: Array, steps: int, path: str) -> Iterator[Array]:
    """The points on a path as `path_between` gives them; a geodesic is that of the space where the prior lives."""
    if path != "geodesic":
        return path_between(start, stop, steps, path)
    if prior.latent_space != "ball":
        return path_between(start, stop, steps, "spherical" if prior.latent_space == "sphere" else "linear")
    shares = np.linspace(0.0, 1.0, steps, dtype="float32")[:, None, None]
    points = ops.convert_to_numpy(geodesic(start[None], stop[None], shares, prior.curvature))
    return iter(np.moveaxis(points, 1, 0))


def path_between(start: Array, stop: Array, steps: int, path: str) -> Iterator[Array]:
    """For every row the points between two latents, `(steps, *latent)`."""
    weights = np.linspace(0.0, 1.0, steps, dtype="float32").reshape(-1, *([1] * (start.ndim - 1)))
    for a, b in zip(start, stop, strict=True):
        norms = np.linalg.norm(a) * np.linalg.norm(b)
        angle = np.arccos(np.clip(np.sum(a * b) / norms, -1.0, 1.0)) if path == "spherical" and norms else 0.0
        if angle < 1e-4 or angle > np.pi - 1e-4:
            yield (1.0 - weights) * a + weights * b
        else:
            yield (np.sin((1.0 - weights) * angle) * a + np.sin(weights * angle) * b) / np.sin(angle)
