"""A multi-layer perceptron encoder."""

from typing import Any

import keras

from keras_vae.encoders.encoder import Encoder
from keras_vae.hints import Activation, Config, Ints, Shape, Tensor
from keras_vae.layers.dense_stack import DenseStack
from keras_vae.registry import encoders

__all__ = ["MLP"]


@encoders.register("mlp", package="keras_vae")
class MLP(Encoder):
    """Flattens the data and runs dense layers: for vectors, and for small images.

    The encoders of Kingma and Welling (2014, appendix C). Data `(batch, *data_shape)` become features `(batch,
    hidden_units[-1])`.

    Args:
        hidden_units: width of every layer, in order.
        activation: activation of every layer.
        dropout: rate of the dropout after every layer, active in training.
        normalization: `"batch"` for batch normalisation before every activation, or None.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> tuple(kv.encoders.MLP((64, 32))(np.zeros((2, 8, 8, 1), "float32")).shape)
    (2, 32)
    """

    def __init__(
        self,
        hidden_units: Ints = (512, 256),
        activation: Activation = "relu",
        dropout: float = 0.0,
        normalization: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stack = DenseStack(hidden_units, activation, dropout, normalization, dtype=self.dtype_policy, name="stack")
        self.flatten = keras.layers.Flatten(data_format="channels_last", dtype=self.dtype_policy)

    def build(self, input_shape: Shape) -> None:
        flat = self.flatten.compute_output_shape(tuple(input_shape))
        if flat[-1] is None:
            raise ValueError(
                f"The encoder 'mlp' needs data whose every axis has a known length. Received: {tuple(input_shape)[1:]}"
            )
        self.stack.build(flat)

    def call(self, x: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        # call, not __call__: dense layers cast for themselves, and eager torch feels every layer it goes through
        return self.stack.call(self.flatten(x), training=training)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.stack.compute_output_shape((input_shape[0], None))

    def get_config(self) -> Config:
        return {**super().get_config(), **self.stack.choices()}
