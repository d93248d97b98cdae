"""A transformer encoder."""

from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.encoders.sequence import Sequence
from keras_vae.hints import Config, Shape, Tensor
from keras_vae.layers.sequence import sequence_width, sinusoidal_positions
from keras_vae.layers.transformer_block import TransformerBlock
from keras_vae.registry import encoders

__all__ = ["Transformer"]


@encoders.register("transformer", package="keras_vae")
class Transformer(Sequence):
    """Self-attention over the whole sequence, then a mean over time (Vaswani et al., 2017).

    For data `(time, features)` and tokens, of any length: the positions are sinusoids, not learned. Its cost grows with
    the square of the length.

    Args:
        width: number of features of every step inside the blocks.
        blocks: number of blocks.
        heads: number of attention heads.
        dropout: rate of the dropout inside every block, active in training.
        return_sequences: whether the features are those of every step, `(batch, time, units)`; see `Sequence`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, or data that are not sequences.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> tuple(kv.encoders.Transformer(width=16)(np.zeros((2, 9, 5), "float32")).shape)
    (2, 16)
    """

    def __init__(
        self,
        width: int = 128,
        blocks: int = 2,
        heads: int = 4,
        dropout: float = 0.0,
        return_sequences: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(return_sequences, **kwargs)
        self.width = positive_int(width, "width")
        self.heads = positive_int(heads, "heads")
        self.dropout = dropout
        self.embed = keras.layers.Dense(self.width, dtype=self.dtype_policy, name="embed")
        self.blocks = [
            TransformerBlock(heads, dropout=dropout, dtype=self.dtype_policy, name=f"block_{index}")
            for index in range(positive_int(blocks, "blocks"))
        ]
        self.norm = keras.layers.LayerNormalization(dtype=self.dtype_policy, name="norm")

    def build(self, input_shape: Shape) -> None:
        self.embed.build((None, None, sequence_width(tuple(input_shape)[1:], "encoder", "transformer")))
        for layer in (*self.blocks, self.norm):
            layer.build((None, None, self.width))

    def features(self, x: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        x = self.embed(x)
        x = x + ops.cast(sinusoidal_positions(ops.shape(x)[1], self.width), x.dtype)
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
        return self.norm(x)

    def feature_width(self) -> int:
        return self.width

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "width": self.width,
            "blocks": len(self.blocks),
            "heads": self.heads,
            "dropout": self.dropout,
        }
