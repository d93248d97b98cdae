"""A distribution pushed through an invertible map."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import ClassVar, Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Seed, Tensor

__all__ = ["Transformed"]


@dataclasses.dataclass(frozen=True, eq=False)
class Transformed(Distribution):
    """The distribution of `forward(z)` for z from a base distribution: a normalising flow.

    log p(f(z)) = log p_base(z) - log |det df/dz| (Rezende and Mohamed, 2015, equation 5).

    The maps belong to layers that own their weights, so a value of this kind cannot be saved in a config.

    Args:
        base: distribution value of z.
        forward: function z -> `(f(z), log_det)`, the log determinant `(batch,)` of the map at z.
        inverse: function y -> `(z, log_det)`, the log determinant of the *forward* map at z.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_vae.distributions import Gaussian, Transformed
    >>> base = Gaussian(np.zeros((1, 1)), np.zeros((1, 1)))
    >>> log_2 = ops.log(ops.full((1,), 2.0))
    >>> doubled = Transformed(base, lambda z: (2 * z, log_2), lambda y: (y / 2, log_2))
    >>> round(float(doubled.log_prob(np.zeros((1, 1), "float32"))[0]), 4)
    -1.6121
    """

    samples_with_log_prob: ClassVar[bool] = True
    has_tensors: ClassVar[bool] = False

    base: Distribution
    forward: Callable
    inverse: Callable

    @classmethod
    def through(cls, base: Distribution, steps: Sequence[keras.layers.Layer], context: Tensor) -> Self:
        """The flow through invertible layers: each has `step(z, context)` and `step.inverse(y, context)`.

        Both return the other side and the log determinant of the forward map.

        Args:
            base: distribution value of z.
            steps: the layers, in order.
            context: `(batch, width)`, handed to each.
        """

        def forward(z: Tensor) -> tuple[Tensor, Tensor]:
            total = ops.zeros_like(z[..., 0])
            for step in steps:
                z, log_det = step(z, context)
                total = total + log_det
            return z, total

        def inverse(z: Tensor) -> tuple[Tensor, Tensor]:
            z = ops.cast(z, "float32")
            total = ops.zeros_like(z[..., 0])
            for step in reversed(steps):
                z, log_det = step.inverse(z, context)
                total = total + log_det
            return z, total

        return cls(base, forward, inverse)

    def log_prob(self, value: Tensor) -> Tensor:
        z, log_det = self.inverse(value)
        return self.base.log_prob(z) - log_det

    def sample(self, seed: Seed = None, temperature: float = 1.0) -> Tensor:
        return self.forward(self.base.sample(seed, temperature=temperature))[0]

    def sample_and_log_prob(self, seed: Seed = None) -> tuple[Tensor, Tensor]:
        z, log_prob = self.base.sample_and_log_prob(seed)
        value, log_det = self.forward(z)
        return value, log_prob - log_det

    def mean(self) -> Tensor:
        """The image of the base's mean: a central point, and not the expected value, which has no closed form."""
        return self.forward(self.base.mean())[0]

    def tensors(self) -> dict[str, Tensor]:
        raise NotImplementedError("A flow's value has no parameters of its own: it cannot be taken apart and rebuilt.")
