"""Distributions on the unit sphere."""

import dataclasses
import math

import keras
import numpy as np
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.kl_divergence import register_kl_divergence

__all__ = ["VonMisesFisher"]

QUADRATURE_POINTS = 1024
PROPOSALS = 32
"""Proposals of the rejection sampler, drawn at once. At least two thirds are accepted, so that none of
them is has a probability below 1e-15."""
MAX_CONCENTRATION = 1e4


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class VonMisesFisher(Distribution):
    """density proportional to exp(concentration * <loc, z>) on the unit sphere in d dimensions.

    With concentration 0 it is the uniform distribution. Densities are with respect to the sphere's
    surface. The normaliser is a one-dimensional integral over the angle to `loc`, taken by the
    trapezoidal rule, which for this smooth integrand is exact to float32 up to the largest
    concentration allowed, 1e4; so it needs no Bessel functions and has a gradient. Draws are made by
    rejection (Wood, 1994), reparametrised as in Davidson et al. (2018).

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

    loc: object
    concentration: object

    def __post_init__(self):
        concentration = ops.cast(ops.convert_to_tensor(self.concentration), "float32")
        self._set(
            loc=ops.cast(ops.convert_to_tensor(self.loc), "float32"),
            concentration=ops.clip(concentration, 0.0, MAX_CONCENTRATION),
        )

    @property
    def dimension(self):
        return self.loc.shape[-1]

    def _integrand(self):
        """Log of the density over the angle to `loc` at the quadrature's points, and their cosines."""
        angles = (np.arange(QUADRATURE_POINTS) + 0.5) * np.pi / QUADRATURE_POINTS
        weights = (self.dimension - 2) * np.log(np.sin(angles)) + np.log(np.pi / QUADRATURE_POINTS)
        weights, cosines, below_peak = (
            ops.convert_to_tensor(values, dtype="float32") for values in (weights, np.cos(angles), np.cos(angles) - 1.0)
        )
        return self.concentration[..., None] * below_peak + weights, cosines

    def log_normaliser(self):
        """log of the integral of exp(concentration * (<loc, z> - 1)) over the sphere, `(...)`."""
        return ops.logsumexp(self._integrand()[0], axis=-1) + log_sphere_area(self.dimension - 1)

    def log_prob(self, value):
        # relative to the peak: <loc, z> - 1 is small where the concentration is large
        cosine = ops.sum(ops.cast(value, "float32") * self.loc, axis=-1)
        return self.concentration * (cosine - 1.0) - self.log_normaliser()

    def mean_cosine(self):
        """Expected <loc, z>, `(...)`."""
        log_density, cosines = self._integrand()
        return ops.sum(ops.softmax(log_density, axis=-1) * cosines, axis=-1)

    def sample(self, seed=None, temperature=1.0):
        # A temperature below one gathers the draws, as it does for a Gaussian, whose precision it divides.
        concentration = self.concentration / ops.maximum(ops.square(ops.cast(temperature, "float32")), 1e-8)
        concentration = ops.clip(concentration, 0.0, MAX_CONCENTRATION)
        cosine = self._sample_cosine(concentration, seed)
        tangent = keras.random.normal(ops.shape(self.loc), dtype="float32", seed=seed)
        tangent = tangent - ops.sum(tangent * self.loc, axis=-1, keepdims=True) * self.loc
        tangent = tangent / ops.maximum(ops.norm(tangent, axis=-1, keepdims=True), 1e-12)
        sine = ops.sqrt(ops.maximum(1.0 - ops.square(cosine), 1e-12))
        return cosine[..., None] * self.loc + sine[..., None] * tangent

    def _sample_cosine(self, concentration, seed):
        width = float(self.dimension - 1)
        # b without the cancellation of sqrt(4 k^2 + w^2) - 2 k
        b = width / (ops.sqrt(4.0 * ops.square(concentration) + width**2) + 2.0 * concentration)
        x = (1.0 - b) / (1.0 + b)
        threshold = concentration * x + width * ops.log(1.0 - ops.square(x) + 1e-12)
        shape = (*ops.shape(concentration), PROPOSALS)
        beta = keras.random.beta(shape, 0.5 * width, 0.5 * width, dtype="float32", seed=seed)
        uniform = keras.random.uniform(shape, dtype="float32", seed=seed)
        b, x, threshold, kappa = (value[..., None] for value in (b, x, threshold, concentration))
        cosine = (1.0 - (1.0 + b) * beta) / (1.0 - (1.0 - b) * beta)
        score = kappa * cosine + width * ops.log(1.0 - x * cosine + 1e-12) - threshold
        accepted = ops.cast(score >= ops.log(uniform + 1e-30), "int32")
        first = ops.one_hot(ops.argmax(accepted, axis=-1), PROPOSALS, dtype="float32")
        return ops.clip(ops.sum(ops.stop_gradient(first) * cosine, axis=-1), -1.0, 1.0)

    def mean(self):
        """The mean direction, a point of the sphere; the expected value lies inside it."""
        return self.loc

    def mode(self):
        return self.loc


@register_kl_divergence(VonMisesFisher, VonMisesFisher, factorises=False)
def _kl_von_mises_fisher(q, p):
    cosine = q.mean_cosine()
    between = ops.sum(q.loc * p.loc, axis=-1)
    return (
        q.concentration * (cosine - 1.0)
        - p.concentration * (cosine * between - 1.0)
        - q.log_normaliser()
        + p.log_normaliser()
    )


def log_sphere_area(dimension):
    """log of the surface of the unit sphere in `dimension` dimensions."""
    return math.log(2.0) + 0.5 * dimension * math.log(math.pi) - math.lgamma(0.5 * dimension)
