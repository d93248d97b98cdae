"""Distributions on the unit sphere."""

import dataclasses
import math
from typing import Self

import keras
import numpy as np
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import at_least, repeated, several, with_samples
from keras_vae.distributions.kl_divergence import register_kl_divergence
from keras_vae.hints import Seed, Tensor

__all__ = ["VonMisesFisher"]

QUADRATURE_POINTS = 128
PROPOSALS = 32
"""Proposals of the rejection sampler, drawn at once. At least two thirds are accepted, so that none of
them is has a probability below 1e-15."""
MAX_CONCENTRATION = 1e4


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class VonMisesFisher(Distribution):
    """density proportional to exp(concentration * <loc, z>) on the unit sphere in d dimensions.

    With concentration 0 it is the uniform distribution. Densities are with respect to the sphere's
    surface. The normaliser is a one-dimensional integral over the angle to `loc`, taken by
    Gauss-Legendre quadrature over the part of the circle where it matters, exact to float32; so it needs
    no Bessel functions and has a gradient. Draws are made by
    rejection (Wood, 1994), with exact gradients by implicit reparametrisation. The concentration is divided
    by the square of a temperature, as a Gaussian's precision is.

    Args:
        loc: mean direction, unit vectors `(..., d)`, d at least 2.
        concentration: how closely draws gather around it, `(...)`, from 0 to 1e4.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import VonMisesFisher
    >>> q = VonMisesFisher(np.array([[1.0, 0.0, 0.0]]), np.zeros(1))
    >>> round(float(q.log_prob(np.array([[0.0, 1.0, 0.0]]))[0]), 4)
    -2.531
    """

    loc: Tensor
    concentration: Tensor

    def __post_init__(self) -> None:
        concentration = ops.cast(ops.convert_to_tensor(self.concentration), "float32")
        self._set(
            loc=ops.cast(ops.convert_to_tensor(self.loc), "float32"),
            concentration=ops.clip(concentration, 0.0, MAX_CONCENTRATION),
        )

    @property
    def dimension(self) -> int:
        """Number of dimensions of the space around the sphere."""
        return self.loc.shape[-1]

    def _integrand(self) -> tuple[Tensor, Tensor]:
        """Log of the density over the angle to `loc` at the quadrature's points, weights included; their cosines."""
        points, weights = np.polynomial.legendre.leggauss(QUADRATURE_POINTS)
        points, log_weights = (
            ops.convert_to_tensor(values, dtype="float32") for values in (0.5 * (points + 1.0), np.log(0.5 * weights))
        )
        # Beyond this angle nothing is left of the integrand: its peak, and fourteen widths.
        reach = (math.sqrt(self.dimension - 2) + 14.0) / ops.sqrt(self.concentration + 1e-3)
        reach = ops.stop_gradient(ops.minimum(reach, math.pi))[..., None]
        angles = reach * points
        log_density = (
            -2.0 * self.concentration[..., None] * ops.square(ops.sin(0.5 * angles))
            + (self.dimension - 2) * ops.log(ops.sin(angles))
            + log_weights
            + ops.log(reach)
        )
        return log_density, ops.cos(angles)

    def log_normaliser(self) -> Tensor:
        """log of the integral of exp(concentration * (<loc, z> - 1)) over the sphere, `(...)`."""
        return ops.logsumexp(self._integrand()[0], axis=-1) + log_sphere_area(self.dimension - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        # <loc, z> - 1 by the distance: it is small where the concentration is large, and would be rounded away
        squared_distance = ops.sum(ops.square(ops.cast(value, "float32") - self.loc), axis=-1)
        return -0.5 * self.concentration * squared_distance - self.log_normaliser()

    def mean_cosine(self) -> Tensor:
        """Expected <loc, z>, `(...)`."""
        log_density, cosines = self._integrand()
        return ops.sum(ops.softmax(log_density, axis=-1) * cosines, axis=-1)

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        seed = several(seed)
        cosine = self._sample_cosine(repeated(self.concentration, num_samples), seed)
        tangent = keras.random.normal(with_samples(ops.shape(self.loc), num_samples), dtype="float32", seed=seed)
        tangent = tangent - ops.sum(tangent * self.loc, axis=-1, keepdims=True) * self.loc
        tangent = tangent / ops.maximum(ops.norm(tangent, axis=-1, keepdims=True), 1e-12)
        sine = ops.sqrt(ops.maximum(1.0 - ops.square(cosine), 1e-12))
        point = cosine[..., None] * self.loc + sine[..., None] * tangent
        # a tangent that was almost parallel to loc is rounded: back onto the sphere
        return point / ops.norm(point, axis=-1, keepdims=True)

    def tempered(self, temperature: Tensor | float) -> Self:
        concentration = self.concentration / ops.square(at_least(temperature, 1e-4))
        return self._changed(concentration=ops.clip(concentration, 0.0, MAX_CONCENTRATION))

    def _sample_cosine(self, concentration: Tensor, seed: Seed) -> Tensor:
        width = float(self.dimension - 1)
        # b without the cancellation of sqrt(4 k^2 + w^2) - 2 k
        b = width / (ops.sqrt(4.0 * ops.square(concentration) + width**2) + 2.0 * concentration)
        x = (1.0 - b) / (1.0 + b)
        threshold = concentration * x + width * ops.log(1.0 - ops.square(x) + 1e-12)
        shape = (*ops.shape(concentration), PROPOSALS)
        beta = 0.5 + 0.5 * self._coordinate(shape, seed)
        uniform = keras.random.uniform(shape, dtype="float32", seed=seed)
        b, x, threshold, kappa = (value[..., None] for value in (b, x, threshold, concentration))
        cosine = (1.0 - (1.0 + b) * beta) / (1.0 - (1.0 - b) * beta)
        score = kappa * cosine + width * ops.log(1.0 - x * cosine + 1e-12) - threshold
        accepted = ops.cast(score >= ops.log(uniform + 1e-30), "int32")
        first = ops.one_hot(ops.argmax(accepted, axis=-1), PROPOSALS, dtype="float32")
        drawn = ops.stop_gradient(ops.clip(ops.sum(first * cosine, axis=-1), -1.0 + 1e-7, 1.0 - 1e-7))
        return drawn + self._cosine_slope(drawn, concentration) * (concentration - ops.stop_gradient(concentration))

    def _coordinate(self, shape: tuple, seed: Seed) -> Tensor:
        """A coordinate of uniform points on the sphere, whose half plus 1/2 is Beta((d - 1) / 2, (d - 1) / 2).

        In closed form (Ulrich, 1984): Keras' beta distribution is a ratio of gamma draws, each of them a loop.
        """
        angle = 2.0 * math.pi * keras.random.uniform(shape, dtype="float32", seed=seed)
        if self.dimension == 2:
            return ops.cos(angle)
        uniform = keras.random.uniform(shape, minval=1e-30, dtype="float32", seed=seed)
        return ops.cos(angle) * ops.sqrt(-ops.expm1(2.0 / (self.dimension - 2) * ops.log(uniform)))

    def _cosine_slope(self, cosine: Tensor, concentration: Tensor) -> Tensor:
        """How a drawn cosine moves with the concentration, at a fixed quantile.

        -dF/dconcentration / density for the distribution function F (Figurnov, Mohamed and Mnih, 2018): exact,
        where the gradient of the accepted proposal alone would be biased.
        """
        points, weights = np.polynomial.legendre.leggauss(QUADRATURE_POINTS)
        points, weights = (ops.convert_to_tensor(values, "float32") for values in (0.5 * (points + 1.0), 0.5 * weights))
        mean = VonMisesFisher(self.loc, concentration).mean_cosine()[..., None]
        end = ops.arccos(cosine)[..., None]
        angles = end * points
        # the density at every angle over that at the end: the normaliser cancels
        log_ratio = (
            2.0 * concentration[..., None] * (ops.square(ops.sin(0.5 * end)) - ops.square(ops.sin(0.5 * angles)))
        )
        log_ratio = log_ratio + (self.dimension - 2) * (ops.log(ops.sin(angles)) - ops.log(ops.sin(end)))
        integrand = (ops.cos(angles) - mean) * ops.exp(ops.minimum(log_ratio, 80.0))
        slope = ops.sin(end[..., 0]) * end[..., 0] * ops.sum(weights * integrand, axis=-1)
        return ops.stop_gradient(slope)

    def mean(self) -> Tensor:
        """The mean direction, a point of the sphere; the expected value lies inside it."""
        return self.loc

    def mode(self) -> Tensor:
        return self.loc


@register_kl_divergence(VonMisesFisher, VonMisesFisher, factorises=False)
def _kl_von_mises_fisher(q: VonMisesFisher, p: VonMisesFisher) -> Tensor:
    cosine = q.mean_cosine()
    apart = 0.5 * ops.sum(ops.square(q.loc - p.loc), axis=-1)
    return (
        (q.concentration - p.concentration) * (cosine - 1.0)
        + p.concentration * cosine * apart
        - q.log_normaliser()
        + p.log_normaliser()
    )


def log_sphere_area(dimension: int) -> float:
    """log of the surface of the unit sphere in `dimension` dimensions."""
    return math.log(2.0) + 0.5 * dimension * math.log(math.pi) - math.lgamma(0.5 * dimension)
