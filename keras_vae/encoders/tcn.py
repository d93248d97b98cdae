"""A temporal convolutional encoder."""

from typing import Any

import keras

from keras_vae.arguments import positive_int, positive_ints
from keras_vae.encoders.sequence import Sequence
from keras_vae.hints import Activation, Config, Ints, Shape, Tensor
from keras_vae.layers.causal_block import CausalBlock
from keras_vae.layers.sequence import sequence_width, step_mask
from keras_vae.registry import encoders

__all__ = ["TCN"]


@encoders.register("tcn", package="keras_vae")
class TCN(Sequence):
    """Dilated causal convolutions in residual blocks, then a mean over time (Bai, Kolter and Koltun, 2018).

    For data `(time, features)` and tokens, of any length. The dilation doubles with every block, so the
    receptive field of the last one is `1 + 2 (kernel_size - 1) (2^blocks - 1)` steps: 61 by default.

    Args:
        filters: number of channels of every block, in order.
        kernel_size: number of steps that each convolution sees.
        activation: activation before every convolution.
        dropout: rate of the dropout inside every block, active in training.
        return_sequences: whether the features are those of every step, `(batch, time, units)`; see `Sequence`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, or data that are not sequences.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> tuple(kv.encoders.TCN((8, 16))(np.zeros((2, 9, 5), "float32")).shape)
    (2, 16)
    """

    def __init__(
        self,
        filters: Ints = (64, 64, 64, 64),
        kernel_size: int = 3,
        activation: Activation = "relu",
        dropout: float = 0.0,
        return_sequences: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(return_sequences, **kwargs)
        self.filters = positive_ints(filters, "filters")
        self.kernel_size = positive_int(kernel_size, "kernel_size")
        self.dropout = dropout
        self.blocks = [
            CausalBlock(
                count, kernel_size, 2**index, activation, dropout, dtype=self.dtype_policy, name=f"block_{index}"
            )
            for index, count in enumerate(self.filters)
        ]
        self.norm = keras.layers.LayerNormalization(dtype=self.dtype_policy, name="norm")

    def build(self, input_shape: Shape) -> None:
        shape = (None, None, sequence_width(tuple(input_shape)[1:], "encoder", "tcn"))
        for block in self.blocks:
            block.build(shape)
            shape = block.compute_output_shape(shape)
        self.norm.build(shape)

    def features(self, x: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        steps = None if mask is None else step_mask(mask)
        for block in self.blocks:
            x = block(x, mask=steps, training=training)
        return self.norm(x)

    def feature_width(self) -> int:
        return self.filters[-1]

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "activation": self.blocks[0].get_config()["activation"],
            "dropout": self.dropout,
        }
