"""The normal distribution of hyperbolic space."""

import dataclasses
import math
from typing import Self

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import positive_number
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import at_least, repeated, several, with_samples
from keras_vae.distributions.gaussian import LOG_VAR_RANGE
from keras_vae.distributions.poincare_ball import distance, exponential_map, inside_ball
from keras_vae.distributions.von_mises_fisher import log_sphere_area
from keras_vae.hints import Seed, Tensor

__all__ = ["RiemannianNormal"]

QUADRATURE_POINTS = 64
CELLS = 256
FARTHEST = 40.0
"""Largest radius in the table of draws, times sqrt(c); what is farther out than the ball's limit is moved there."""


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class RiemannianNormal(Distribution):
    """density proportional to exp(-distance(loc, z)^2 / (2 variance)) on the Poincaré ball (Mathieu et al., 2019).

    Of all with that mean and variance it has the largest entropy (Said, Bombrun and Berthoumieu, 2014). Densities are
    with respect to the hyperbolic volume. Most of it lies at distances near (d - 1) sqrt(c) variance, and float32 ends
    at 12 / sqrt(c): for few dimensions and small scales. The normaliser is an integral over the radius, taken by
    Gauss-Legendre quadrature; the radius is drawn by inverting its distribution function on a grid, with exact
    gradients by implicit reparametrisation. A temperature multiplies the scale.

    Args:
        loc: mean, points `(..., d)` with sqrt(c) |loc| < 1.
        log_var: log of the variance, `(...)`; clipped as a Gaussian's is.
        curvature: c, a number above 0; the space has the curvature -c.

    Raises:
        ValueError: a curvature that is not positive.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import RiemannianNormal
    >>> p = RiemannianNormal(np.zeros((1, 2)), np.zeros(1))
    >>> [round(float(p.log_prob(np.array([[x, 0.0]]))[0]), 3) for x in (0.0, 0.5)]
    [-2.182, -2.785]
    """

    loc: Tensor
    log_var: Tensor
    curvature: float = 1.0

    def __post_init__(self) -> None:
        curvature = positive_number(self.curvature, "curvature")
        log_var = ops.cast(ops.convert_to_tensor(self.log_var), "float32")
        self._set(
            loc=inside_ball(ops.convert_to_tensor(self.loc), curvature),
            log_var=ops.clip(log_var, *LOG_VAR_RANGE),
            curvature=curvature,
        )

    def _log_radial(self, radius: Tensor, variance: Tensor) -> Tensor:
        """Log of the unnormalised density of the radius: of one direction, the volume there included."""
        root = math.sqrt(self.curvature)
        stretched = root * radius
        log_sinh = stretched + ops.log(-0.5 * ops.expm1(-2.0 * stretched)) - math.log(root)
        return -0.5 * ops.square(radius) / variance + (self.loc.shape[-1] - 1) * log_sinh

    def _reach(self, variance: Tensor) -> Tensor:
        """The radius beyond which nothing is left, `(...)`, without a gradient."""
        root = math.sqrt(self.curvature)
        reach = (self.loc.shape[-1] - 1) * root * variance + 10.0 * ops.sqrt(variance)
        return ops.stop_gradient(ops.minimum(reach, FARTHEST / root))

    def _integral(self, variance: Tensor, end: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The radii of a quadrature from 0 to `end`, their log densities with its weights, and the log of the sum."""
        nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE_POINTS)
        radii = end[..., None] * ops.convert_to_tensor(0.5 * (nodes + 1.0), "float32")
        logs = self._log_radial(radii, variance[..., None]) + ops.log(end)[..., None]
        logs = logs + ops.convert_to_tensor(np.log(0.5 * weights), "float32")
        return radii, logs, ops.logsumexp(logs, axis=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        variance = ops.exp(self.log_var)
        apart = distance(self.loc, inside_ball(value, self.curvature), self.curvature)
        total = self._integral(variance, self._reach(variance))[2] + log_sphere_area(self.loc.shape[-1])
        return -0.5 * ops.square(apart) / variance - total

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        seed = several(seed)
        direction = keras.random.normal(with_samples(ops.shape(self.loc), num_samples), dtype="float32", seed=seed)
        direction = direction / ops.sqrt(ops.sum(ops.square(direction), axis=-1, keepdims=True) + 1e-12)
        log_var = repeated(self.log_var + ops.zeros_like(self.loc[..., 0]), num_samples)
        return exponential_map(self.loc, self._radius(ops.exp(log_var), seed)[..., None] * direction, self.curvature)

    def _radius(self, variance: Tensor, seed: Seed) -> Tensor:
        fixed = ops.stop_gradient(variance)
        edges = self._reach(fixed)[..., None] * ops.convert_to_tensor(np.arange(CELLS + 1) / CELLS, "float32")
        middles = 0.5 * (edges[..., 1:] + edges[..., :-1])
        mass = ops.softmax(self._log_radial(middles, fixed[..., None]), axis=-1)
        below = ops.cumsum(mass, axis=-1)
        uniform = keras.random.uniform(ops.shape(fixed), dtype="float32", seed=seed)[..., None]
        cell = ops.one_hot(ops.minimum(ops.sum(ops.cast(below < uniform, "int32"), axis=-1), CELLS - 1), CELLS)
        inside = (uniform - (below - mass)) / ops.maximum(mass, 1e-30)
        drawn = ops.sum(cell * (edges[..., :-1] + ops.clip(inside, 0.0, 1.0) * edges[..., 1:2]), axis=-1)
        drawn = ops.stop_gradient(ops.maximum(drawn, 1e-6))
        return drawn + ops.stop_gradient(self._slope(drawn, fixed)) * (variance - fixed)

    def _slope(self, drawn: Tensor, variance: Tensor) -> Tensor:
        """How a drawn radius moves with the variance at a fixed quantile (Figurnov, Mohamed and Mnih, 2018)."""
        radii, logs, total = self._integral(variance, self._reach(variance))
        mean = ops.sum(ops.exp(logs - total[..., None]) * ops.square(radii), axis=-1, keepdims=True)
        radii, logs, _ = self._integral(variance, drawn)
        here = self._log_radial(drawn, variance)
        # over the density at the draw, so that the normaliser cancels
        ratio = ops.exp(ops.minimum(logs - here[..., None], 80.0))
        return -0.5 * ops.sum(ratio * (ops.square(radii) - mean), axis=-1) / ops.square(variance)

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(log_var=self.log_var + 2.0 * ops.log(at_least(temperature, 1e-4)))

    def mean(self) -> Tensor:
        """The point from which the expected squared distance is smallest."""
        return self.loc

    def mode(self) -> Tensor:
        return self.loc
