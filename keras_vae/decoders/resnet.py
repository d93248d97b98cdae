"""A residual convolutional decoder."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int, positive_ints
from keras_vae.decoders.decoder import Decoder
from keras_vae.hints import Activation, Config, Ints, Shape, Tensor
from keras_vae.layers.residual_block import ResidualBlock, group_normalization
from keras_vae.layers.spatial import spatial_rank
from keras_vae.layers.spatial_attention import SpatialAttention
from keras_vae.registry import decoders
from keras_vae.serialization import serialize_function

__all__ = ["ResNet"]


@decoders.register("resnet", package="keras_vae")
class ResNet(Decoder):
    """One dense layer, then residual blocks that double the size stage by stage, the mirror of `resnet`.

    Growing by repeated neighbours and a convolution leaves no checkerboard, as transposed convolutions can
    (Odena, Dumoulin and Olah, 2016). Where an axis is odd, a stage is cropped to the size that the encoder had
    there. Latents that are spatial already, and as large as the first stage expects, stay so. Signals, images
    and volumes, channels last.

    Args:
        filters: number of channels of every stage, coarse to fine; each doubles the axes.
        blocks: number of residual blocks in a stage.
        kernel_size: size of the kernels.
        attention: whether every position looks at all others in front of the first stage.
        heads: number of heads of the attention.
        activation: activation in front of the convolutions.
        dropout: rate of the dropout within the blocks, active in training.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, data without spatial axes, or no `target_shape`.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> decoder = kv.decoders.ResNet((16, 8))
    >>> decoder.build((None, 4), (None, 27, 30, 1))
    >>> tuple(decoder(np.zeros((2, 4), "float32")).shape)
    (2, 27, 30, 8)
    """

    def __init__(
        self,
        filters: Ints = (64, 32),
        blocks: int = 1,
        kernel_size: int = 3,
        attention: bool = False,
        heads: int = 1,
        activation: Activation = "swish",
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = positive_ints(filters, "filters")
        self.blocks = positive_int(blocks, "blocks")
        self.kernel_size = positive_int(kernel_size, "kernel_size")
        self.attention = bool(attention)
        self.heads = positive_int(heads, "heads")
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.first_attention = (
            SpatialAttention(self.heads, dtype=self.dtype_policy, name="attention") if attention else None
        )
        self.stages = [
            [
                ResidualBlock(
                    width,
                    upsample=1 if block else 2,
                    kernel_size=self.kernel_size,
                    activation=self.activation,
                    dropout=dropout,
                    dtype=self.dtype_policy,
                    name=f"stage_{stage}_block_{block}",
                )
                for block in range(self.blocks)
            ]
            for stage, width in enumerate(self.filters)
        ]

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        if target_shape is None:
            raise ValueError(
                "The decoder 'resnet' must know the data's shape: call build(z_shape, target_shape) first, as "
                "keras_vae.VAE does, or pass the data as `target`."
            )
        spatial_rank(tuple(target_shape)[1:], "decoder", "resnet")
        self.sizes = [tuple(target_shape)[1:-1]]
        for _ in self.filters:
            self.sizes.insert(0, tuple(-(-axis // 2) for axis in self.sizes[0]))
        self.width = math.prod(tuple(z_shape)[1:])
        self.spatial = tuple(z_shape)[1:-1] == self.sizes[0]
        self.dense = keras.layers.Dense(
            self.filters[0] if self.spatial else math.prod(self.sizes[0]) * self.filters[0],
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dense.build(tuple(z_shape) if self.spatial else (None, self.width))
        shape = (None, *self.sizes[0], self.filters[0])
        if self.first_attention is not None:
            self.first_attention.build(shape)
        for stage, size, width in zip(self.stages, self.sizes[1:], self.filters, strict=True):
            for block in stage:
                block.build(shape)
                shape = (None, *size, width)
        self.norm = group_normalization(shape[-1], dtype=self.dtype_policy, name="norm")
        self.norm.build(shape)

    def call(
        self, z: Tensor, target: Tensor | None = None, mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        if self.spatial:
            x = self.dense(z)
        else:
            x = self.dense(ops.reshape(z, (-1, self.width)))
            x = ops.reshape(x, (-1, *self.sizes[0], self.filters[0]))
        if self.first_attention is not None:
            x = self.first_attention(x, training=training)
        for stage, size in zip(self.stages, self.sizes[1:], strict=True):
            for block in stage:
                x = block(x, training=training)
                if tuple(x.shape[1:-1]) != size:
                    x = x[(slice(None), *(slice(axis) for axis in size))]
        return self.activation(self.norm(x))

    def compute_output_shape(self, z_shape: Shape, target_shape: Shape | None = None) -> Shape:
        spatial = self.sizes[-1] if target_shape is None else tuple(target_shape)[1:-1]
        return (z_shape[0], *spatial, self.filters[-1])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "blocks": self.blocks,
            "kernel_size": self.kernel_size,
            "attention": self.attention,
            "heads": self.heads,
            "activation": serialize_function(self.activation, "activation"),
            "dropout": self.dropout,
        }
