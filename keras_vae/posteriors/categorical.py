"""A posterior over categorical latents."""

from typing import Any

import keras

from keras_vae.arguments import positive_number
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.one_hot_categorical import OneHotCategorical
from keras_vae.hints import Config, Part, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.projection import Projection
from keras_vae.posteriors.posterior import Posterior
from keras_vae.registry import posteriors

__all__ = ["Categorical"]


@posteriors.register("categorical", package="keras_vae")
class Categorical(Posterior):
    """q(z|x): independent categorical variables, with Gumbel-softmax gradients (Jang, Gu and Poole, 2017).

    For the prior `"uniform_categorical"`. The KL is exact. The temperature of the softmax is a variable:
    anneal it with `keras_vae.callbacks.TemperatureSchedule(schedule)`.

    Args:
        temperature: initial temperature of the softmax: high for smooth gradients, low for exact ones.
        straight_through: pass one-hot vectors to the decoder; if False, points inside the simplex, for
            which `elbo` and `log_likelihood` are not bounds.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments; when built for latents that are not `(variables, classes)`.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=3, prior="uniform_categorical", posterior="categorical")
    """

    latent_space = "one_hot"
    distribution_class = OneHotCategorical

    def __init__(self, temperature: float = 1.0, straight_through: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial_temperature = positive_number(temperature, "temperature")
        self.straight_through = straight_through
        self.temperature = self.add_weight(
            name="temperature",
            shape=(),
            initializer=keras.initializers.Constant(self.initial_temperature),
            trainable=False,
            autocast=False,
        )

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        if len(self.latent_shape) != 2:
            raise ValueError(
                "The posterior 'categorical' needs latents of shape (variables, classes), as with the prior "
                f"'uniform_categorical'. Received: latents of shape {self.latent_shape}"
            )
        input_shape = width_with_context(self.require_single_features(features_shape), context_shape)
        variables, classes = self.latent_shape
        self.logits_head = Projection((variables * classes,), dtype=self.dtype_policy, name="logits")
        self.logits_head.build(input_shape)

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        logits = self.logits_head(concatenate_context(features, context))
        logits = keras.ops.reshape(logits, (-1, *self.latent_shape))
        return OneHotCategorical(
            logits, keras.ops.convert_to_tensor(self.temperature), straight_through=self.straight_through
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "temperature": self.initial_temperature,
            "straight_through": self.straight_through,
        }
