"""The uniform prior over categorical latents."""

from typing import Any

from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.one_hot_categorical import OneHotCategorical
from keras_vae.hints import Config, Encode, Shape, Tensor
from keras_vae.priors.prior import Prior
from keras_vae.registry import priors

__all__ = ["UniformCategorical"]


@priors.register("uniform_categorical", package="keras_vae")
class UniformCategorical(Prior):
    """`latent_dim` independent categorical variables, all classes equally likely, as one-hot vectors.

    For the posterior `"categorical"` (Jang, Gu and Poole, 2017). Latents have the shape
    `(latent_dim, classes)`. It has no weights and ignores the context.

    Args:
        classes: number of classes of every variable.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: `classes` is not a positive int.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=3, prior="uniform_categorical", posterior="categorical")
    >>> vae.encode(np.zeros((2, 6))).shape
    (2, 3, 10)
    """

    latent_space = "one_hot"
    distribution_class = OneHotCategorical

    def __init__(self, classes: int = 10, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes = positive_int(classes, "classes")

    def resolve_latent_shape(self, latent_dim: Any) -> Shape:
        return (*super().resolve_latent_shape(latent_dim), self.classes)

    def build(self, context_shape: Shape, latent_shape: Shape, data_spec: dict[str, Any] | None = None) -> None:
        super().build(context_shape, latent_shape, data_spec)
        if len(self.latent_shape) != 2:
            raise ValueError(
                "The prior 'uniform_categorical' needs latents of shape (variables, classes). Received: "
                f"{self.latent_shape}"
            )

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        return OneHotCategorical(ops.zeros((ops.shape(context)[0], *self.latent_shape)))

    def get_config(self) -> Config:
        return {**super().get_config(), "classes": self.classes}
