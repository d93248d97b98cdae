"""A Gaussian posterior with correlations."""

import math
from typing import Any

import numpy as np
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.multivariate_gaussian import MultivariateGaussian
from keras_vae.hints import Config, Part, Shape, Tensor
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

    Args:
        project: if False, the encoder's output is used as the parameters: a list `[loc, log_scale, lower]` of widths
            d, d and d (d - 1) / 2 for d latents, or one tensor with the three along its last axis. `log_scale` is the
            logarithm of the diagonal of L, `lower` what is below it, row by row.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: when built for spatial latents, or features that do not fit.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, posterior="full_covariance")
    """

    distribution_class = MultivariateGaussian

    def __init__(self, project: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project = project

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        if len(self.latent_shape) != 1:
            raise ValueError(
                f"The posterior 'full_covariance' needs vector latents. Received: latents of shape {self.latent_shape}"
            )
        dimension = math.prod(self.latent_shape)
        self.below = np.tril(np.ones((dimension, dimension), dtype="float32"), -1)
        if not self.project:
            self._check_parameters(features_shape)
            return
        input_shape = width_with_context(self.require_single_features(features_shape), context_shape)
        self.loc_head, self.log_scale_head = gaussian_heads(
            input_shape, self.latent_shape, names=("loc", "log_scale"), dtype=self.dtype_policy
        )
        self.lower_head = Projection((dimension**2,), kernel_initializer="zeros", dtype=self.dtype_policy, name="lower")
        self.lower_head.build(input_shape)

    @property
    def _widths(self) -> list[int]:
        dimension = len(self.below)
        return [dimension, dimension, dimension * (dimension - 1) // 2]

    def _check_parameters(self, features_shape: Any) -> None:
        several = bool(features_shape) and isinstance(features_shape[0], (list, tuple))
        shapes = [tuple(shape)[1:] for shape in (features_shape if several else [features_shape])]
        if shapes not in ([(width,) for width in self._widths], [(sum(self._widths),)]):
            raise ValueError(
                f"With project=False the encoder must return [loc, log_scale, lower], of widths {self._widths}, or one "
                f"tensor of width {sum(self._widths)}. Received: {shapes}."
            )

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        loc, log_scale, lower = self._projected(features, context) if self.project else self._given(features)
        # The diagonal has the range that the log variances of 'gaussian' are clipped to.
        scale = ops.exp(ops.clip(log_scale, -10.0, 7.5))
        diagonal = scale[..., None] * ops.eye(len(self.below), dtype="float32")
        return MultivariateGaussian(loc, lower + diagonal)

    def _projected(self, features: Tensor, context: Tensor) -> tuple[Tensor, ...]:
        features = concatenate_context(features, context)
        lower = ops.multiply(ops.reshape(self.lower_head(features), (-1, *self.below.shape)), self.below)
        return self.loc_head(features), self.log_scale_head(features), lower

    def _given(self, features: Any) -> tuple[Tensor, ...]:
        if not isinstance(features, (list, tuple)):
            ends = np.cumsum(self._widths)[:-1].tolist()
            features = ops.split(features, ends, axis=-1)
        loc, log_scale, packed = (ops.cast(tensor, "float32") for tensor in features)
        # a product with the places of the entries, which every backend has a gradient for
        places = np.eye(self.below.size, dtype="float32")[np.flatnonzero(self.below)]
        return loc, log_scale, ops.reshape(ops.matmul(packed, places), (-1, *self.below.shape))

    def get_config(self) -> Config:
        return {**super().get_config(), "project": self.project}
