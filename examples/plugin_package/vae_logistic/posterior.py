"""A Gaussian posterior with one variance."""

from keras import ops

from keras_vae.distributions import Gaussian
from keras_vae.layers import Projection
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.posteriors import Posterior

__all__ = ["Isotropic"]


class Isotropic(Posterior):
    """q(z | x) = N(z_mean(x), exp(z_log_var(x)) I), one variance for all dimensions.

    Args:
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: when built on features that do not fit.
    """

    distribution_class = Gaussian

    def build(self, features_shape, context_shape, latent_shape):
        super().build(features_shape, context_shape, latent_shape)
        input_shape = width_with_context(self.require_single_features(features_shape), context_shape)
        self.mean_head = Projection(self.latent_shape, dtype=self.dtype_policy, name="z_mean")
        self.log_var_head = Projection((1,), kernel_initializer="zeros", dtype=self.dtype_policy, name="z_log_var")
        self.mean_head.build(input_shape)
        self.log_var_head.build(input_shape)

    def distribution(self, features, context, *, prior=None):
        features = concatenate_context(features, context)
        loc, log_var = self.mean_head(features), self.log_var_head(features)
        log_var = ops.reshape(log_var, (-1, *([1] * len(self.latent_shape))))
        return Gaussian(loc, ops.zeros_like(loc) + log_var, event_ndims=len(self.latent_shape))
