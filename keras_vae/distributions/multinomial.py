"""Counts of several categories, whose sum is known."""

import dataclasses
from typing import Any

import keras
from keras import ops

from keras_vae.backend import one_operation
from keras_vae.distributions.compatibility import is_one
from keras_vae.distributions.distribution import Distribution, Independent
from keras_vae.distributions.draws import NEVER, at_least, draw_multinomial, several, with_samples
from keras_vae.distributions.gamma_functions import log_multinomial
from keras_vae.distributions.tempered import Tempered
from keras_vae.hints import Seed, Tensor

__all__ = ["Multinomial"]

BISECTIONS = 32


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class Multinomial(Independent):
    """Counts of K categories along the last axis: how often each is drawn in a known number of draws.

    The density of a row of counts is that given its own sum, coefficient included, whatever `total_count` is, which
    is the sum of draws, of the mean and of the mode. The axes before the last are independent. With a mask that has an
    element for each category, the density is that of the categories present, given their sum. A temperature pulls a
    draw towards the mode, in proportion, and rounds it so that the sum remains, see `Tempered`.

    Args:
        logits: unnormalised log probabilities, `(..., *event)`, the K categories being the last axis.
        total_count: number of draws, at least 0: a number, or a tensor that broadcasts to `(..., *event[:-1])`; it is
            rounded.
        event_ndims: number of trailing axes that make up one event, the axis of the categories counted: at least 1.
        mask: elements that count, see `Independent`.

    Raises:
        ValueError: `event_ndims` is 0.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Multinomial
    >>> p = Multinomial(np.zeros((1, 2)), total_count=3)
    >>> round(float(np.exp(p.log_prob(np.array([[2.0, 1.0]])))[0]), 4)
    0.375
    >>> np.asarray(p.mean()).tolist()
    [[1.5, 1.5]]
    """

    logits: Tensor
    total_count: Any = 1

    def __post_init__(self) -> None:
        if self.event_ndims < 1:
            raise ValueError(
                "Argument `event_ndims` must be at least 1, the axis of the categories. Received: "
                f"event_ndims={self.event_ndims}"
            )
        self._set(logits=ops.cast(ops.convert_to_tensor(self.logits), "float32"))

    def log_prob(self, value: Tensor) -> Tensor:
        return ops.sum(self.elementwise_log_prob(ops.cast(value, "float32")), axis=tuple(range(-self.event_ndims, 0)))

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        """Log density of every row of counts, in nats: `(..., *event) -> (..., *event[:-1], 1)`."""
        logits = self.logits
        if self.mask is not None:
            # without the categories that are left out the rest is a multinomial again, given its own sum
            mask = self._event_mask()
            value, logits = ops.where(mask, value, 0.0), ops.where(mask, logits, NEVER)
        return log_multinomial(value, ops.log_softmax(logits, axis=-1))

    def filler(self) -> Tensor:
        return ops.zeros((), dtype="float32")

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        logits = ops.broadcast_to(self.logits, with_samples(ops.shape(self.logits), num_samples))
        return draw_multinomial(logits, self._total()[..., 0], several(seed))

    def tempered(self, temperature: Tensor | float) -> Distribution:
        if is_one(temperature):
            return self
        temperature = at_least(temperature, 0.0)

        def draw(seed: Seed, num_samples: int | None) -> Tensor:
            drawn, mode, total = self.sample(seed, num_samples), self.mode(), self._total()
            # above a temperature of one counts could fall below zero
            moved = ops.maximum(mode + temperature * (drawn - mode), 0.0)
            moved = moved * (total / ops.maximum(ops.sum(moved, axis=-1, keepdims=True), 1.0))
            whole = ops.floor(moved)
            return _complete(whole, moved - whole, total)

        return Tempered(self, draw)

    def mean(self) -> Tensor:
        return self._total() * ops.softmax(self.logits, axis=-1)

    def mode(self) -> Tensor:
        """The most likely counts: all floor(l p) for one number l, which is found by bisection (Finucan, 1964)."""
        return _most_likely(ops.softmax(self.logits, axis=-1), self._total())

    def variance(self) -> Tensor:
        p = ops.softmax(self.logits, axis=-1)
        return self._total() * p * (1.0 - p)

    def _total(self) -> Tensor:
        """`(..., *event[:-1], 1)`."""
        total = ops.round(ops.cast(self.total_count, "float32"))[..., None]
        return ops.broadcast_to(total, (*ops.shape(self.logits)[:-1], 1))


@one_operation
def _most_likely(p: Tensor, total: Tensor) -> Tensor:
    def halve(step: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        del step
        low, high = state
        middle = 0.5 * (low + high)
        fits = ops.sum(ops.floor(middle * p), axis=-1, keepdims=True) <= total
        return ops.where(fits, middle, low), ops.where(fits, high, middle)

    low, _ = ops.fori_loop(0, BISECTIONS, halve, (total, total + float(p.shape[-1])))
    whole = ops.floor(low * p)
    return _complete(whole, p / (whole + 1.0), total)


def _complete(whole: Tensor, priority: Tensor, total: Tensor) -> Tensor:
    """Add one to the elements of highest priority in each row of `whole`, until the row's sum is `total`."""
    missing = total - ops.sum(whole, axis=-1, keepdims=True)
    rank = ops.argsort(ops.argsort(-priority, axis=-1), axis=-1)
    return whole + ops.cast(ops.cast(rank, "float32") < missing, "float32")
