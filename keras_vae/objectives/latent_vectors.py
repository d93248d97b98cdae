"""The latents of all levels as one vector for each draw."""

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_vae.hints import Tensor

__all__ = ["latent_vectors", "width_of_latents"]


def latent_vectors(z: Sequence[Tensor]) -> Tensor:
    """Draws of all levels, flattened and concatenated: `(batch * samples, width)`, draws of an example adjacent.

    Args:
        z: for each level `(batch, samples, *latent)`, as `terms.z`.

    >>> import numpy as np
    >>> tuple(latent_vectors([np.zeros((3, 2, 4)), np.zeros((3, 2, 5, 1))]).shape)
    (6, 9)
    """
    vectors = [ops.reshape(level, (-1, math.prod(level.shape[2:]))) for level in z]
    return vectors[0] if len(vectors) == 1 else ops.concatenate(vectors, axis=1)


def width_of_latents(spec: dict[str, Any], name: str) -> int:
    """The width of `latent_vectors`.

    Args:
        spec: see `keras_vae.objectives.Objective.build`.
        name: name of the objective.

    Raises:
        ValueError: latents of unknown length.

    >>> width_of_latents({"latent_shapes": [(4,), (5, 1)]}, "mine")
    9
    """
    shapes = spec["latent_shapes"]
    if any(None in shape for shape in shapes):
        raise ValueError(
            f"The objective {name!r} concatenates the latents, so their shapes must be known. Received: latents of the "
            f"shapes {list(shapes)}. Use latents without a time axis."
        )
    return sum(math.prod(shape) for shape in shapes)
