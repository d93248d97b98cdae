"""Self-attention over the positions of a feature map."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.hints import Config, Shape, Tensor
from keras_vae.layers.residual_block import group_normalization
from keras_vae.layers.spatial import spatial_rank

__all__ = ["SpatialAttention"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class SpatialAttention(keras.layers.Layer):
    """x + scale * attention(norm(x)): self-attention over a feature map, as in `resnet`.

    `keras.layers.MultiHeadAttention` over the positions (Vaswani et al., 2017; for images: Zhang et al., 2019,
    whose learned scale per channel, zero at the start, makes the layer start as the identity). Its cost grows
    with the square of the number of positions: use it where there are at most a few hundred.

    Args:
        heads: number of heads; the channels are split among them.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Call arguments:
        inputs: `(batch, *spatial, channels)`, one to three spatial axes.

    Raises:
        ValueError: bad arguments, or inputs without spatial axes.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import SpatialAttention
    >>> tuple(SpatialAttention(heads=2)(np.zeros((2, 4, 4, 8), "float32")).shape)
    (2, 4, 4, 8)
    """

    def __init__(self, heads: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = positive_int(heads, "heads")

    def build(self, input_shape: Shape) -> None:
        shape = tuple(input_shape)
        spatial_rank(shape[1:], "layer", "SpatialAttention")
        channels = shape[-1]
        self.flat = (-1, math.prod(shape[1:-1]), channels)
        self.norm = group_normalization(channels, dtype=self.dtype_policy, name="norm")
        self.norm.build(shape)
        # In float32 under mixed_float16: a sum over channels can overflow it, and JAX has no such kernel on CPUs.
        policy = "float32" if self.compute_dtype == "float16" else self.dtype_policy
        # Without biases: one on the keys adds the same to all logits of a softmax, and would never move.
        self.attention = keras.layers.MultiHeadAttention(
            self.heads, max(1, channels // self.heads), use_bias=False, dtype=policy, name="attention"
        )
        positions = (None, *self.flat[1:])
        self.attention.build(positions, positions)
        self.scale = self.add_weight(name="scale", shape=(channels,), initializer="zeros")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = ops.reshape(self.norm(inputs), self.flat)
        x = ops.cast(self.attention(x, x, training=training), self.compute_dtype)
        return inputs + ops.cast(self.scale, x.dtype) * ops.reshape(x, ops.shape(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> Config:
        return {**super().get_config(), "heads": self.heads}
