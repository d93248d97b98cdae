"""Counts that vary more than a Poisson's."""

import dataclasses

import keras
from keras import ops

from keras_vae.distributions.compatibility import is_one
from keras_vae.distributions.distribution import Distribution, Independent
from keras_vae.distributions.draws import draw_log_gamma, draw_poisson, repeated, several
from keras_vae.distributions.gamma_functions import log_negative_binomial
from keras_vae.distributions.poisson import LOG_RATE_RANGE
from keras_vae.distributions.tempered import Tempered
from keras_vae.hints import Seed, Tensor

__all__ = ["LOG_INVERSE_DISPERSION_RANGE", "NegativeBinomial"]

LOG_INVERSE_DISPERSION_RANGE = (-10.0, 10.0)


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class NegativeBinomial(Independent):
    """Independent counts with variance mean + mean^2 / r: Poisson counts whose rate is drawn from a Gamma.

    r, the inverse dispersion, is scvi-tools' theta (Lopez et al., 2018). A temperature pulls a draw towards
    the mode, in proportion, and rounds it.

    Args:
        log_mean: log of the mean, `(..., *event)`; clipped to (-20, 16).
        log_inverse_dispersion: log r, broadcastable to `log_mean`; clipped to (-10, 10).
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import NegativeBinomial
    >>> round(float(np.exp(NegativeBinomial(np.zeros((1, 1)), np.zeros((1, 1))).log_prob(np.zeros((1, 1))))[0]), 4)
    0.5
    """

    log_mean: Tensor
    log_inverse_dispersion: Tensor

    def __post_init__(self) -> None:
        log_mean = ops.cast(ops.convert_to_tensor(self.log_mean), "float32")
        log_r = ops.cast(ops.convert_to_tensor(self.log_inverse_dispersion), "float32")
        self._set(
            log_mean=ops.clip(log_mean, *LOG_RATE_RANGE),
            log_inverse_dispersion=ops.clip(log_r, *LOG_INVERSE_DISPERSION_RANGE),
        )

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        return log_negative_binomial(value, ops.exp(self.log_mean), ops.exp(self.log_inverse_dispersion))

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        seed = several(seed)
        log_r = repeated(self.log_inverse_dispersion + ops.zeros_like(self.log_mean), num_samples)
        log_rate = draw_log_gamma(ops.exp(log_r), seed) + self.log_mean - log_r
        return draw_poisson(ops.exp(ops.clip(log_rate, -30.0, LOG_RATE_RANGE[1])), seed)

    def tempered(self, temperature: Tensor | float) -> Distribution:
        return self if is_one(temperature) else Tempered.towards(self, self.mode, temperature, whole_numbers=True)

    def mean(self) -> Tensor:
        return ops.exp(self.log_mean) + ops.zeros_like(self.log_inverse_dispersion)

    def mode(self) -> Tensor:
        r = ops.exp(self.log_inverse_dispersion)
        return ops.floor(ops.maximum(r - 1.0, 0.0) / r * self.mean())

    def variance(self) -> Tensor:
        mean = self.mean()
        return mean + ops.square(mean) * ops.exp(-self.log_inverse_dispersion)
