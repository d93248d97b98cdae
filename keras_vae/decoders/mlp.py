"""A multi-layer perceptron decoder."""

import math
from typing import Any

from keras import ops

from keras_vae.decoders.decoder import Decoder
from keras_vae.hints import Activation, Config, Ints, Shape, Tensor
from keras_vae.layers.dense_stack import DenseStack
from keras_vae.registry import decoders

__all__ = ["MLP"]


@decoders.register("mlp", package="keras_vae")
class MLP(Decoder):
    """Flattens the latents and runs dense layers; the likelihood projects the last to the data's shape.

    The decoders of Kingma and Welling (2014, appendix C). Latents `(batch, *latent_shape)` become features `(batch,
    hidden_units[-1])`.

    Args:
        hidden_units: width of every layer, in order.
        activation: activation of every layer.
        dropout: rate of the dropout behind every layer, active in training.
        normalization: `"batch"` for batch normalisation in front of every activation, or None.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> tuple(kv.decoders.MLP((32, 64))(np.zeros((2, 8), "float32")).shape)
    (2, 64)
    """

    def __init__(
        self,
        hidden_units: Ints = (256, 512),
        activation: Activation = "relu",
        dropout: float = 0.0,
        normalization: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stack = DenseStack(hidden_units, activation, dropout, normalization, dtype=self.dtype_policy, name="stack")

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        self.width = math.prod(tuple(z_shape)[1:])
        self.stack.build((None, self.width))

    def call(
        self, z: Tensor, target: Tensor | None = None, mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        # call, not __call__: dense layers cast for themselves, and eager torch feels every layer it goes through
        return self.stack.call(ops.reshape(z, (-1, self.width)), training=training)

    def compute_output_shape(self, z_shape: Shape, target_shape: Shape | None = None) -> Shape:
        return (z_shape[0], self.stack.hidden_units[-1])

    def get_config(self) -> Config:
        return {**super().get_config(), **self.stack.choices()}
