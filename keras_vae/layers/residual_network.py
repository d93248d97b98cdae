"""What the encoder and the decoder `resnet` share."""

from typing import Any

import keras

from keras_vae.arguments import positive_int, positive_ints
from keras_vae.hints import Activation, Config, Ints
from keras_vae.layers.residual_block import ResidualBlock
from keras_vae.layers.spatial_attention import SpatialAttention
from keras_vae.serialization import serialize_function

__all__ = ["ResidualNetwork"]


class ResidualNetwork(keras.layers.Layer):
    """The choices of a network of residual stages, and the layers made by them; it stands in front of other bases.

    Args:
        filters: number of channels of every stage, in order.
        blocks: number of residual blocks in a stage.
        kernel_size: size of the kernels.
        attention: whether there is attention, at the smallest map.
        heads: number of heads of the attention.
        activation: activation in front of the convolutions.
        dropout: rate of the dropout within the blocks, active in training.
        **kwargs: those of the next base.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> from keras_vae.layers.residual_network import ResidualNetwork
    >>> network = ResidualNetwork((16, 8), 2, 3, False, 1, "swish", 0.0)
    >>> [block.name for block in network.stage(1, upsample=2)]
    ['stage_1_block_0', 'stage_1_block_1']
    """

    def __init__(
        self,
        filters: Ints,
        blocks: int,
        kernel_size: int,
        attention: bool,
        heads: int,
        activation: Activation,
        dropout: float,
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

    def stage(self, index: int, **resize: int) -> list[ResidualBlock]:
        """The blocks of a stage.

        Args:
            index: its number.
            **resize: `strides` or `upsample` of its first block.
        """
        return [
            ResidualBlock(
                self.filters[index],
                kernel_size=self.kernel_size,
                activation=self.activation,
                dropout=self.dropout,
                dtype=self.dtype_policy,
                name=f"stage_{index}_block_{block}",
                **({} if block else resize),
            )
            for block in range(self.blocks)
        ]

    def attention_layer(self) -> SpatialAttention | None:
        """The attention, or None where there is none."""
        return SpatialAttention(self.heads, dtype=self.dtype_policy, name="attention") if self.attention else None

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
