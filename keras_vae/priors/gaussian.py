"""A learned diagonal Gaussian; with a context, a conditional prior."""

from typing import Any

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import Gaussian as GaussianDistribution
from keras_vae.hints import Config, Encode, Shape, Tensor
from keras_vae.layers.projection import Projection
from keras_vae.priors.prior import Prior
from keras_vae.registry import priors

__all__ = ["Gaussian"]


@priors.register("gaussian", package="keras_vae")
class Gaussian(Prior):
    """p(z | context) = N(loc(context), diag exp(log_var(context))), learned, starting at N(0, 1).

    Without a context both parameters are learned vectors. With a context they are linear in
    it: the conditional prior p(z | c) of Sohn, Lee and Yan (2015), and the p(z1 | z2) of a hierarchy.
    Draws are `(batch, *latent_shape)`.

    Args:
        learn_loc: learn the location; if False, it stays 0.
        learn_log_var: learn the log variance; if False, it stays 0.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> prior = kv.priors.Gaussian()
    >>> prior.build((None, 0), (2,))
    >>> [tuple(weight.shape) for weight in prior.trainable_weights]
    [(2,), (2,)]
    """

    distribution_class = GaussianDistribution

    def __init__(self, learn_loc: bool = True, learn_log_var: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.learn_loc = learn_loc
        self.learn_log_var = learn_log_var

    def build(self, context_shape: Shape, latent_shape: Shape, data_spec: dict[str, Any] | None = None) -> None:
        super().build(context_shape, latent_shape, data_spec)
        # float32: these are small, and every density of the model goes through them.
        for name, learned in (("loc", self.learn_loc), ("log_var", self.learn_log_var)):
            head = Projection(
                self.latent_shape, kernel_initializer="zeros", dtype="float32", trainable=learned, name=name
            )
            head.build(tuple(context_shape))
            setattr(self, f"{name}_head", head)

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        return GaussianDistribution(
            self.loc_head(context), self.log_var_head(context), event_ndims=len(self.latent_shape)
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "learn_loc": self.learn_loc,
            "learn_log_var": self.learn_log_var,
        }
