"""A residual convolutional encoder."""

from typing import Any

from keras_vae.encoders.spatial import Spatial
from keras_vae.hints import Activation, Ints, Shape, Tensor
from keras_vae.layers.convolution import convolution
from keras_vae.layers.residual_block import group_normalization
from keras_vae.layers.residual_network import ResidualNetwork
from keras_vae.layers.spatial import spatial_rank
from keras_vae.registry import encoders

__all__ = ["ResNet"]


@encoders.register("resnet", package="keras_vae")
class ResNet(ResidualNetwork, Spatial):
    """Residual blocks that halve the size stage by stage, then one dense layer: for larger and coloured images.

    Blocks as in He et al. (2016), with group normalisation and swish, as the encoders of Child (2021) and of
    Ho, Jain and Abbeel (2020). Examples of a batch do not affect each other. Works on signals, images and
    volumes `(batch, *spatial, channels)` of any size; features are `(batch, hidden_units)`.

    Args:
        filters: number of channels of every stage, in order; each halves the axes.
        blocks: number of residual blocks in a stage.
        kernel_size: size of the kernels.
        hidden_units: width of the dense layer after the stages; None for spatial features.
        attention: whether every position looks at all others behind the last stage.
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
        super().__init__(
            filters, blocks, kernel_size, attention, heads, activation, dropout, hidden_units=hidden_units, **kwargs
        )
        self.stages: list[Any] = [block for index in range(len(self.filters)) for block in self.stage(index, strides=2)]
        if self.attention:
            self.stages.append(self.attention_layer())

    def build(self, input_shape: Shape) -> None:
        shape = tuple(input_shape)
        rank = spatial_rank(shape[1:], "encoder", "resnet")
        self.stem = convolution(rank)(
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
        self.build_last(shape)

    def call(self, x: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x, training=training)
        return self.last(self.activation(self.norm(x)))
