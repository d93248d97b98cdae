"""Counts of which some are missing."""

import dataclasses

import keras
from keras import ops

from keras_vae.distributions.compatibility import is_one
from keras_vae.distributions.distribution import Distribution, Independent
from keras_vae.distributions.draws import at_least, several
from keras_vae.distributions.tempered import Tempered
from keras_vae.hints import Seed, Tensor

__all__ = ["ZeroInflated"]


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class ZeroInflated(Independent):
    """Counts from a base distribution, each replaced by zero with a probability of its own.

    Zero inflation as of Lambert (1992). A temperature is the base's, and divides the logits.

    Args:
        base: a `Independent` distribution of whole numbers from zero on, such as `NegativeBinomial`.
        zero_logits: log odds that an element is replaced, `(..., *event)`.
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Poisson, ZeroInflated
    >>> p = ZeroInflated(Poisson(np.zeros((1, 1))), np.zeros((1, 1)))
    >>> round(float(np.exp(p.log_prob(np.zeros((1, 1))))[0]), 4)
    0.6839
    """

    base: Independent
    zero_logits: Tensor

    def __post_init__(self) -> None:
        self._set(zero_logits=ops.cast(ops.convert_to_tensor(self.zero_logits), "float32"))

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        counted = ops.log_sigmoid(-self.zero_logits) + self.base.elementwise_log_prob(value)
        return ops.where(value < 0.5, ops.logaddexp(ops.log_sigmoid(self.zero_logits), counted), counted)

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        seed = several(seed)
        drawn = self.base.sample(seed, num_samples=num_samples)
        uniform = keras.random.uniform(ops.shape(drawn), dtype="float32", seed=seed)
        return ops.where(uniform < ops.sigmoid(self.zero_logits), 0.0, drawn)

    def tempered(self, temperature: Tensor | float) -> Distribution:
        if is_one(temperature):
            return self
        logits = self.zero_logits / at_least(temperature, 1e-6)
        colder = self._changed(base=self.base.tempered(temperature), zero_logits=logits)
        return colder if isinstance(colder.base, Independent) else Tempered(self, colder.sample)

    def mean(self) -> Tensor:
        return ops.sigmoid(-self.zero_logits) * self.base.mean()

    def mode(self) -> Tensor:
        """Zero, or the base's mode, whichever is more likely."""
        mode = self.base.mode() + ops.zeros_like(self.zero_logits)
        zeros = ops.zeros_like(mode)
        return ops.where(self.elementwise_log_prob(mode) > self.elementwise_log_prob(zeros), mode, zeros)

    def variance(self) -> Tensor:
        kept, mean = ops.sigmoid(-self.zero_logits), self.base.mean()
        return kept * (self.base.variance() + (1.0 - kept) * ops.square(mean))
