"""A narrow and a wide Gaussian around zero, mixed in every element."""

import dataclasses
import math
from typing import Self

import keras
import numpy as np
from keras import ops

from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.draws import log_temperature, with_samples
from keras_vae.distributions.gaussian import LOG_VAR_RANGE, Gaussian
from keras_vae.distributions.kl_divergence import register_kl_divergence
from keras_vae.hints import Seed, Tensor

__all__ = ["SpikeAndSlab"]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(32)
LOG_2PI = math.log(2.0 * math.pi)


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class SpikeAndSlab(Independent):
    """Independent elements, each from N(0, slab variance) with some probability, and else from N(0, spike variance).

    The continuous form of George and McCulloch (1993). A temperature multiplies both scales.

    Args:
        logits: log odds of the slab, `(..., *event)`.
        spike_log_var: log variance of the narrow Gaussian, broadcastable to `logits`; clipped to
            `LOG_VAR_RANGE`.
        slab_log_var: log variance of the wide one, likewise, and nowhere below the narrow one's.
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import SpikeAndSlab
    >>> p = SpikeAndSlab(np.zeros(1), np.log([0.01]), np.zeros(1))
    >>> [round(float(p.log_prob(np.array([value]))), 4) for value in (0.0, 1.0)]
    [0.7858, -2.1121]
    """

    logits: Tensor
    spike_log_var: Tensor
    slab_log_var: Tensor

    def __post_init__(self) -> None:
        logits = ops.cast(ops.convert_to_tensor(self.logits), "float32")
        spike = ops.clip(ops.cast(ops.convert_to_tensor(self.spike_log_var), "float32"), *LOG_VAR_RANGE)
        slab = ops.clip(ops.cast(ops.convert_to_tensor(self.slab_log_var), "float32"), *LOG_VAR_RANGE)
        self._set(logits=logits, spike_log_var=spike, slab_log_var=ops.maximum(slab, spike))

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        height, decay = self.spike_over_slab()
        square = ops.square(value)
        return self._log_slab(square) + ops.softplus(height - decay * square)

    def _log_slab(self, square: Tensor) -> Tensor:
        log_weight = -ops.softplus(-self.logits)
        return log_weight - 0.5 * (LOG_2PI + self.slab_log_var + square * ops.exp(-self.slab_log_var))

    def spike_over_slab(self) -> tuple[Tensor, Tensor]:
        """`(height, decay)`: the log odds of the spike at z are height - decay z^2."""
        height = 0.5 * (self.slab_log_var - self.spike_log_var) - self.logits
        return height, 0.5 * (ops.exp(-self.spike_log_var) - ops.exp(-self.slab_log_var))

    def slab_probability(self, value: Tensor) -> Tensor:
        """Probability that each element came from the slab, `(..., *event)`: whether a dimension is in use.

        Args:
            value: `(..., *event)`.
        """
        height, decay = self.spike_over_slab()
        return ops.sigmoid(decay * ops.square(ops.cast(value, "float32")) - height)

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        shape = with_samples(ops.shape(self.logits + self.slab_log_var), num_samples)
        slab = keras.random.uniform(shape, dtype="float32", seed=seed) < ops.sigmoid(self.logits)
        # An int gives every draw the same randomness: without another one, the noise would follow the choice.
        noise_seed = (seed + 1_000_003) % 2**31 if isinstance(seed, int) else seed
        noise = keras.random.normal(shape, dtype="float32", seed=noise_seed)
        return ops.exp(0.5 * ops.where(slab, self.slab_log_var, self.spike_log_var)) * noise

    def tempered(self, temperature: Tensor | float) -> Self:
        shift = 2.0 * log_temperature(temperature)
        return self._changed(spike_log_var=self.spike_log_var + shift, slab_log_var=self.slab_log_var + shift)

    def mean(self) -> Tensor:
        return ops.zeros_like(self.logits + self.slab_log_var)

    def mode(self) -> Tensor:
        return self.mean()

    def variance(self) -> Tensor:
        slab = ops.sigmoid(self.logits)
        return slab * ops.exp(self.slab_log_var) + (1.0 - slab) * ops.exp(self.spike_log_var)


@register_kl_divergence(Gaussian, SpikeAndSlab)
def _kl_gaussian_spike_and_slab(q: Gaussian, p: SpikeAndSlab) -> Tensor:
    # log p is the slab's, whose mean under q is known, and a bump around zero. The bump's mean is an integral
    # over one dimension, by Gauss and Legendre over where both the bump and q are above 1e-7: to 1e-4 nats.
    second = ops.square(q.loc) + ops.exp(q.log_var)
    height, decay = p.spike_over_slab()
    decay = ops.maximum(decay, 1e-12)
    edge = ops.sqrt(ops.maximum(height + 18.0, 1e-6) / decay)
    reach = 7.0 * ops.exp(0.5 * q.log_var)
    low = ops.clip(q.loc - reach, -edge, edge)
    half = 0.5 * (ops.clip(q.loc + reach, -edge, edge) - low)
    nodes = ops.convert_to_tensor(NODES, dtype="float32")
    z = (low + half)[..., None] + half[..., None] * nodes
    log_q = -0.5 * (ops.square(z - q.loc[..., None]) * ops.exp(-q.log_var)[..., None] + q.log_var[..., None] + LOG_2PI)
    bump = ops.exp(log_q) * ops.softplus(height[..., None] - decay[..., None] * ops.square(z))
    mean_bump = half * ops.sum(bump * ops.convert_to_tensor(WEIGHTS, dtype="float32"), axis=-1)
    return -0.5 * (1.0 + LOG_2PI + q.log_var) - p._log_slab(second) - mean_bump
