"""Intensities between 0 and 1, with a density that adds up to one."""

import dataclasses
from typing import Any, Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.draws import at_least, with_samples
from keras_vae.hints import Seed, Tensor

__all__ = ["ContinuousBernoulli"]


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class ContinuousBernoulli(Independent):
    """density proportional to exp(logits * x) on [0, 1] (Loaiza-Ganem and Cunningham, 2019).

    The binary cross-entropy with the normalising constant that makes it a density. Around logits 0, the
    uniform distribution, constant and moments are taken from their series. A temperature divides the logits.

    Args:
        logits: `(..., *event)`; the paper's lambda is their sigmoid.
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import ContinuousBernoulli
    >>> round(abs(float(ContinuousBernoulli(np.zeros((1, 1))).log_prob(np.full((1, 1), 0.3))[0])), 4)
    0.0
    """

    logits: Tensor

    def __post_init__(self) -> None:
        self._set(logits=ops.cast(ops.convert_to_tensor(self.logits), "float32"))

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        # By the distance to the more likely end, so that nothing large cancels.
        size = ops.abs(self.logits)
        distance = ops.where(self.logits > 0, 1.0 - value, value)
        return -size * distance - self._log_normaliser(size)

    @staticmethod
    def _log_normaliser(size: Any) -> Tensor:
        """log of the integral of exp(-size x) over [0, 1]."""
        half = 0.5 * ops.minimum(size, 1.0)
        square = half * half
        series = square * (1 / 6 - square * (1 / 180 - square * (1 / 2835 - square / 37800))) - half
        large = ops.maximum(size, 1.0)
        return ops.where(size < 1.0, series, ops.log(-ops.expm1(-large)) - ops.log(large))

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        shape = with_samples(ops.shape(self.logits), num_samples)
        size = ops.maximum(ops.abs(self.logits), 1e-6)
        uniform = keras.random.uniform(shape, dtype="float32", seed=seed)
        distance = -ops.log1p(uniform * ops.expm1(-size)) / size
        distance = ops.clip(distance, 0.0, 1.0)
        return ops.where(self.logits > 0, 1.0 - distance, distance)

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(logits=self.logits / at_least(temperature, 1e-6))

    def mean(self) -> Tensor:
        half = 0.5 * self.logits
        square = ops.square(ops.clip(half, -0.5, 0.5))
        series = 1 / 3 - square * (1 / 45 - square * (2 / 945 - square * (1 / 4725 - square * 2 / 93555)))
        size = ops.maximum(ops.abs(half), 0.5)
        far = ops.sign(half) * (1.0 / ops.tanh(size) - 1.0 / size)
        return 0.5 + 0.5 * ops.where(ops.abs(half) < 0.5, half * series, far)

    def mode(self) -> Tensor:
        return ops.cast(self.logits > 0, "float32")

    def variance(self) -> Tensor:
        half = ops.abs(0.5 * self.logits)
        square = ops.square(ops.minimum(half, 0.5))
        series = 1 / 3 - square * (1 / 15 - square * (2 / 189 - square * (1 / 675 - square * 2 / 10395)))
        size = ops.maximum(half, 0.5)
        # 1 / sinh^2 without its overflow
        decay = ops.exp(-2.0 * size)
        far = 1.0 / ops.square(size) - 4.0 * decay / ops.square(1.0 - decay)
        return 0.25 * ops.where(half < 0.5, series, far)
