"""Proportions: numbers between 0 and 1, the ends excluded."""

import dataclasses
from typing import Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.draws import at_least, draw_log_gamma, repeated, several
from keras_vae.distributions.gamma_functions import log_beta
from keras_vae.hints import Seed, Tensor

__all__ = ["Beta"]

LOG_SHAPE_RANGE = (-7.0, 9.0)
NEAREST = 1e-7
"""Draws and modes keep this distance from the ends, where the density of shapes below one is infinite."""


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class Beta(Independent):
    """density proportional to x^(alpha - 1) (1 - x)^(beta - 1) on (0, 1).

    A temperature divides alpha - 1 and beta - 1, as far as both stay positive: towards 0 draws gather at
    the mode.

    Args:
        log_alpha: log of alpha, `(..., *event)`; clipped to (-7, 9), as that of beta is.
        log_beta: log of beta, likewise.
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Beta
    >>> p = Beta(np.log(np.full((1, 1), 2.0)), np.zeros((1, 1)))
    >>> round(float(np.exp(p.log_prob(np.full((1, 1), 0.25)))[0]), 4)
    0.5
    """

    log_alpha: Tensor
    log_beta: Tensor

    def __post_init__(self) -> None:
        tensors = (ops.cast(ops.convert_to_tensor(value), "float32") for value in (self.log_alpha, self.log_beta))
        alpha, beta = (ops.clip(value, *LOG_SHAPE_RANGE) for value in tensors)
        self._set(log_alpha=alpha, log_beta=beta)

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        alpha, beta = ops.exp(self.log_alpha), ops.exp(self.log_beta)
        return (alpha - 1.0) * ops.log(value) + (beta - 1.0) * ops.log1p(-value) - log_beta(alpha, beta)

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        seed = several(seed)
        # rounded as the draws of version 0.1 were, which a seed is to give again
        alpha, beta = ((ops.exp(value) - 1.0) + 1.0 for value in (self.log_alpha, self.log_beta))
        alpha, beta = (ops.clip(value, 1e-3, 1e7) for value in (alpha, beta))
        zeros = ops.zeros_like(repeated(alpha + beta, num_samples))
        log_odds = draw_log_gamma(alpha + zeros, seed) - draw_log_gamma(beta + zeros, seed)
        return ops.clip(ops.sigmoid(log_odds), NEAREST, 1.0 - NEAREST)

    def tempered(self, temperature: Tensor | float) -> Self:
        temperature = at_least(temperature, 1e-4)

        def cool(log_shape: Tensor) -> Tensor:
            colder = ops.log(ops.clip((ops.exp(log_shape) - 1.0) / temperature + 1.0, 1e-3, 1e7))
            return ops.where(temperature == 1.0, log_shape, colder)

        return self._changed(log_alpha=cool(self.log_alpha), log_beta=cool(self.log_beta))

    def filler(self) -> Tensor:
        return 0.5 * ops.ones((), dtype="float32")

    def mean(self) -> Tensor:
        return ops.sigmoid(self.log_alpha - self.log_beta)

    def mode(self) -> Tensor:
        """Where the density is largest: next to an end where alpha or beta are below one."""
        alpha, beta = ops.exp(self.log_alpha), ops.exp(self.log_beta)
        inside = (alpha - 1.0) / ops.maximum(alpha + beta - 2.0, 1e-6)
        end = ops.cast(alpha > beta, "float32")
        mode = ops.where(ops.logical_and(alpha > 1.0, beta > 1.0), inside, end)
        return ops.clip(mode, NEAREST, 1.0 - NEAREST)

    def variance(self) -> Tensor:
        total = ops.exp(self.log_alpha) + ops.exp(self.log_beta)
        return self.mean() * ops.sigmoid(self.log_beta - self.log_alpha) / (total + 1.0)
