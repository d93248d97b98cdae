"""Whole numbers up to a largest one, over-dispersed."""

import dataclasses

import keras
from keras import ops

from keras_vae.distributions.compatibility import is_one
from keras_vae.distributions.distribution import Distribution, Independent
from keras_vae.distributions.draws import with_samples
from keras_vae.distributions.gamma_functions import log_gamma_ratio
from keras_vae.distributions.tempered import Tempered
from keras_vae.hints import Seed, Tensor

__all__ = ["BetaBinomial"]

LOG_SHAPE_RANGE = (-9.0, 9.0)


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class BetaBinomial(Independent):
    """Number of successes in `num_trials` trials, whose probability is drawn from Beta(alpha, beta) each time.

    With alpha = beta = 1 all numbers are equally likely. A temperature pulls a draw towards the mode, in
    proportion, and rounds it, see `Tempered`.

    Args:
        log_alpha: log of alpha, `(..., *event)`; clipped to (-9, 9), as `log_beta` is.
        log_beta: log of beta, likewise.
        num_trials: largest value.
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import BetaBinomial
    >>> p = BetaBinomial(np.zeros((1, 1)), np.zeros((1, 1)), num_trials=255)
    >>> round(float(np.exp(-p.log_prob(np.full((1, 1), 17.0)))[0]), 2)
    256.0
    """

    log_alpha: Tensor
    log_beta: Tensor
    num_trials: int = 255

    def __post_init__(self) -> None:
        tensors = (ops.cast(ops.convert_to_tensor(value), "float32") for value in (self.log_alpha, self.log_beta))
        log_alpha, log_beta = (ops.clip(value, *LOG_SHAPE_RANGE) for value in tensors)
        self._set(log_alpha=log_alpha, log_beta=log_beta)

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        alpha, beta, n = ops.exp(self.log_alpha), ops.exp(self.log_beta), float(self.num_trials)
        one = ops.ones((), dtype="float32")
        ways = log_gamma_ratio(n - value + one, value) - log_gamma_ratio(one, value)
        successes, failures = log_gamma_ratio(alpha, value), log_gamma_ratio(beta, n - value)
        return ways + successes + failures - log_gamma_ratio(alpha + beta, n * one)

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        """A draw by inversion: one number from 0 to 1, compared with the sums of the probabilities."""
        alpha, beta, n = ops.exp(self.log_alpha), ops.exp(self.log_beta), float(self.num_trials)
        shape = with_samples(ops.shape(alpha + beta), num_samples)
        log_uniform = ops.log(keras.random.uniform(shape, 1e-7, 1.0, dtype="float32", seed=seed))
        zeros = ops.zeros(shape, dtype="float32")
        log_first = self.elementwise_log_prob(zeros)

        def count(step: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            log_p, log_below, drawn = state
            k = ops.cast(step, "float32")
            drawn = drawn + ops.cast(log_uniform > log_below, "float32")
            log_p = log_p + ops.log((n - k) * (k + alpha) / ((k + 1.0) * (n - k - 1.0 + beta)))
            return log_p, ops.logaddexp(log_below, log_p), drawn

        return ops.fori_loop(0, self.num_trials, count, (log_first, log_first, zeros))[2]

    def tempered(self, temperature: Tensor | float) -> Distribution:
        if is_one(temperature):
            return self
        return Tempered.towards(self, self.mode, temperature, whole_numbers=True, highest=self.num_trials)

    def filler(self) -> Tensor:
        return ops.zeros((), dtype="float32")

    def mean(self) -> Tensor:
        return self.num_trials * ops.sigmoid(self.log_alpha - self.log_beta)

    def mode(self) -> Tensor:
        """The most likely number: an end where alpha or beta are below one."""
        alpha, beta, n = ops.exp(self.log_alpha), ops.exp(self.log_beta), float(self.num_trials)
        # p(k + 1) >= p(k) up to this k, where both shapes are above one
        inside = ops.floor((n + 1.0) * (alpha - 1.0) / ops.maximum(alpha + beta - 2.0, 1e-6))
        inside = ops.clip(inside, 0.0, n)
        end = ops.where(alpha > beta, n, 0.0)
        return ops.where(ops.logical_and(alpha > 1.0, beta > 1.0), inside, end)

    def variance(self) -> Tensor:
        alpha, beta, n = ops.exp(self.log_alpha), ops.exp(self.log_beta), float(self.num_trials)
        total = alpha + beta
        return self.mean() * ops.sigmoid(self.log_beta - self.log_alpha) * (total + n) / (total + 1.0)
