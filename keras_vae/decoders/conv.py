"""A convolutional decoder."""

from typing import Any

import keras

from keras_vae.arguments import positive_int, positive_ints
from keras_vae.decoders.spatial import Spatial
from keras_vae.hints import Activation, Config, Ints, Shape, Tensor
from keras_vae.layers.convolution import transposed_convolution
from keras_vae.registry import decoders
from keras_vae.serialization import serialize_function

__all__ = ["Conv"]


@decoders.register("conv", package="keras_vae")
class Conv(Spatial):
    """One dense layer, then transposed convolutions up to the data's own size, the mirror of `conv`.

    Latents that are spatial already, and as large as the first convolution expects, stay so.

    Where an axis does not divide by the stride, every step is cropped to the size that the encoder had
    there, so the result has the data's size exactly. Signals, images and volumes, channels last.

    Latents `(batch, latent_dim)` become features `(batch, *spatial, filters[-1])`, as the generators of Radford, Metz
    and Chintala (2016) do.

    Args:
        filters: number of filters of every transposed convolution, in order, coarse to fine.
        kernel_size: size of every kernel.
        strides: by how much every convolution widens the axes.
        activation: activation of every layer.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, data without spatial axes, or no `target_shape`.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> decoder = kv.decoders.Conv()
    >>> decoder.build((None, 16), (None, 27, 30, 1))
    >>> tuple(decoder(np.zeros((2, 16), "float32")).shape)
    (2, 27, 30, 32)
    """

    def __init__(
        self,
        filters: Ints = (64, 32),
        kernel_size: int = 3,
        strides: Ints = 2,
        activation: Activation = "relu",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = positive_ints(filters, "filters")
        self.kernel_size = positive_int(kernel_size, "kernel_size")
        self.strides = positive_int(strides, "strides")
        self.activation = keras.activations.get(activation)

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        rank = self.build_first(z_shape, target_shape, self.activation)
        transposed = transposed_convolution(rank)
        self.convolutions = []
        shape = (None, *self.sizes[0], self.filters[0])
        for index, filters in enumerate(self.filters):
            layer = transposed(
                filters,
                self.kernel_size,
                strides=self.strides,
                padding="same",
                data_format="channels_last",
                activation=self.activation,
                dtype=self.dtype_policy,
                name=f"conv_{index}",
            )
            layer.build(shape)
            self.convolutions.append(layer)
            shape = (None, *self.sizes[index + 1], filters)

    def call(
        self, z: Tensor, target: Tensor | None = None, mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        x = self.first_map(z)
        for convolution, size in zip(self.convolutions, self.sizes[1:], strict=True):
            x = self.crop(convolution(x), size)
        return x

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "activation": serialize_function(self.activation, "activation"),
        }
