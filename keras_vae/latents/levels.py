"""What structures of several levels or groups share."""

import numbers
from typing import Any

from keras import ops

from keras_vae.backend import StepSeed
from keras_vae.hints import Part, Seed, Shape, Tensor

__all__ = ["check_latent_shape", "features_of", "is_several", "seed_of_levels", "tile_rows"]


def seed_of_levels(seed: Seed) -> Seed:
    """A seed with different noise for every level, also for an int."""
    return StepSeed(StepSeed.key(seed), 0) if isinstance(seed, numbers.Integral) else seed


def is_several(features: Any) -> bool:
    """Whether an encoder's features, or their shapes, are a list with one for each level."""
    return isinstance(features, (list, tuple)) and not all(axis is None or isinstance(axis, int) for axis in features)


def features_of(features: Any, index: int) -> Any:
    """Features of one level, or their shape: its own, or those shared by all levels."""
    return features[index] if is_several(features) else features


def tile_rows(tensor: Tensor, samples: int) -> Tensor:
    """Rows `(batch, ...)` repeated for every sample: `(samples * batch, ...)`, samples first."""
    if tensor.shape[0] == 1:  # as in importance sampling: on torch no copy is made
        return ops.broadcast_to(tensor, (samples, *ops.shape(tensor)[1:]))
    return ops.tile(tensor, (samples, *([1] * (len(tensor.shape) - 1))))


def check_latent_shape(name: str, component: Part, latent_shape: Shape) -> None:
    """Refuse a component that was built for other latents."""
    if tuple(component.latent_shape) != tuple(latent_shape):
        raise ValueError(
            f"The {name} {type(component).__name__} was built for latents of shape {tuple(component.latent_shape)}. "
            f"Expected {tuple(latent_shape)}. Pass a {name} that has not been built."
        )
