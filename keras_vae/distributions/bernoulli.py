"""Bernoulli, parametrised by logits."""

import dataclasses
from typing import Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.draws import at_least, with_samples
from keras_vae.distributions.kl_divergence import register_kl_divergence
from keras_vae.hints import Seed, Tensor

__all__ = ["Bernoulli"]


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class Bernoulli(Independent):
    """Independent coin flips. Values between 0 and 1 are taken as well, as grey levels usually are.

    For such values `log_prob` is the negative binary cross-entropy, which is not normalised over
    [0, 1]: use `continuous_bernoulli` where that matters (Loaiza-Ganem and Cunningham, 2019). A temperature
    divides the logits.

    Args:
        logits: log odds of a one, `(..., *event)`.
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Bernoulli
    >>> round(float(Bernoulli(np.zeros(4)).log_prob(np.ones(4))), 4)
    -2.7726
    """

    logits: Tensor

    def __post_init__(self) -> None:
        self._set(logits=ops.cast(ops.convert_to_tensor(self.logits), "float32"))

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        return value * self.logits - ops.softplus(self.logits)

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        shape = with_samples(ops.shape(self.logits), num_samples)
        uniform = keras.random.uniform(shape, dtype="float32", seed=seed)
        return ops.cast(uniform < ops.sigmoid(self.logits), "float32")

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(logits=self.logits / at_least(temperature, 1e-6))

    def mean(self) -> Tensor:
        return ops.sigmoid(self.logits)

    def mode(self) -> Tensor:
        return ops.cast(self.logits > 0, "float32")

    def variance(self) -> Tensor:
        probability = self.mean()
        return probability * (1.0 - probability)


@register_kl_divergence(Bernoulli, Bernoulli)
def _kl_bernoulli_bernoulli(q: Bernoulli, p: Bernoulli) -> Tensor:
    probability = q.mean()
    return probability * (q.logits - p.logits) - ops.softplus(q.logits) + ops.softplus(p.logits)
