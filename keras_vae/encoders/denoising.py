"""An encoder that sees corrupted data in training."""

from typing import Any

import keras

from keras_vae import registry
from keras_vae.encoders.encoder import Encoder
from keras_vae.encoders.from_model import FromModel
from keras_vae.hints import Component, Config, Shape, Tensor
from keras_vae.layers.salt_and_pepper import SaltAndPepper
from keras_vae.registry import encoders

__all__ = ["Denoising"]


@encoders.register("denoising", package="keras_vae")
class Denoising(Encoder):
    """Adds noise to the input of any encoder, in training only; the clean data are reconstructed.

    The denoising criterion for variational autoencoders of Im et al. (2017), after Vincent et al. (2008).
    `predict`, `encode` and `elbo` add no noise. An encoder whose `call` takes `condition` gets it, without noise.

    The pseudo-inputs of a VampPrior are corrupted in training like the data, since the prior must match the
    posteriors of corrupted data.

    Args:
        encoder: name, config or instance of the encoder, or any Keras model.
        corruption: Keras layer that keeps the shape, such as `keras.layers.GaussianNoise(0.3)`; by default
            `keras_vae.layers.SaltAndPepper(0.25)`. Its input is the encoder's input: images in [0, 1].
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        TypeError: a corruption that is not a Keras layer.
        ValueError: a corruption that changes the shape.

    Example:

    >>> import keras
    >>> import keras_vae as kv
    >>> encoder = kv.encoders.Denoising("conv", keras.layers.GaussianNoise(0.3, seed=0))
    >>> vae = kv.VAE(data_shape=(8, 8, 1), latent_dim=4, encoder=encoder)
    """

    def __init__(
        self, encoder: Component = "mlp", corruption: keras.layers.Layer | Config | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(encoder, keras.layers.Layer):
            encoder = registry.encoders.get(encoder, dtype=self.dtype_policy)
        self.encoder = encoder if isinstance(encoder, Encoder) else FromModel(encoder, dtype=encoder.dtype_policy)
        if isinstance(corruption, dict):
            corruption = keras.saving.deserialize_keras_object(corruption)
        self.corruption: Any = SaltAndPepper(dtype=self.dtype_policy) if corruption is None else corruption
        if not isinstance(self.corruption, keras.layers.Layer):
            raise TypeError(
                "Argument `corruption` must be a Keras layer, such as keras.layers.GaussianNoise(0.3). Received: "
                f"corruption={corruption!r}"
            )

    @property
    def takes_condition(self) -> bool:
        return bool(self.encoder.takes_condition)

    def build(self, input_shape: Shape) -> None:
        self.encoder.condition_width = self.condition_width
        for layer in (self.corruption, self.encoder):
            if not layer.built:
                layer.build(tuple(input_shape))

    def call(
        self, x: Tensor, mask: Tensor | None = None, training: bool | None = None, condition: Tensor | None = None
    ) -> Tensor:
        if training:
            noisy = self.corruption(x, training=True)
            if tuple(noisy.shape[1:]) != tuple(x.shape[1:]):
                raise ValueError(
                    f"Argument `corruption`: {type(self.corruption).__name__} must keep the shape of the data, "
                    f"{tuple(x.shape[1:])}. Received: a layer that returns {tuple(noisy.shape[1:])}."
                )
            x = noisy
        options = {} if condition is None else {"condition": condition}
        return self.encoder(x, mask=mask, training=training, **options)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.encoder.compute_output_shape(input_shape)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "corruption": keras.saving.serialize_keras_object(self.corruption),
        }
