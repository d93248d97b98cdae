"""Laplace, parametrised by location and log scale."""

import dataclasses
import math
from typing import Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.draws import log_temperature, with_samples
from keras_vae.distributions.gaussian import LOG_VAR_RANGE, Gaussian
from keras_vae.distributions.kl_divergence import register_kl_divergence
from keras_vae.hints import Seed, Tensor

__all__ = ["Laplace"]

BELOW_ONE = 1.0 - 2.0**-24


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class Laplace(Independent):
    """Laplace with independent elements: exp(-|x - loc| / scale) / (2 scale). A temperature multiplies the scale.

    Args:
        loc: mean, median and mode, `(..., *event)`.
        log_scale: log of the scale, broadcastable to `loc`; clipped to half of `LOG_VAR_RANGE`, as the
            scales of a Gaussian are. The standard deviation is sqrt(2) times the scale.
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Laplace
    >>> p = Laplace(np.zeros(3), np.zeros(3))
    >>> round(float(p.log_prob(np.ones(3))), 4)
    -5.0794
    """

    loc: Tensor
    log_scale: Tensor

    def __post_init__(self) -> None:
        loc = ops.cast(ops.convert_to_tensor(self.loc), "float32")
        log_scale = ops.cast(ops.convert_to_tensor(self.log_scale), "float32")
        self._set(loc=loc, log_scale=ops.clip(log_scale, *(0.5 * bound for bound in LOG_VAR_RANGE)))

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        return -math.log(2.0) - self.log_scale - ops.absolute(value - self.loc) * ops.exp(-self.log_scale)

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        shape = with_samples(ops.shape(self.loc + self.log_scale), num_samples)
        uniform = keras.random.uniform(shape, -1.0, 1.0, dtype="float32", seed=seed)
        # The inverse of the distribution function; the log of zero lies just beyond BELOW_ONE.
        noise = -ops.sign(uniform) * ops.log1p(-ops.minimum(ops.absolute(uniform), BELOW_ONE))
        return self.loc + ops.exp(self.log_scale) * noise

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(log_scale=self.log_scale + log_temperature(temperature))

    def mean(self) -> Tensor:
        return self.loc + ops.zeros_like(self.log_scale)

    def mode(self) -> Tensor:
        return self.mean()

    def variance(self) -> Tensor:
        return 2.0 * ops.exp(2.0 * self.log_scale) + ops.zeros_like(self.loc)


@register_kl_divergence(Gaussian, Laplace)
def _kl_gaussian_laplace(q: Gaussian, p: Laplace) -> Tensor:
    # E|z - loc| is the mean of a folded Gaussian. Far from loc, erf is 1 and the exponential 0: no cancellation.
    difference = q.loc - p.loc
    ratio = difference * ops.exp(-0.5 * q.log_var)
    absolute = difference * ops.erf(ratio * math.sqrt(0.5)) + math.sqrt(2.0 / math.pi) * ops.exp(
        0.5 * (q.log_var - ops.square(ratio))
    )
    entropy = 0.5 * (1.0 + math.log(2.0 * math.pi) + q.log_var)
    return absolute * ops.exp(-p.log_scale) + math.log(2.0) + p.log_scale - entropy


@register_kl_divergence(Laplace, Laplace)
def _kl_laplace_laplace(q: Laplace, p: Laplace) -> Tensor:
    difference, scales = ops.absolute(q.loc - p.loc), q.log_scale - p.log_scale
    scaled = difference * ops.exp(-q.log_scale)
    # expm1, so that equal sides give exactly zero
    return ops.expm1(scales) - scales + ops.exp(scales) * (ops.expm1(-scaled) + scaled)
