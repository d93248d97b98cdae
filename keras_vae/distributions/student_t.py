"""Real numbers with outliers."""

import dataclasses
import math
from typing import Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.draws import draw_log_gamma, log_temperature, several, with_samples
from keras_vae.distributions.gamma_functions import log_gamma_ratio
from keras_vae.hints import Seed, Tensor

__all__ = ["StudentT"]

LOG_SCALE_RANGE = (-10.0, 7.5)
LOG_DF_RANGE = (-2.0, 9.0)


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class StudentT(Independent):
    """Independent Student's t: a Gaussian whose tails fall as a power, so that outliers cost little.

    A temperature multiplies the scale.

    Args:
        loc: location, `(..., *event)`.
        log_scale: log scale, broadcastable to `loc`; clipped to (-10, 7.5).
        log_df: log of the degrees of freedom, likewise; clipped to (-2, 9).
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import StudentT
    >>> round(float(StudentT(np.zeros((1, 1)), 0.0, 0.0).log_prob(np.zeros((1, 1)))[0]), 4)
    -1.1447
    """

    loc: Tensor
    log_scale: Tensor
    log_df: Tensor

    def __post_init__(self) -> None:
        loc, log_scale, log_df = (
            ops.cast(ops.convert_to_tensor(value), "float32") for value in (self.loc, self.log_scale, self.log_df)
        )
        self._set(loc=loc, log_scale=ops.clip(log_scale, *LOG_SCALE_RANGE), log_df=ops.clip(log_df, *LOG_DF_RANGE))

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        df = ops.exp(self.log_df)
        squared = ops.square((value - self.loc) * ops.exp(-self.log_scale))
        normaliser = log_gamma_ratio(0.5 * df, 0.5 * ops.ones_like(df)) - 0.5 * (self.log_df + math.log(math.pi))
        return normaliser - self.log_scale - 0.5 * (df + 1.0) * ops.log1p(squared / df)

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        seed = several(seed)
        shape = with_samples(ops.shape(self.loc + self.log_scale + self.log_df), num_samples)
        half_df = ops.broadcast_to(0.5 * ops.exp(self.log_df), shape)
        # half the log of chi^2 / df; bounded, because a draw near zero would throw the sample out of float32
        log_root = 0.5 * (draw_log_gamma(half_df, seed) - ops.log(half_df))
        noise = keras.random.normal(shape, dtype="float32", seed=seed) * ops.exp(-ops.maximum(log_root, -20.0))
        return self.loc + ops.exp(self.log_scale) * noise

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(log_scale=self.log_scale + log_temperature(temperature))

    def filler(self) -> Tensor:
        return ops.stop_gradient(self.loc)

    def mean(self) -> Tensor:
        """The location: the expected value where there are more than one degrees of freedom."""
        return self.loc + ops.zeros_like(self.log_scale + self.log_df)

    def mode(self) -> Tensor:
        return self.mean()

    def variance(self) -> Tensor:
        """Infinite up to two degrees of freedom."""
        df = ops.exp(self.log_df)
        finite = ops.exp(2.0 * self.log_scale) * df / ops.maximum(df - 2.0, 1e-6)
        return ops.where(df > 2.0, finite, float("inf")) + ops.zeros_like(self.loc)
