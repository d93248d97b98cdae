"""Diagonal Gaussian, parametrised by mean and log variance."""

import dataclasses
import math
from typing import Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.draws import log_temperature, with_samples
from keras_vae.distributions.kl_divergence import register_kl_divergence
from keras_vae.hints import Seed, Tensor

__all__ = ["LOG_VAR_RANGE", "Gaussian"]

LOG_VAR_RANGE = (-20.0, 15.0)
"""Log variances are clipped to this range: exp(15) squared stays finite in float32, and a draw at
exp(15 / 2), about 1800 standard units, stays finite in float16 (65504). The density, the KL and the
sample all see the clipped value, so they remain one and the same distribution."""


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class Gaussian(Independent):
    """Gaussian with independent elements. A temperature multiplies the scale.

    Args:
        loc: mean, `(..., *event)`.
        log_var: log variance, broadcastable to `loc`; clipped to `LOG_VAR_RANGE`.
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Gaussian
    >>> q = Gaussian(np.zeros((2, 3)), np.zeros((2, 3)))
    >>> [round(float(value), 4) for value in q.log_prob(np.zeros((2, 3)))]
    [-2.7568, -2.7568]
    """

    loc: Tensor
    log_var: Tensor

    def __post_init__(self) -> None:
        loc = ops.cast(ops.convert_to_tensor(self.loc), "float32")
        log_var = ops.cast(ops.convert_to_tensor(self.log_var), "float32")
        self._set(loc=loc, log_var=ops.clip(log_var, *LOG_VAR_RANGE))

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        squared = ops.square(value - self.loc) * ops.exp(-self.log_var)
        return -0.5 * (math.log(2 * math.pi) + self.log_var + squared)

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        shape = with_samples(ops.shape(self.loc + self.log_var), num_samples)
        noise = keras.random.normal(shape, dtype="float32", seed=seed)
        return self.loc + ops.exp(0.5 * self.log_var) * noise

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(log_var=self.log_var + 2.0 * log_temperature(temperature))

    def mean(self) -> Tensor:
        return self.loc + ops.zeros_like(self.log_var)

    def mode(self) -> Tensor:
        return self.mean()

    def variance(self) -> Tensor:
        return ops.exp(self.log_var) + ops.zeros_like(self.loc)


@register_kl_divergence(Gaussian, Gaussian)
def _kl_gaussian_gaussian(q: Gaussian, p: Gaussian) -> Tensor:
    # expm1(d) - d keeps the small differences that exp(d) - 1 - d would round away, and is 0 at q = p.
    difference = q.log_var - p.log_var
    squared = ops.square(q.loc - p.loc) * ops.exp(-p.log_var)
    return 0.5 * (ops.expm1(difference) - difference + squared)
