"""A learned mixture of Gaussians."""

from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int, positive_number
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian_mixture import GaussianMixture
from keras_vae.hints import Config, Encode, Seed, Shape, Tensor
from keras_vae.priors.prior import Prior
from keras_vae.registry import priors

__all__ = ["Mixture"]


@priors.register("mixture", package="keras_vae")
class Mixture(Prior):
    """p(z) = sum_k weight_k N(loc_k, diag exp(log_var_k)), all learned; it ignores the context.

    The "MoG" of Tomczak and Welling (2018), and with the weights learned the prior of deep clustering
    (Jiang et al., 2017). In clustered data each component tends to fit one cluster.
    Draws are `(batch, *latent_shape)`.

    Args:
        components: number of Gaussians.
        learn_weights: learn the components' weights; if False, the weights are equal.
        spread: standard deviation of the initial means; components with equal means would stay equal.
        seed: seed of the initial means.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> prior = kv.priors.Mixture(10, seed=0)
    >>> prior.build((None, 0), (2,))
    >>> tuple(prior.distribution(ops.zeros((5, 0))).log_prob(ops.zeros((5, 2))).shape)
    (5,)
    """

    distribution_class = GaussianMixture

    def __init__(
        self, components: int = 10, learn_weights: bool = True, spread: float = 1.0, seed: Seed = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.components = positive_int(components, "components")
        self.learn_weights = learn_weights
        self.spread = positive_number(spread, "spread")
        self.seed = seed

    def build(self, context_shape: Shape, latent_shape: Shape, data_spec: dict[str, Any] | None = None) -> None:
        super().build(context_shape, latent_shape, data_spec)
        shape = (self.components, *self.latent_shape)
        initializer = keras.initializers.RandomNormal(0.0, self.spread, seed=self.seed)
        self.loc = self.add_weight(name="loc", shape=shape, initializer=initializer, autocast=False)
        self.log_var = self.add_weight(name="log_var", shape=shape, initializer="zeros", autocast=False)
        self.logits = self.add_weight(
            name="logits",
            shape=(self.components,),
            initializer="zeros",
            trainable=self.learn_weights,
            autocast=False,
        )

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        return GaussianMixture(self.loc, self.log_var, self.logits, batch_size=ops.shape(context)[0])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "components": self.components,
            "learn_weights": self.learn_weights,
            "spread": self.spread,
            "seed": self.seed,
        }
