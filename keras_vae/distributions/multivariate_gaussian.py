"""A Gaussian with a full covariance matrix."""

import dataclasses
import math
from typing import Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import COLDEST, at_least, with_samples
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.distributions.kl_divergence import register_kl_divergence
from keras_vae.hints import Seed, Tensor

__all__ = ["MultivariateGaussian"]


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class MultivariateGaussian(Distribution):
    """N(loc, L L^T), by the Cholesky factor L of the covariance. A temperature multiplies L.

    Args:
        loc: mean, `(..., d)`.
        scale_tril: lower triangular factor with a positive diagonal, `(..., d, d)`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import MultivariateGaussian
    >>> q = MultivariateGaussian(np.zeros((1, 2)), np.eye(2)[None])
    >>> round(float(q.log_prob(np.zeros((1, 2)))[0]), 4)
    -1.8379
    """

    loc: Tensor
    scale_tril: Tensor

    def __post_init__(self) -> None:
        self._set(
            loc=ops.cast(ops.convert_to_tensor(self.loc), "float32"),
            scale_tril=ops.cast(ops.convert_to_tensor(self.scale_tril), "float32"),
        )

    def log_det_scale(self) -> Tensor:
        """log |det L|, `(...)`."""
        return ops.sum(ops.log(ops.diagonal(self.scale_tril, axis1=-2, axis2=-1)), axis=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        difference = ops.cast(value, "float32") - self.loc
        factor = ops.broadcast_to(self.scale_tril, (*ops.shape(difference), difference.shape[-1]))
        whitened = ops.solve_triangular(factor, difference[..., None], lower=True)[..., 0]
        normaliser = 0.5 * difference.shape[-1] * math.log(2 * math.pi) + self.log_det_scale()
        return -0.5 * ops.sum(ops.square(whitened), axis=-1) - normaliser

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        noise = keras.random.normal(with_samples(ops.shape(self.loc), num_samples), dtype="float32", seed=seed)
        return self.loc + ops.matmul(self.scale_tril, noise[..., None])[..., 0]

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(scale_tril=self.scale_tril * at_least(temperature, COLDEST))

    def mean(self) -> Tensor:
        return self.loc

    def mode(self) -> Tensor:
        return self.loc

    def variance(self) -> Tensor:
        return ops.sum(ops.square(self.scale_tril), axis=-1)


@register_kl_divergence(MultivariateGaussian, Gaussian, factorises=False)
def _kl_multivariate_diagonal(q: MultivariateGaussian, p: Gaussian) -> Tensor:
    precision = ops.exp(-p.log_var)
    squares = (q.variance() + ops.square(q.loc - p.loc)) * precision
    return 0.5 * ops.sum(squares - 1.0 + p.log_var, axis=-1) - q.log_det_scale()
