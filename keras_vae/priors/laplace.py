"""A Laplace prior, for sparse latents."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_number
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.laplace import Laplace as LaplaceDistribution
from keras_vae.hints import Config, Encode, Shape, Tensor
from keras_vae.priors.prior import Prior
from keras_vae.registry import priors

__all__ = ["Laplace"]


@priors.register("laplace", package="keras_vae")
class Laplace(Prior):
    """p(z) = product of Laplace(0, scale) over the dimensions: sharp at zero, with heavy tails.

    The prior of sparse coding (Olshausen and Field, 1996), in a VAE by Barello, Charles and Pillow (2018):
    for each example most latents are small and a few are large. Unlike N(0, 1) it is not invariant
    to rotations, so it favours the axes. It ignores the context. Draws are
    `(batch, *latent_shape)`.

    Args:
        scale: scale of every dimension; the standard deviation is sqrt(2) times as large.
        learn_scale: learn a scale for every dimension, starting at `scale`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: a scale that is not positive.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> prior = kv.priors.Laplace(scale=0.5)
    >>> prior.build((None, 0), (2,))
    >>> float(prior.distribution(ops.zeros((1, 0))).log_prob(ops.zeros((1, 2)))[0])
    0.0
    """

    distribution_class = LaplaceDistribution

    def __init__(self, scale: float = 1.0, learn_scale: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = positive_number(scale, "scale")
        self.learn_scale = learn_scale

    def build(self, context_shape: Shape, latent_shape: Shape, data_spec: dict[str, Any] | None = None) -> None:
        super().build(context_shape, latent_shape, data_spec)
        self.log_scale = self.add_weight(
            name="log_scale",
            shape=self.latent_shape,
            initializer=keras.initializers.Constant(math.log(self.scale)),
            trainable=self.learn_scale,
            autocast=False,
        )

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        log_scale = self.broadcast_to_batch(self.log_scale, context)
        return LaplaceDistribution(ops.zeros_like(log_scale), log_scale, event_ndims=len(self.latent_shape))

    def get_config(self) -> Config:
        return {**super().get_config(), "scale": self.scale, "learn_scale": self.learn_scale}
