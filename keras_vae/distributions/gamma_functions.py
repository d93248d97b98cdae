"""The gamma function's logarithm, as the differences in which densities need it."""

import math
from typing import Any

from keras import ops

from keras_vae.backend import one_operation
from keras_vae.hints import Tensor

__all__ = ["log_beta", "log_gamma_ratio", "log_multinomial", "log_negative_binomial", "log_poisson"]

SERIES_AT_FIVE = math.lgamma(5.0) - (4.5 * math.log(5.0) - 5.0 + 0.5 * math.log(2.0 * math.pi))
HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


@one_operation
def log_gamma_ratio(a: Tensor, n: Any) -> Tensor:
    """log Gamma(a + n) - log Gamma(a), for a > 0 and n >= 0, without the digits that a difference would lose.

    Keras has no lgamma. Both are moved up by four, where Stirling's series is exact to float32, and only the
    difference of the two series is ever formed.

    >>> from keras import ops
    >>> from keras_vae.distributions.gamma_functions import log_gamma_ratio
    >>> round(float(ops.exp(log_gamma_ratio(ops.ones(()), ops.ones(()) * 5.0))), 2)
    120.0
    """
    low, high = a + 4.0, a + n + 4.0
    difference = (low - 0.5) * ops.log1p(n / low) + n * (ops.log(high) - 1.0)
    return difference + _series(high) - _series(low) - ops.log(_rising(a + n) / _rising(a))


@one_operation
def log_beta(a: Tensor, b: Tensor) -> Tensor:
    """log of the beta function, for a and b > 0.

    >>> from keras import ops
    >>> from keras_vae.distributions.gamma_functions import log_beta
    >>> round(float(ops.exp(-log_beta(ops.ones(()) * 2.0, ops.ones(()) * 3.0))), 2)
    12.0
    """
    a, b = ops.maximum(a, b), ops.minimum(a, b)
    x, y, total = a + 4.0, b + 4.0, a + b + 4.0
    # log(x / total) by log1p: the quotient's rounding would be multiplied by a
    leading = (x - 0.5) * ops.log1p(-b / total) + (y - 0.5) * ops.log(y / total) + 3.5 * ops.log(total)
    series = _series(x) + _series(y) - _series(total)
    # the ratio first: each product may be 1e24
    shift = ops.log(_rising(a + b) / _rising(a)) - ops.log(_rising(b))
    return leading - 4.0 + HALF_LOG_TWO_PI + series + shift


@one_operation
def log_poisson(value: Tensor, rate: Tensor) -> Tensor:
    """log of the Poisson probability of `value`, to float32 where value and rate are in the millions.

    From 4 on by Stirling's series and the deviance (Loader, 2000), whose terms are as small as the result.

    >>> from keras import ops
    >>> from keras_vae.distributions.gamma_functions import log_poisson
    >>> round(float(log_poisson(ops.ones(()) * 2.0, ops.ones(()) * 3.0)), 4)
    -1.4959
    """
    few = ops.minimum(value, 4.0)
    many = ops.maximum(value, 4.0)
    direct = few * ops.log(rate) - rate - log_gamma_ratio(ops.ones((), dtype="float32"), few)
    deviance = many * ops.log1p((many - rate) / rate) - (many - rate)
    saddle = -HALF_LOG_TWO_PI - 0.5 * ops.log(many) - _series(many) - deviance
    return ops.where(value < 4.0, direct, saddle)


@one_operation
def log_multinomial(value: Tensor, log_p: Tensor) -> Tensor:
    """log of the multinomial probability of the counts `(..., K)`, given their sum: `(..., 1)`.

    Each factorial as Stirling's formula leaves it, so that its large part joins the logarithm of a quotient that is
    near one where the probability is large: nothing of the size of log n! is ever rounded.

    >>> from keras import ops
    >>> from keras_vae.distributions.gamma_functions import log_multinomial
    >>> counts, log_p = ops.array([[2.0, 1.0]]), ops.log(ops.array([[0.5, 0.5]]))
    >>> round(float(ops.exp(log_multinomial(counts, log_p))[0, 0]), 4)
    0.375
    """
    total = ops.sum(value, axis=-1, keepdims=True)
    share = ops.maximum(value, 1.0) / ops.maximum(total, 1.0)
    elements = value * (log_p - ops.log(share)) - _log_factorial_rest(value)
    return ops.sum(elements, axis=-1, keepdims=True) + _log_factorial_rest(total)


def _log_factorial_rest(value: Tensor) -> Tensor:
    """log value! - value log(value) + value."""
    few, many = ops.minimum(value, 4.0), ops.maximum(value, 4.0)
    direct = log_gamma_ratio(ops.ones((), dtype="float32"), few) - few * (ops.log(ops.maximum(few, 1.0)) - 1.0)
    return ops.where(value < 4.0, direct, HALF_LOG_TWO_PI + 0.5 * ops.log(many) + _series(many))


@one_operation
def log_negative_binomial(value: Tensor, mean: Tensor, r: Tensor) -> Tensor:
    """log of the negative binomial probability of `value`, with variance mean + mean^2 / r.

    Stirling's formulas of its three gamma functions are put together by hand: their large terms combine into
    logarithms of two quotients that are near one where the probability is large.

    >>> from keras import ops
    >>> from keras_vae.distributions.gamma_functions import log_negative_binomial
    >>> one = ops.ones(())
    >>> round(float(ops.exp(log_negative_binomial(2.0 * one, one, one))), 4)
    0.125
    """
    total = r + mean
    first = _log_near_one(r * (value - mean) - 4.0 * mean, (r + value + 4.0) * r, (r + 4.0) * total)
    second = _log_near_one(r * (mean - value) - mean - 5.0 * r, (r + value + 4.0) * mean, (value + 5.0) * total)
    series = _series(r + value + 4.0) - _series(r + 4.0) - _series(value + 5.0) + SERIES_AT_FIVE
    shift = ops.log(_rising(value + 1.0) / 24.0) - ops.log(_rising(r + value) / _rising(r))
    return (
        r * first + value * second + 3.5 * ops.log1p(value / (r + 4.0)) - 4.5 * ops.log1p(value / 5.0) + series + shift
    )


def _log_near_one(difference: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
    """log(numerator / denominator), from their difference where the quotient is near one."""
    quotient = numerator / denominator
    near = ops.logical_and(quotient > 0.5, quotient < 2.0)
    return ops.where(near, ops.log1p(ops.where(near, difference / denominator, 0.0)), ops.log(quotient))


def _rising(a: Tensor) -> Tensor:
    """a (a + 1) (a + 2) (a + 3): Gamma(a + 4) over Gamma(a)."""
    return a * (a + 1.0) * (a + 2.0) * (a + 3.0)


def _series(z: Tensor) -> Tensor:
    """What Stirling's formula leaves, to 3e-9 for z >= 4."""
    square = 1.0 / (z * z)
    return (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / z
