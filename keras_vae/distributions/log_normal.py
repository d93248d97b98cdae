"""Positive numbers, whose logarithms are Gaussian."""

import dataclasses
import math
from typing import Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.draws import at_least, log_temperature, with_samples
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.distributions.kl_divergence import kl_divergence_per_dimension, register_kl_divergence
from keras_vae.hints import Seed, Tensor

__all__ = ["LogNormal"]

LOC_RANGE = (-30.0, 30.0)
LOG_VAR_RANGE = (-20.0, 3.0)


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class LogNormal(Independent):
    """exp of a Gaussian with independent elements.

    A temperature raises the density to the power 1 / temperature^2, as it does for a Gaussian: towards 0
    draws gather at the mode, which lies below the median.

    Args:
        loc: mean of the logarithm, `(..., *event)`; clipped to (-30, 30).
        log_var: log variance of the logarithm, broadcastable to `loc`; clipped to (-20, 3).
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import LogNormal
    >>> round(float(LogNormal(np.zeros((1, 1)), np.zeros((1, 1))).log_prob(np.ones((1, 1)))[0]), 4)
    -0.9189
    """

    loc: Tensor
    log_var: Tensor

    def __post_init__(self) -> None:
        loc, log_var = (ops.cast(ops.convert_to_tensor(value), "float32") for value in (self.loc, self.log_var))
        self._set(loc=ops.clip(loc, *LOC_RANGE), log_var=ops.clip(log_var, *LOG_VAR_RANGE))

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        logarithm = ops.log(value)
        squared = ops.square(logarithm - self.loc) * ops.exp(-self.log_var)
        return -0.5 * (math.log(2 * math.pi) + self.log_var + squared) - logarithm

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        shape = with_samples(ops.shape(self.loc + self.log_var), num_samples)
        noise = keras.random.normal(shape, dtype="float32", seed=seed)
        return ops.exp(self.loc + ops.exp(0.5 * self.log_var) * noise)

    def tempered(self, temperature: Tensor | float) -> Self:
        shift = (ops.square(at_least(temperature, 0.0)) - 1.0) * ops.exp(self.log_var)
        return self._changed(loc=self.loc + shift, log_var=self.log_var + 2.0 * log_temperature(temperature))

    def filler(self) -> Tensor:
        return ops.ones((), dtype="float32")

    def mean(self) -> Tensor:
        return ops.exp(self.loc + 0.5 * ops.exp(self.log_var))

    def mode(self) -> Tensor:
        return ops.exp(self.loc - ops.exp(self.log_var))

    def variance(self) -> Tensor:
        variance = ops.exp(self.log_var)
        return ops.expm1(variance) * ops.exp(2.0 * self.loc + variance)


@register_kl_divergence(LogNormal, LogNormal)
def _kl_log_normal(q: LogNormal, p: LogNormal) -> Tensor:
    return kl_divergence_per_dimension(Gaussian(q.loc, q.log_var), Gaussian(p.loc, p.log_var))
