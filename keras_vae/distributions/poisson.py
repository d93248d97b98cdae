"""Counts without a largest value."""

import dataclasses

import keras
from keras import ops

from keras_vae.distributions.compatibility import is_one
from keras_vae.distributions.distribution import Distribution, Independent
from keras_vae.distributions.draws import draw_poisson, repeated
from keras_vae.distributions.gamma_functions import log_poisson
from keras_vae.distributions.kl_divergence import register_kl_divergence
from keras_vae.distributions.tempered import Tempered
from keras_vae.hints import Seed, Tensor

__all__ = ["LOG_RATE_RANGE", "Poisson"]

LOG_RATE_RANGE = (-20.0, 16.0)
"""Log rates are clipped to this range: whole numbers above exp(16) are no longer exact in float32."""


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class Poisson(Independent):
    """Independent counts. A temperature pulls a draw towards the mode, in proportion, and rounds it: see `Tempered`.

    Args:
        log_rate: log of the mean, `(..., *event)`; clipped to `LOG_RATE_RANGE`.
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Poisson
    >>> float(Poisson(np.zeros((1, 1))).log_prob(np.zeros((1, 1)))[0])
    -1.0
    """

    log_rate: Tensor

    def __post_init__(self) -> None:
        log_rate = ops.cast(ops.convert_to_tensor(self.log_rate), "float32")
        self._set(log_rate=ops.clip(log_rate, *LOG_RATE_RANGE))

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        return log_poisson(value, self.mean())

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        return draw_poisson(repeated(self.mean(), num_samples), seed)

    def tempered(self, temperature: Tensor | float) -> Distribution:
        return self if is_one(temperature) else Tempered.towards(self, self.mode, temperature, whole_numbers=True)

    def mean(self) -> Tensor:
        return ops.exp(self.log_rate)

    def mode(self) -> Tensor:
        return ops.floor(self.mean())

    def variance(self) -> Tensor:
        return self.mean()


@register_kl_divergence(Poisson, Poisson)
def _kl_poisson(q: Poisson, p: Poisson) -> Tensor:
    # expm1(d) - d keeps the small differences that exp(d) - 1 - d would round away
    difference = p.log_rate - q.log_rate
    return q.mean() * (ops.expm1(difference) - difference)
