"""Whole numbers 0 to K - 1, each with a probability of its own."""

import dataclasses
from typing import Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.draws import at_least, with_samples
from keras_vae.distributions.kl_divergence import register_kl_divergence
from keras_vae.hints import Seed, Tensor

__all__ = ["Categorical"]


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class Categorical(Independent):
    """Independent categorical variables, whose values are whole numbers 0 to K - 1.

    Draws are int32 and have no gradient; for latents see `OneHotCategorical`. A temperature divides the
    logits: towards 0 a draw is the mode.

    Args:
        logits: unnormalised log probabilities, `(..., *event, K)`.
        event_ndims: number of trailing axes that make up one event, the axis of the K classes not counted.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Categorical
    >>> p = Categorical(np.zeros((1, 3, 4)))
    >>> round(float(p.log_prob(np.array([[0, 3, 1]]))[0]), 4)
    -4.1589
    """

    logits: Tensor

    def __post_init__(self) -> None:
        self._set(logits=ops.cast(ops.convert_to_tensor(self.logits), "float32"))

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        # The class' own logit is looked up, so that no other tensor of K numbers for each element is made.
        logits, index = self.logits, ops.cast(ops.round(value), "int32")[..., None]
        while len(index.shape) < len(logits.shape):
            index = index[None]
        while len(logits.shape) < len(index.shape):
            logits = logits[None]
        chosen = ops.take_along_axis(logits, index, axis=-1)[..., 0]
        return chosen - ops.logsumexp(logits, axis=-1)

    def filler(self) -> Tensor:
        return ops.zeros((), dtype="float32")

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        shape = with_samples(ops.shape(self.logits), num_samples)
        uniform = keras.random.uniform(shape, 1e-7, 1.0 - 1e-7, dtype="float32", seed=seed)
        return ops.cast(ops.argmax(self.logits - ops.log(-ops.log(uniform)), axis=-1), "int32")

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(logits=self.logits / at_least(temperature, 1e-6))

    def mean(self) -> Tensor:
        """Expected number: for grey levels a value between the levels, for names of categories without meaning."""
        return ops.sum(self.probabilities() * self._values(), axis=-1)

    def mode(self) -> Tensor:
        return ops.cast(ops.argmax(self.logits, axis=-1), "int32")

    def probabilities(self) -> Tensor:
        """The probability of every category, `(..., *event, K)`."""
        return ops.softmax(self.logits, axis=-1)

    def variance(self) -> Tensor:
        distance = ops.square(self._values() - self.mean()[..., None])
        return ops.sum(self.probabilities() * distance, axis=-1)

    def _values(self) -> Tensor:
        return ops.arange(self.logits.shape[-1], dtype="float32")


@register_kl_divergence(Categorical, Categorical)
def _kl_categorical(q: Categorical, p: Categorical) -> Tensor:
    log_q, log_p = ops.log_softmax(q.logits, axis=-1), ops.log_softmax(p.logits, axis=-1)
    return ops.sum(ops.exp(log_q) * (log_q - log_p), axis=-1)
