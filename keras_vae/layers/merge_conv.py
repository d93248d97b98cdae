"""The link from one level of spatial latents to the next."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae.arguments import positive_int
from keras_vae.hints import Activation, Config, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.convolution import convolution
from keras_vae.serialization import serialize_function

__all__ = ["MergeConv"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class MergeConv(keras.layers.Layer):
    """Merges a context and spatial latents by a residual convolution and upsampling: the context of the next level.

    One step of the top-down path of a ladder (Vahdat and Kautz, 2020; Child, 2021), for images.

    Args:
        filters: number of channels of the new context.
        upsample: factor by which height and width grow; 1 to keep the resolution.
        kernel_size: size of the kernels.
        activation: activation between the convolutions.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Call arguments:
        inputs: list of the context, `(batch, width)` or `(batch, height, width, channels)`, and the
            latents `(batch, height, width, channels)`.

    Raises:
        ValueError: latents that are not spatial.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import MergeConv
    >>> context, z = np.zeros((2, 0), "float32"), np.zeros((2, 4, 4, 3), "float32")
    >>> tuple(MergeConv(16, upsample=2)([context, z]).shape)
    (2, 8, 8, 16)
    """

    def __init__(
        self,
        filters: int = 32,
        upsample: int = 1,
        kernel_size: int = 3,
        activation: Activation = "silu",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = positive_int(filters, "filters")
        self.upsample = positive_int(upsample, "upsample")
        self.kernel_size = positive_int(kernel_size, "kernel_size")
        self.activation = keras.activations.get(activation)
        options = {"padding": "same", "data_format": "channels_last", "dtype": self.dtype_policy}
        self.inner = convolution(2)(filters, kernel_size, activation=self.activation, name="inner", **options)
        self.outer = convolution(2)(filters, kernel_size, name="outer", **options)
        self.skip = convolution(2)(filters, 1, name="skip", **options)
        self.widen = keras.layers.UpSampling2D(upsample, data_format="channels_last", dtype=self.dtype_policy)

    def build(self, input_shape: Sequence[Shape]) -> None:
        context_shape, z_shape = (tuple(shape) for shape in input_shape)
        if len(z_shape) != 4 or (len(context_shape) == 4 and context_shape[1:3] != z_shape[1:3]):
            raise ValueError(
                "MergeConv joins latents (height, width, channels) with a context of the same height and width. "
                f"Received: latents of shape {z_shape[1:]}, a context of shape {context_shape[1:]}"
            )
        shape = width_with_context(z_shape, context_shape)
        self.inner.build(shape)
        self.skip.build(shape)
        self.outer.build((*shape[:-1], self.filters))

    def call(self, inputs: Sequence[Tensor], training: bool | None = None) -> Tensor:
        context, z = inputs
        x = concatenate_context(z, context)
        return self.widen(self.skip(x) + self.outer(self.inner(x)))

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        batch, height, width, _ = input_shape[1]
        return (batch, height * self.upsample, width * self.upsample, self.filters)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "upsample": self.upsample,
            "kernel_size": self.kernel_size,
            "activation": serialize_function(self.activation, "activation"),
        }
