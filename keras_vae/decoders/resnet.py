"""A residual convolutional decoder."""

from typing import Any

from keras_vae.decoders.spatial import Spatial
from keras_vae.hints import Activation, Ints, Shape, Tensor
from keras_vae.layers.residual_block import group_normalization
from keras_vae.layers.residual_network import ResidualNetwork
from keras_vae.registry import decoders

__all__ = ["ResNet"]


@decoders.register("resnet", package="keras_vae")
class ResNet(ResidualNetwork, Spatial):
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
        super().__init__(filters, blocks, kernel_size, attention, heads, activation, dropout, **kwargs)
        self.first_attention = self.attention_layer()
        self.stages = [self.stage(index, upsample=2) for index in range(len(self.filters))]

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        self.build_first(z_shape, target_shape)
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
        x = self.first_map(z)
        if self.first_attention is not None:
            x = self.first_attention(x, training=training)
        for stage, size in zip(self.stages, self.sizes[1:], strict=True):
            for block in stage:
                x = self.crop(block(x, training=training), size)
        return self.activation(self.norm(x))
