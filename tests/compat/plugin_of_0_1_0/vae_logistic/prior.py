"""A logistic prior."""

from keras import ops

from keras_vae.priors import Prior
from vae_logistic.distribution import Logistic as LogisticDistribution

__all__ = ["Logistic"]


class Logistic(Prior):
    """p(z) = Logistic(0, scale), independent over the dimensions, the scale learned for each.

    There is no closed form of its KL to a Gaussian, so keras_vae takes log q(z) - log p(z) at the draw.

    Args:
        learn_scale: with False, the scale stays 1.
        **kwargs: `name`, `dtype`, as for every Keras layer.
    """

    distribution_class = LogisticDistribution

    def __init__(self, learn_scale=True, **kwargs):
        super().__init__(**kwargs)
        self.learn_scale = learn_scale

    def build(self, context_shape, latent_shape, data_spec=None):
        super().build(context_shape, latent_shape, data_spec)
        # autocast=False: half precision must not reach a density.
        self.log_scale = self.add_weight(
            name="log_scale",
            shape=self.latent_shape,
            initializer="zeros",
            trainable=self.learn_scale,
            autocast=False,
        )

    def distribution(self, context, *, encode=None):
        zeros = ops.zeros((ops.shape(context)[0], *self.latent_shape))
        return LogisticDistribution(zeros, zeros + self.log_scale, event_ndims=len(self.latent_shape))

    def get_config(self):
        return {**super().get_config(), "learn_scale": self.learn_scale}
