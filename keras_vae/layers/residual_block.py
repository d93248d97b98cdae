"""The residual block of `resnet`, and its group normalisation."""

from typing import Any

import keras

from keras_vae.arguments import positive_int
from keras_vae.hints import Activation, Config, Shape, Tensor
from keras_vae.layers.convolution import convolution
from keras_vae.layers.seeded_dropout import dropout_rate, seeded_dropout
from keras_vae.layers.spatial import spatial_rank
from keras_vae.serialization import serialize_function

__all__ = ["ResidualBlock", "group_normalization"]

MOST_GROUPS = 8
FEWEST_CHANNELS = 4
"""Channels in a group: with one, a map of a single position would be normalised to nothing."""


def group_normalization(channels: int, **kwargs: Any) -> keras.layers.Layer:
    """`keras.layers.GroupNormalization` with at most 8 groups of at least 4 channels, for any number of channels.

    Args:
        channels: number of channels.
        **kwargs: those of `keras.layers.GroupNormalization`.

    Example:

    >>> from keras_vae.layers import group_normalization
    >>> [group_normalization(channels).groups for channels in (64, 24, 7, 2)]
    [8, 6, 1, 1]
    """
    groups = max(
        count
        for count in range(1, MOST_GROUPS + 1)
        if channels % count == 0 and (count == 1 or channels // count >= FEWEST_CHANNELS)
    )
    return keras.layers.GroupNormalization(groups, **kwargs)


@keras.saving.register_keras_serializable("keras_vae.layers")
class ResidualBlock(keras.layers.Layer):
    """x + f(x), f two convolutions, each after a group normalisation and an activation: for deep image networks.

    Pre-activation (He et al., 2016) with group normalisation (Wu and He, 2018), which does not depend on the
    batch. The last convolution starts at zero, so that a stack of any depth starts as the identity. Where
    the number of channels or the size changes, x goes through a convolution of size 1. For signals, images and
    volumes, channels last.

    Args:
        filters: number of channels of the result.
        strides: factor by which the axes shrink.
        upsample: factor by which the axes grow, by nearest-neighbour upsampling.
        kernel_size: size of the kernels.
        activation: activation before both convolutions.
        dropout: rate of the dropout between them, active in training.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Call arguments:
        inputs: `(batch, *spatial, channels)`, one to three spatial axes.

    Raises:
        ValueError: bad arguments, or inputs without spatial axes.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import ResidualBlock
    >>> tuple(ResidualBlock(16, strides=2)(np.zeros((2, 9, 8, 4), "float32")).shape)
    (2, 5, 4, 16)
    """

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        upsample: int = 1,
        kernel_size: int = 3,
        activation: Activation = "swish",
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = positive_int(filters, "filters")
        self.strides = positive_int(strides, "strides")
        self.upsample = positive_int(upsample, "upsample")
        if strides > 1 and upsample > 1:
            raise ValueError(
                "A ResidualBlock either downsamples or upsamples: one of `strides` and `upsample` must be 1. "
                f"Received: strides={strides!r}, upsample={upsample!r}"
            )
        self.kernel_size = positive_int(kernel_size, "kernel_size")
        self.activation = keras.activations.get(activation)
        self.dropout = dropout_rate(dropout)
        self.drop = seeded_dropout(dropout, self.dtype_policy)

    def build(self, input_shape: Shape) -> None:
        shape = tuple(input_shape)
        rank = spatial_rank(shape[1:], "layer", "ResidualBlock")
        conv = convolution(rank)
        options = {"padding": "same", "data_format": "channels_last", "dtype": self.dtype_policy}
        self.widen = None
        # Convolutions of odd size are those of repeated positions without repeating them.
        self.widens_first = self.upsample > 1 and self.kernel_size % 2 == 0
        if self.upsample > 1:
            grow = getattr(keras.layers, f"UpSampling{rank}D")
            layout = {} if rank == 1 else {"data_format": "channels_last"}
            self.widen = grow(self.upsample, dtype=self.dtype_policy, **layout)
        self.first_norm = group_normalization(shape[-1], dtype=self.dtype_policy, name="first_norm")
        self.first = conv(self.filters, self.kernel_size, strides=self.strides, name="first", **options)
        self.first.upsample = 1 if self.widens_first else self.upsample
        self.last_norm = group_normalization(self.filters, dtype=self.dtype_policy, name="last_norm")
        self.last = conv(self.filters, self.kernel_size, kernel_initializer="zeros", name="last", **options)
        self.skip = None
        if self.strides > 1 or shape[-1] != self.filters:
            self.skip = conv(self.filters, 1, name="skip", **options)
            self.skip.build(shape)
            # What a stride would take. TensorFlow 2.21 dies in the gradient of a strided kernel of size 1 on CPUs.
            self.taken = (slice(None), *([slice(None, None, self.strides)] * rank))
        inner = (*self.compute_output_shape(shape)[:-1], self.filters)
        self.first_norm.build(shape)
        self.first.build(shape)
        self.last_norm.build(inner)
        self.last.build(inner)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        # A convolution of size 1 and upsampling commute, and it is cheaper on the small map.
        shortcut = inputs if self.skip is None else self.skip(inputs if self.strides == 1 else inputs[self.taken])
        x = self.activation(self.first_norm(inputs))
        if self.widen is not None:
            shortcut = self.widen(shortcut)
            x = self.widen(x) if self.widens_first else x
        x = self.activation(self.last_norm(self.first(x)))
        if self.drop is not None:
            x = self.drop(x, training=training)
        return shortcut + self.last(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *spatial, _ = input_shape
        return (batch, *(-(-axis * self.upsample // self.strides) for axis in spatial), self.filters)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "upsample": self.upsample,
            "kernel_size": self.kernel_size,
            "activation": serialize_function(self.activation, "activation"),
            "dropout": self.dropout,
        }
