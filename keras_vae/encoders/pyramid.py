"""A convolutional encoder with features at several resolutions."""

from typing import Any

import keras

from keras_vae.arguments import positive_int, positive_ints
from keras_vae.encoders.encoder import Encoder
from keras_vae.hints import Activation, Config, Ints, Shape, Tensor
from keras_vae.layers.convolution import convolution
from keras_vae.registry import encoders
from keras_vae.serialization import serialize_function

__all__ = ["Pyramid"]


@encoders.register("pyramid", package="keras_vae")
class Pyramid(Encoder):
    """Feature maps at every resolution, coarsest first: the bottom-up path of a ladder of spatial latents.

    Stage i halves height and width and gives `filters[i]` channels, so data `(28, 28, 1)` and two stages
    give maps of 7 x 7 and 14 x 14, for levels of latents such as `(7, 7, 8)` and `(14, 14, 4)`.

    The deterministic upward pass of Sonderby et al. (2016), for images as in Vahdat and Kautz (2020).

    Args:
        filters: number of channels of every stage, fine to coarse.
        kernel_size: size of every kernel.
        activation: activation of every convolution.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, or data that are not images with channels last.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> [tuple(map.shape) for map in kv.encoders.Pyramid((8, 16))(np.zeros((2, 28, 28, 1), "float32"))]
    [(2, 7, 7, 16), (2, 14, 14, 8)]
    """

    def __init__(
        self,
        filters: Ints = (32, 64),
        kernel_size: int = 3,
        activation: Activation = "silu",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = positive_ints(filters, "filters")
        self.kernel_size = positive_int(kernel_size, "kernel_size")
        self.activation = keras.activations.get(activation)
        self.stages = [
            [
                convolution(2)(
                    channels,
                    self.kernel_size,
                    strides=strides,
                    padding="same",
                    data_format="channels_last",
                    activation=self.activation,
                    dtype=self.dtype_policy,
                    name=f"stage_{index}_stride_{strides}",
                )
                for strides in (2, 1)
            ]
            for index, channels in enumerate(self.filters)
        ]

    def build(self, input_shape: Shape) -> None:
        shape = tuple(input_shape)
        if len(shape) != 4 or None in shape[1:]:
            raise ValueError(
                f"The encoder 'pyramid' needs images of shape (height, width, channels). Received: {shape[1:]}"
            )
        for stage in self.stages:
            for layer in stage:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)

    def call(self, x: Tensor, mask: Tensor | None = None, training: bool | None = None) -> list[Tensor]:
        maps: list[Tensor] = []
        for stage in self.stages:
            for layer in stage:
                x = layer(x)
            maps.insert(0, x)
        return maps

    def compute_output_shape(self, input_shape: Shape) -> list[Shape]:
        batch, height, width, _ = input_shape
        shapes: list[Shape] = []
        for channels in self.filters:
            height, width = -(-height // 2), -(-width // 2)
            shapes.insert(0, (batch, height, width, channels))
        return shapes

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "activation": serialize_function(self.activation, "activation"),
        }
