"""Whole numbers 0 to K - 1, each with a probability of its own."""

import dataclasses
from typing import Self

import keras
from keras import ops

from keras_vae.arguments import positive_int, share
from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.draws import at_least, with_samples
from keras_vae.distributions.kl_divergence import register_kl_divergence
from keras_vae.hints import Seed, Tensor

__all__ = ["Categorical"]

LEFT_OUT = -1e9
"""Logit of a category that cannot be drawn; finite, so that a KL stays so."""


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

    def truncated(self, top_k: int | None = None, top_p: float | None = None) -> Self:
        """The most likely categories alone: all others have probability zero, and these share what they had.

        With both arguments `top_k` comes first (Fan, Lewis and Dauphin, 2018), and `top_p` counts the mass of what it
        leaves. The smallest set whose mass reaches `top_p`, the nucleus, is large where the distribution is flat and
        small where it is sharp (Holtzman et al., 2020).

        Args:
            top_k: number of categories, at least 1.
            top_p: mass of the categories that stay, above 0 and at most 1; at least one stays.

        Raises:
            ValueError: other values.

        Example:

        >>> import numpy as np
        >>> from keras_vae.distributions import Categorical
        >>> p = Categorical(np.log([[0.5, 0.3, 0.15, 0.05]]), event_ndims=0)
        >>> [round(float(share), 3) for share in p.truncated(top_p=0.7).probabilities()[0]]
        [0.625, 0.375, 0.0, 0.0]
        """
        count = self.logits.shape[-1]
        top_k = count if top_k is None else min(positive_int(top_k, "top_k"), count)
        top_p = 1.0 if top_p is None else share(top_p, "top_p")
        if top_k == count and top_p == 1.0:
            return self
        order = ops.argsort(-self.logits, axis=-1)
        stays = ops.arange(count) < top_k
        mass = ops.where(stays, ops.softmax(ops.take_along_axis(self.logits, order, axis=-1), axis=-1), 0.0)
        if top_p < 1.0:
            mass = mass / ops.sum(mass, axis=-1, keepdims=True)
            # A category stays if those before it do not reach top_p: the first always does.
            stays = ops.logical_and(stays, ops.cumsum(mass, axis=-1) - mass < top_p)
        ranks = ops.argsort(order, axis=-1)
        stays = ops.take_along_axis(ops.broadcast_to(stays, ops.shape(ranks)), ranks, axis=-1)
        return self._changed(logits=ops.where(stays, self.logits, LEFT_OUT))

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
