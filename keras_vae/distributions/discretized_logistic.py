"""Grey levels: a logistic density, integrated over every level's bin."""

import dataclasses
import math
from typing import Any, Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.draws import log_temperature, with_samples
from keras_vae.hints import Seed, Shape, Tensor

__all__ = ["DiscretizedLogistic", "bounded_log_scale", "level_log_prob", "mean_level", "to_unit"]

NARROWEST = 1 / 8
"""Smallest scale, in levels: with 256 of them the e^-7 of PixelCNN++, at which one level holds 96% of the mass."""
MAX_LOG_SCALE = 5.0
WINDOW = 12


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class DiscretizedLogistic(Independent):
    """Whole numbers 0 to num_levels - 1, each with the mass of a logistic density in the bin around it.

    The first and the last bin are open, so that the masses add up to one (Kingma et al., 2016; Salimans et
    al., 2017, equation 2). Parameters are in units in which the levels span [-1, 1]. A temperature scales the
    spread: towards 0 a draw is the level at the location.

    Args:
        loc: location, `(..., *event)`.
        log_scale: log scale, broadcastable to `loc`; bounded from below at an eighth of a level.
        num_levels: number of levels, at least 2.
        event_ndims: number of trailing axes that make up one event.
        mask: elements that count, see `Independent`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import DiscretizedLogistic
    >>> p = DiscretizedLogistic(np.zeros((1, 1)), np.zeros((1, 1)), num_levels=2)
    >>> float(np.exp(p.log_prob(np.ones((1, 1))))[0])
    0.5
    """

    loc: Tensor
    log_scale: Tensor
    num_levels: int = 256

    def __post_init__(self) -> None:
        loc = ops.cast(ops.convert_to_tensor(self.loc), "float32")
        log_scale = bounded_log_scale(ops.cast(ops.convert_to_tensor(self.log_scale), "float32"), self.num_levels)
        self._set(loc=loc, log_scale=log_scale)

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        return level_log_prob(value, self.loc, self.log_scale, self.num_levels)

    def filler(self) -> Tensor:
        return ops.zeros((), dtype="float32")

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        shape = with_samples(ops.shape(self.loc + self.log_scale), num_samples)
        return draw_level(self.loc, self.log_scale, self.num_levels, seed, shape)

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(log_scale=self.log_scale + log_temperature(temperature))

    def mean(self) -> Tensor:
        return mean_level(self.loc, self.log_scale, self.num_levels)

    def mode(self) -> Tensor:
        """The most likely level: the one at the location, or an end, whose bin is open."""
        return mode_level(self.loc, self.log_scale, self.num_levels)

    def variance(self) -> Tensor:
        loc, scale = in_levels(self.loc, self.log_scale, self.num_levels)
        middle = ops.clip(ops.round(loc), 0.0, self.num_levels - 1.0)
        second = ops.zeros_like(loc + scale)
        # E[(x - middle)^2] as a sum over the edges between the levels, one at a time to save memory
        for edge in range(1, self.num_levels):
            above = edge > middle
            distance = ops.abs(edge - 0.5 - middle)
            beyond = ops.sigmoid(ops.where(above, loc - (edge - 0.5), edge - 0.5 - loc) / scale)
            second = second + 2.0 * distance * beyond
        return second - ops.square(self.mean() - middle)


def bounded_log_scale(log_scale: Tensor, num_levels: int) -> Tensor:
    """A log scale within what float32 and the level's width allow."""
    return ops.clip(log_scale, math.log(2.0 * NARROWEST / (num_levels - 1)), MAX_LOG_SCALE)


def to_unit(level: Any, num_levels: int) -> Tensor:
    """Levels in units in which they span [-1, 1]."""
    return level * (2.0 / (num_levels - 1)) - 1.0


def in_levels(loc: Tensor, log_scale: Tensor, num_levels: int) -> tuple[Tensor, Tensor]:
    """Location and scale in levels."""
    half = 0.5 * (num_levels - 1)
    return (loc + 1.0) * half, ops.exp(log_scale) * half


def level_log_prob(value: Tensor, loc: Tensor, log_scale: Tensor, num_levels: int) -> Tensor:
    """Log mass of the level `value`, elementwise.

    With edges a > b of the bin, sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), whose
    logarithm loses no digits anywhere: no second formula is needed far from the location.
    """
    inverse_scale, half = ops.exp(-log_scale), 1.0 / (num_levels - 1)
    centered = to_unit(value, num_levels) - loc
    below_upper_edge = ops.log_sigmoid((centered + half) * inverse_scale)
    above_lower_edge = ops.log_sigmoid((half - centered) * inverse_scale)
    width = ops.log(-ops.expm1(-2.0 * half * inverse_scale))
    first, last = value < 0.5, value > num_levels - 1.5
    inside = below_upper_edge + above_lower_edge + width
    return ops.where(first, below_upper_edge, ops.where(last, above_lower_edge, inside))


def draw_level(loc: Tensor, log_scale: Tensor, num_levels: int, seed: Seed, shape: Shape) -> Tensor:
    """A draw of the logistic, rounded to its level."""
    uniform = keras.random.uniform(shape, 1e-7, 1.0 - 1e-7, dtype="float32", seed=seed)
    noise = ops.log(uniform) - ops.log1p(-uniform)
    loc, scale = in_levels(loc, log_scale, num_levels)
    return ops.clip(ops.round(loc + scale * noise), 0.0, num_levels - 1.0)


def mode_level(loc: Tensor, log_scale: Tensor, num_levels: int) -> Tensor:
    """The level with the largest mass."""
    last = num_levels - 1.0
    nearest = ops.clip(ops.round(in_levels(loc, log_scale, num_levels)[0]), 0.0, last) + ops.zeros_like(log_scale)
    best, score = nearest, level_log_prob(nearest, loc, log_scale, num_levels)
    # Beside an open end the location's own bin may hold less than the end's.
    for end in (0.0, last):
        candidate = ops.full_like(nearest, end)
        found = level_log_prob(candidate, loc, log_scale, num_levels)
        best, score = ops.where(found > score, candidate, best), ops.maximum(found, score)
    return best


def mean_level(loc: Tensor, log_scale: Tensor, num_levels: int) -> Tensor:
    """Expected level: the sum over the edges between levels of the mass above each.

    Narrow densities are summed over the edges near the location, wide ones integrated with the first
    correction of the midpoint rule: right to a thousandth of a level, for the cost of 25 levels and not of all.
    """
    loc, scale = in_levels(loc, log_scale, num_levels)
    last = num_levels - 1.0
    middle = ops.clip(ops.round(loc), 0.0, last)
    small = ops.minimum(scale, 1.0)
    narrow = middle + ops.zeros_like(scale)
    for step in range(WINDOW):
        upper, lower = middle + (step + 0.5), middle - (step + 0.5)
        narrow = narrow + ops.where(upper < last, ops.sigmoid((loc - upper) / small), 0.0)
        narrow = narrow - ops.where(lower > 0.0, ops.sigmoid((lower - loc) / small), 0.0)
    large = ops.maximum(scale, 1.0)
    to_first, to_last = loc / large, (loc - last) / large
    wide = large * (ops.softplus(to_first) - ops.softplus(to_last))
    slopes = ops.sigmoid(to_last) * ops.sigmoid(-to_last) - ops.sigmoid(to_first) * ops.sigmoid(-to_first)
    return ops.where(scale < 1.0, narrow, wide + slopes / (24.0 * large))
