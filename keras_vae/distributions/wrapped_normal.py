"""A normal distribution wrapped onto hyperbolic space."""

import dataclasses
from typing import Self

import keras
from keras import ops

from keras_vae.arguments import positive_number
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import log_temperature
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.distributions.poincare_ball import exponential_map, inside_ball, logarithm_map
from keras_vae.hints import Seed, Tensor

__all__ = ["WrappedNormal"]


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class WrappedNormal(Distribution):
    """exp_loc(v) for v ~ N(0, diag exp(log_var)), on the Poincaré ball of curvature -c (Mathieu et al., 2019).

    A draw is a Gaussian step in the tangent space at the origin, moved to `loc` along the geodesic, and wrapped onto
    the ball by the exponential map. Densities are with respect to the hyperbolic volume, so
    log p(z) = log N(v) - (d - 1) log(sinh(sqrt(c) |v|) / (sqrt(c) |v|)). Lengths, and so the scale, are hyperbolic;
    draws farther than 12 / sqrt(c) from the origin are moved there. A temperature multiplies the scale.

    Args:
        loc: centre, points `(..., d)` with sqrt(c) |loc| < 1.
        log_var: log variance of the step, broadcastable to `loc`; clipped as a Gaussian's is.
        curvature: c, a number above 0.

    Raises:
        ValueError: a curvature that is not positive.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import WrappedNormal
    >>> p = WrappedNormal(np.zeros((1, 2)), np.zeros((1, 2)))
    >>> [round(float(p.log_prob(np.array([[x, 0.0]]))[0]), 3) for x in (0.0, 0.5)]
    [-1.838, -2.635]
    """

    loc: Tensor
    log_var: Tensor
    curvature: float = 1.0

    def __post_init__(self) -> None:
        curvature = positive_number(self.curvature, "curvature")
        loc = inside_ball(ops.convert_to_tensor(self.loc), curvature)
        step = Gaussian(ops.zeros_like(loc), self.log_var)
        self._set(loc=loc, log_var=step.log_var, curvature=curvature)

    def _step(self) -> Gaussian:
        return Gaussian(ops.zeros_like(self.loc), self.log_var)

    def log_prob(self, value: Tensor) -> Tensor:
        step = logarithm_map(self.loc, inside_ball(value, self.curvature), self.curvature)
        length = ops.sqrt(self.curvature * ops.sum(ops.square(step), axis=-1) + 1e-12)
        # log(sinh(s) / s), which does not overflow
        stretch = length + ops.log(-0.5 * ops.expm1(-2.0 * length) / length)
        return self._step().log_prob(step) - (self.loc.shape[-1] - 1) * stretch

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        return exponential_map(self.loc, self._step().sample(seed, num_samples=num_samples), self.curvature)

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(log_var=self.log_var + 2.0 * log_temperature(temperature))

    def mean(self) -> Tensor:
        """The centre, towards which and away from which draws are equally likely; an expected value is not defined."""
        return self.loc

    def mode(self) -> Tensor:
        return self.loc
