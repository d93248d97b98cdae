"""A convolutional encoder."""

from typing import Any

import keras

from keras_vae.arguments import positive_int, positive_ints
from keras_vae.encoders.spatial import Spatial
from keras_vae.hints import Activation, Config, Ints, Shape, Tensor
from keras_vae.layers.convolution import convolution
from keras_vae.layers.spatial import spatial_rank
from keras_vae.registry import encoders
from keras_vae.serialization import serialize_function

__all__ = ["Conv"]


@encoders.register("conv", package="keras_vae")
class Conv(Spatial):
    """Strided convolutions, then one dense layer: for images, and for signals and volumes.

    Works on data with channels last: `(steps, channels)`, `(height, width, channels)` or
    `(depth, height, width, channels)`.

    It shrinks by strides and not by pooling, as in Radford, Metz and Chintala (2016).

    Args:
        filters: number of filters of every strided convolution, in order.
        kernel_size: size of every kernel.
        strides: by how much every convolution shrinks the axes.
        hidden_units: width of the dense layer after them; None for spatial features.
        activation: activation of every layer.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, or data without spatial axes.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> tuple(kv.encoders.Conv()(np.zeros((2, 28, 28, 1), "float32")).shape)
    (2, 256)
    """

    def __init__(
        self,
        filters: Ints = (32, 64),
        kernel_size: int = 3,
        strides: Ints = 2,
        hidden_units: Ints = 256,
        activation: Activation = "relu",
        **kwargs: Any,
    ) -> None:
        super().__init__(hidden_units, **kwargs)
        self.filters = positive_ints(filters, "filters")
        self.kernel_size = positive_int(kernel_size, "kernel_size")
        self.strides = positive_int(strides, "strides")
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Shape) -> None:
        shape = tuple(input_shape)
        layer_class = convolution(spatial_rank(shape[1:], "encoder"))
        self.convolutions = []
        for index, filters in enumerate(self.filters):
            layer = layer_class(
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
            shape = layer.compute_output_shape(shape)
            self.convolutions.append(layer)
        self.build_last(shape)

    def call(self, x: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        for layer in self.convolutions:
            x = layer(x)
        return self.last(x)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "activation": serialize_function(self.activation, "activation"),
        }
