"""A Householder flow as the posterior."""

from typing import Any

from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.distributions.transformed import Transformed
from keras_vae.hints import Config, Part, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.projection import Projection, gaussian_heads
from keras_vae.posteriors.posterior import Posterior
from keras_vae.registry import posteriors

__all__ = ["Householder"]


@posteriors.register("householder", package="keras_vae")
class Householder(Posterior):
    """q(z|x): a diagonal Gaussian, rotated by reflections that depend on x (Tomczak and Welling, 2016).

    A cheap full covariance: d reflections can represent every rotation in d dimensions. Reflections
    preserve volume, so the density needs no extra computation. Draws are `(batch, latent_dim)`.

    Args:
        reflections: number of reflections.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments; when built for spatial latents, or features that do not fit.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, posterior="householder")
    """

    distribution_class = Transformed

    def __init__(self, reflections: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reflections = positive_int(reflections, "reflections")

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        if len(self.latent_shape) != 1:
            raise ValueError(
                f"The posterior 'householder' needs vector latents. Received: latents of shape {self.latent_shape}"
            )
        input_shape = width_with_context(self.require_single_features(features_shape), context_shape)
        self.mean_head, self.log_var_head = gaussian_heads(input_shape, self.latent_shape, dtype=self.dtype_policy)
        self.mirror_head = Projection(
            (self.reflections * self.latent_shape[0],), dtype=self.dtype_policy, name="mirrors"
        )
        self.mirror_head.build(input_shape)

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        features = concatenate_context(features, context)
        base = Gaussian(self.mean_head(features), self.log_var_head(features))
        mirrors = ops.reshape(self.mirror_head(features), (-1, self.reflections, self.latent_shape[0]))
        mirrors = mirrors / ops.maximum(ops.norm(mirrors, axis=-1, keepdims=True), 1e-12)

        def reflect(z: Tensor, order: Any) -> tuple[Tensor, Tensor]:
            z = ops.cast(z, "float32")
            for index in order:
                mirror = mirrors[:, index]
                z = z - 2.0 * ops.sum(z * mirror, axis=-1, keepdims=True) * mirror
            return z, ops.zeros_like(z[..., 0])

        indices = range(self.reflections)
        return Transformed(base, lambda z: reflect(z, indices), lambda z: reflect(z, reversed(indices)))

    def get_config(self) -> Config:
        return {**super().get_config(), "reflections": self.reflections}
