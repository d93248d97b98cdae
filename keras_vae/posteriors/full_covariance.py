"""A Gaussian posterior with correlations."""

import math
from typing import Any

import numpy as np
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.multivariate_gaussian import MultivariateGaussian
from keras_vae.hints import Part, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.projection import Projection, gaussian_heads
from keras_vae.posteriors.posterior import Posterior
from keras_vae.registry import posteriors

__all__ = ["FullCovariance"]


@posteriors.register("full_covariance", package="keras_vae")
class FullCovariance(Posterior):
    """q(z|x) = N(loc(x), L(x) L(x)^T), L lower triangular (Kingma and Welling, 2019, section 3.3.1).

    The diagonal of L starts at one, the rest at zero, like the diagonal posterior. The cost grows with
    the square of the latent dimension. Draws are `(batch, latent_dim)`.

    Raises:
        ValueError: when built for spatial latents, or features that do not fit.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, posterior="full_covariance")
    """

    distribution_class = MultivariateGaussian

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        if len(self.latent_shape) != 1:
            raise ValueError(
                f"The posterior 'full_covariance' needs vector latents. Received: latents of shape {self.latent_shape}"
            )
        input_shape = width_with_context(self.require_single_features(features_shape), context_shape)
        dimension = math.prod(self.latent_shape)
        self.below = np.tril(np.ones((dimension, dimension), dtype="float32"), -1)
        self.loc_head, self.log_scale_head = gaussian_heads(
            input_shape, self.latent_shape, names=("loc", "log_scale"), dtype=self.dtype_policy
        )
        self.lower_head = Projection((dimension**2,), kernel_initializer="zeros", dtype=self.dtype_policy, name="lower")
        self.lower_head.build(input_shape)

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        features = concatenate_context(features, context)
        # The diagonal has the range that the log variances of 'gaussian' are clipped to.
        scale = ops.exp(ops.clip(self.log_scale_head(features), -10.0, 7.5))
        lower = ops.multiply(ops.reshape(self.lower_head(features), (-1, *self.below.shape)), self.below)
        diagonal = scale[..., None] * ops.eye(len(self.below), dtype="float32")
        return MultivariateGaussian(self.loc_head(features), lower + diagonal)
