"""A residual convolutional encoder."""

from typing import Any

import keras

from keras_vae.arguments import positive_int, positive_ints
from keras_vae.encoders.encoder import Encoder
from keras_vae.hints import Activation, Config, Ints, Shape, Tensor
from keras_vae.layers.residual_block import ResidualBlock, group_normalization
from keras_vae.layers.spatial import spatial_rank
from keras_vae.layers.spatial_attention import SpatialAttention
from keras_vae.registry import encoders
from keras_vae.serialization import serialize_function

__all__ = ["ResNet"]


@encoders.register("resnet", package="keras_vae")
class ResNet(Encoder):
    """Residual blocks that halve the size stage by stage, then one dense layer: for larger images and colour images.

    Blocks as in He et al. (2016), with group normalisation and swish, as the encoders of Child (2021) and of
    Ho, Jain and Abbeel (2020). Examples of a batch do not affect each other. Works on signals, images and
    volumes `(batch, *spatial, channels)` of any size; features are `(batch, hidden_units)`.

    Args:
        filters: number of channels of every stage, in order; each halves the axes.
        blocks: number of residual blocks in a stage.
        kernel_size: size of the kernels.
        hidden_units: width of the dense layer after the stages; None for spatial features.
        attention: whether to add self-attention after the last stage.
        heads: number of heads of the attention.
        activation: activation before the convolutions, and of the dense layer.
        dropout: rate of the dropout within the blocks, active in training.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, or data without spatial axes.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> encoder = kv.encoders.ResNet((8, 16), hidden_units=32, attention=True)
    >>> tuple(encoder(np.zeros((2, 32, 32, 3), "float32")).shape)
    (2, 32)
    """

    def __init__(
        self,
        filters: Ints = (32, 64),
        blocks: int = 1,
        kernel_size: int = 3,
        hidden_units: Ints = 256,
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
        self.hidden_units = None if hidden_units is None else positive_int(hidden_units, "hidden_units")
        self.attention = bool(attention)
        self.heads = positive_int(heads, "heads")
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.stages = [
            ResidualBlock(
                width,
                strides=1 if block else 2,
                kernel_size=self.kernel_size,
                activation=self.activation,
                dropout=dropout,
                dtype=self.dtype_policy,
                name=f"stage_{stage}_block_{block}",
            )
            for stage, width in enumerate(self.filters)
            for block in range(self.blocks)
        ]
        if self.attention:
            self.stages.append(SpatialAttention(self.heads, dtype=self.dtype_policy, name="attention"))

    def build(self, input_shape: Shape) -> None:
        shape = tuple(input_shape)
        rank = spatial_rank(shape[1:], "encoder", "resnet")
        self.stem = getattr(keras.layers, f"Conv{rank}D")(
            self.filters[0],
            self.kernel_size,
            padding="same",
            data_format="channels_last",
            dtype=self.dtype_policy,
            name="stem",
        )
        for layer in (self.stem, *self.stages):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.norm = group_normalization(shape[-1], dtype=self.dtype_policy, name="norm")
        self.norm.build(shape)
        if self.hidden_units is not None:
            self.flatten = keras.layers.Flatten(data_format="channels_last", dtype=self.dtype_policy)
            self.dense = keras.layers.Dense(
                self.hidden_units, activation=self.activation, dtype=self.dtype_policy, name="dense"
            )
            self.dense.build(self.flatten.compute_output_shape(shape))

    def call(self, x: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x, training=training)
        x = self.activation(self.norm(x))
        return x if self.hidden_units is None else self.dense(self.flatten(x))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.hidden_units is not None:
            return (input_shape[0], self.hidden_units)
        spatial = tuple(input_shape)[1:-1]
        for _ in self.filters:
            spatial = tuple(-(-axis // 2) for axis in spatial)
        return (input_shape[0], *spatial, self.filters[-1])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "blocks": self.blocks,
            "kernel_size": self.kernel_size,
            "hidden_units": self.hidden_units,
            "attention": self.attention,
            "heads": self.heads,
            "activation": serialize_function(self.activation, "activation"),
            "dropout": self.dropout,
        }
