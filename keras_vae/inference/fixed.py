"""Latents that the user gives, in place of draws from the prior."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from keras_vae.hints import Array, Part

__all__ = ["check_not_fixed", "fixed_latents"]

SPACES = {
    "one_hot": "probabilities that sum to 1",
    "sphere": "unit vectors",
    "ball": "points of the ball, shorter than 1 / sqrt(curvature)",
}
"""What the latents of a space look like."""


def fixed_latents(model: Part, fixed: Mapping[int, Any] | None, n: int, steps: int | None) -> dict[str, Array]:
    """The argument `fixed` as inputs: arrays `(n, *latent)` by name.

    Raises:
        ValueError: an unknown level, or a value of another shape.
    """
    shapes = model.latents.level_shapes()
    given: dict[str, Array] = {}
    if fixed is not None and not isinstance(fixed, Mapping):
        raise ValueError(
            "Argument `fixed` must be a dict from the index of a level or group to its value. Expected, for example, "
            f"{{0: 3}}. Received: fixed={fixed!r:.200}"
        )
    for index, value in (fixed or {}).items():
        if isinstance(index, bool) or not isinstance(index, numbers.Integral) or index not in range(len(shapes)):
            raise ValueError(
                f"Argument `fixed`: the model has the levels or groups 0 to {len(shapes) - 1}. Received: {index!r}"
            )
        shape: Any = tuple(steps if axis is None else axis for axis in shapes[index])
        array = np.asarray(ops.convert_to_numpy(value))
        prior = model.latents.pairs[index][0]
        space = prior.latent_space
        if space == "one_hot" and array.dtype.kind in "iu" and array.ndim < 2 and len(shape) == 2 and shape[0] == 1:
            if array.size and not (array.min() >= 0 and array.max() < shape[1]):
                raise ValueError(
                    f"Argument `fixed`: group {index} has the categories 0 to {shape[1] - 1}. Received: {value!r}"
                )
            array = np.eye(shape[1], dtype="float32")[array].reshape(*array.shape, *shape)
        if array.dtype.kind not in "fiub" or not np.isfinite(array.astype("float64")).all():
            raise ValueError(f"Argument `fixed`: level {index} must hold finite numbers. Received: {value!r:.80}")
        if array.shape not in (shape, (n, *shape)):
            raise ValueError(
                f"Argument `fixed`: level {index} must be of shape {shape}, or {(n, *shape)}. Received: shape "
                f"{array.shape}."
            )
        if not in_space(array.astype("float64"), space, getattr(prior, "curvature", 1.0)):
            expected = SPACES[space]
            raise ValueError(
                f"Argument `fixed`: level {index} must hold values that its prior can draw. Expected {expected}, on "
                f"the last axis. Received: {value!r:.80}"
            )
        given[f"fixed_{index}"] = np.broadcast_to(array.astype("float32"), (n, *shape)).copy()
    return given


def in_space(latents: Array, space: str | None, curvature: float = 1.0) -> bool:
    """Whether latents `(..., width)` lie where a prior lives; probabilities are between one-hot vectors.

    >>> in_space(np.array([0.0, 2.0]), "one_hot"), in_space(np.array([0.6, 0.8]), "sphere")
    (False, True)
    """
    if space == "one_hot":
        return bool((latents >= 0).all() and np.allclose(latents.sum(axis=-1), 1.0, atol=1e-3))
    if space == "ball":
        return bool((curvature * np.square(latents).sum(axis=-1) < 1.0).all())
    return space != "sphere" or bool(np.allclose(np.square(latents).sum(axis=-1), 1.0, atol=1e-3))


def check_not_fixed(fixed: Mapping[int, Any] | None, drawn: dict[int, Array], by: str) -> None:
    """Refuse to fix a level that a sampler, or a component of the prior, draws.

    Args:
        fixed: the argument.
        drawn: latents by the index of their level.
        by: what draws them, for the error.

    Raises:
        ValueError: there is such a level.
    """
    if fixed is not None and (not isinstance(fixed, Mapping) or set(fixed) & set(drawn)):
        raise ValueError(
            f"Argument `fixed`: {by} {sorted(drawn)}, so none of them can be fixed. Received: fixed={fixed!r:.80}. "
            "Leave one of the two arguments out."
        )
