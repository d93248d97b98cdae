"""log p(x, z) as a function of z."""

import functools
from typing import Any

from keras import ops

from keras_vae.backend import gradient
from keras_vae.hints import Tensor
from keras_vae.objectives.terms import Terms

__all__ = ["LogJoint", "require_one_real_level"]


def require_one_real_level(name: str, spec: dict[str, Any]) -> tuple[int, ...]:
    """The shape of the latents, where these are one level of real numbers.

    Args:
        name: of the objective, for the error.
        spec: as in `Objective.build`.

    Raises:
        ValueError: other latents.
    """
    latents, shapes = spec["components"].latents, [tuple(shape) for shape in spec["latent_shapes"]]
    spaces = [prior.latent_space for prior, _ in latents.pairs]
    if len(shapes) != 1 or None in shapes[0] or latents.has_time_axis or spaces[0] not in ("reals", None):
        raise ValueError(
            f"The objective {name!r} moves latents along gradients, and needs one level of real numbers. Received: "
            f"{type(latents).__name__} with latents of the shapes {shapes} on the spaces {spaces}. Use "
            "latents='single' with a prior and a posterior of real numbers, or another objective."
        )
    return shapes[0]


class LogJoint:
    """log p(x, z) = log p(x | z) + log p(z) for other z than the draws, with its gradient.

    Args:
        terms: the terms of a batch, of one level of latents.
    """

    def __init__(self, terms: Terms) -> None:
        (self.level,) = terms.levels  # before any gradient: what the terms keep must not be made inside of one
        self.terms = terms

    def __call__(self, z: Tensor) -> Tensor:
        """In nats, `(batch, samples)`.

        Args:
            z: `(batch, *latent)`, or `(samples, batch, *latent)`, as the level's draw.
        """
        rows = ops.reshape(z, (-1, *z.shape[len(z.shape) - self.event_ndims :]))
        return self.terms.log_likelihood_of(rows) + self.by_example(self.level.prior.log_prob(z))

    @functools.cached_property
    def event_ndims(self) -> int:
        """Number of axes of one example's latents."""
        return len(self.level.z.shape) - (1 if self.terms.num_samples == 1 else 2)

    @functools.cached_property
    def log_q(self) -> Tensor:
        """log q(z | x) at the draws, `(batch, samples)`."""
        level = self.level
        return self.by_example(level.posterior.log_prob(level.z) if level.log_q is None else level.log_q)

    def gradient(self, z: Tensor) -> Tensor:
        """d log p(x, z) / dz of every row, of the shape of z; it can be differentiated again.

        Args:
            z: as for a call.
        """
        return gradient(self, z)

    def by_example(self, values: Tensor) -> Tensor:
        """Values `(batch,)` or `(samples, batch)` as `(batch, samples)`."""
        return ops.expand_dims(values, 1) if self.terms.num_samples == 1 else ops.transpose(values)

    def sum_over_event(self, values: Tensor) -> Tensor:
        """Values like z, summed over each example's latents, `(batch, samples)`."""
        return self.by_example(ops.sum(values, axis=tuple(range(-self.event_ndims, 0))))
