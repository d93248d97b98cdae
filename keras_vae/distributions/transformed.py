"""A distribution pushed through an invertible map."""

import dataclasses
import math
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
        forward: function z -> `(f(z), log_det)`, the log determinant `(...)` of the map at z `(..., *event)`;
            there may be an axis of samples in front of the batch.
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
            context: `(batch, width)`, handed to each; with samples in front of the batch, the steps see
                the rows of all of them, each beside its own context.
        """

        def forward(rows: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
            total = ops.zeros_like(rows[..., 0])
            for step in steps:
                rows, log_det = step(rows, context)
                total = total + log_det
            return rows, total

        def inverse(rows: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
            rows = ops.cast(rows, "float32")
            total = ops.zeros_like(rows[..., 0])
            for step in reversed(steps):
                rows, log_det = step.inverse(rows, context)
                total = total + log_det
            return rows, total

        return cls(base, lambda z: in_rows(forward, z, context), lambda z: in_rows(inverse, z, context))

    def log_prob(self, value: Tensor) -> Tensor:
        z, log_det = self.inverse(value)
        return self.base.log_prob(z) - log_det

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        return self.forward(self.base.sample(seed, num_samples=num_samples))[0]

    def tempered(self, temperature: Tensor | float) -> Self:
        """The image of the base at a temperature, by the same map."""
        return self._changed(base=self.base.tempered(temperature))

    def sample_and_log_prob(self, seed: Seed = None, num_samples: int | None = None) -> tuple[Tensor, Tensor]:
        z, log_prob = self.base.sample_and_log_prob(seed, num_samples=num_samples)
        value, log_det = self.forward(z)
        return value, log_prob - log_det

    def mean(self) -> Tensor:
        """The image of the base's mean: a central point, and not the expected value, which has no closed form."""
        return self.forward(self.base.mean())[0]

    def tensors(self) -> dict[str, Tensor]:
        raise NotImplementedError("A flow's value has no parameters of its own: it cannot be taken apart and rebuilt.")


def in_rows(function: Callable, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
    """A function of rows `(n, width)` and their contexts, applied to `z (..., batch, width)`.

    >>> from keras import ops
    >>> from keras_vae.distributions.transformed import in_rows
    >>> z, context = ops.zeros((5, 3, 2)), ops.ones((3, 4))
    >>> moved, log_det = in_rows(lambda rows, of_row: (rows + of_row[:, :2], rows[:, 0]), z, context)
    >>> tuple(moved.shape), tuple(log_det.shape)
    ((5, 3, 2), (5, 3))
    """
    if len(z.shape) <= 2:
        return function(z, context)
    leading, width = ops.shape(z)[:-1], z.shape[-1]
    if context is not None:
        # a reshape by -1 cannot be made of a context without columns
        count = math.prod(leading) if all(isinstance(size, int) for size in leading) else ops.prod(leading)
        repeated = ops.broadcast_to(context, (*leading, context.shape[-1]))
        context = ops.reshape(repeated, (count, context.shape[-1]))
    rows, log_det = function(ops.reshape(z, (-1, width)), context)
    return ops.reshape(rows, (*leading, width)), ops.reshape(log_det, leading)
