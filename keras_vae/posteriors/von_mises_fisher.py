"""A posterior on the sphere."""

from typing import Any

from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.von_mises_fisher import VonMisesFisher as VonMisesFisherDistribution
from keras_vae.hints import Part, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.projection import Projection
from keras_vae.posteriors.posterior import Posterior
from keras_vae.registry import posteriors

__all__ = ["VonMisesFisher"]


@posteriors.register("von_mises_fisher", package="keras_vae")
class VonMisesFisher(Posterior):
    """q(z|x) = vMF(loc(x), 1 + softplus(concentration(x))) on the unit sphere (Davidson et al., 2018).

    For the prior `"uniform_sphere"`. The concentration is kept above one, where samples and KL are numerically well
    conditioned. Draws are `(batch, latent_dim)`, each of length one.

    Raises:
        ValueError: when built for fewer than two dimensions, or features that do not fit.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=3, prior="uniform_sphere", posterior="von_mises_fisher")
    """

    latent_space = "sphere"
    distribution_class = VonMisesFisherDistribution

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        if len(self.latent_shape) != 1 or self.latent_shape[0] < 2:
            raise ValueError(
                f"The posterior 'von_mises_fisher' needs at least two latent dimensions. Received: {self.latent_shape}"
            )
        input_shape = width_with_context(self.require_single_features(features_shape), context_shape)
        self.loc_head = Projection(self.latent_shape, dtype=self.dtype_policy, name="loc")
        self.concentration_head = Projection(
            (1,), kernel_initializer="zeros", dtype=self.dtype_policy, name="concentration"
        )
        self.loc_head.build(input_shape)
        self.concentration_head.build(input_shape)

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        features = concatenate_context(features, context)
        direction = self.loc_head(features)
        # The origin has no direction: a small first coordinate provides one, and keeps the gradient finite.
        norm = ops.sqrt(ops.sum(ops.square(direction), axis=-1, keepdims=True) + 1e-12)
        at_origin = ops.cast(norm < 1e-5, "float32")
        pole = ops.one_hot(ops.zeros(ops.shape(direction)[:-1], dtype="int32"), self.latent_shape[0], dtype="float32")
        loc = at_origin * pole + (1.0 - at_origin) * direction / norm
        return VonMisesFisherDistribution(loc, 1.0 + ops.softplus(self.concentration_head(features)[..., 0]))
