"""The link from one level of vector latents to the next."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.hints import Activation, Config, Ints, Shape, Tensor
from keras_vae.layers.dense_stack import DenseStack

__all__ = ["MergeDense"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class MergeDense(keras.layers.Layer):
    """Merges a context and latents by dense layers: the context of the next level.

    Args:
        hidden_units: width of every layer, in order; the last is the width of the new context.
        activation: activation of every layer; `"glu"` gates it.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Call arguments:
        inputs: list of the context `(batch, width)` and the latents `(batch, ...)`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import MergeDense
    >>> context, z = np.zeros((2, 0), "float32"), np.zeros((2, 4), "float32")
    >>> tuple(MergeDense((8,))([context, z]).shape)
    (2, 8)
    """

    def __init__(self, hidden_units: Ints = (300,), activation: Activation = "glu", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stack = DenseStack(hidden_units, activation, dtype=self.dtype_policy, name="stack")

    def build(self, input_shape: Sequence[Shape]) -> None:
        self.widths = [math.prod(tuple(shape)[1:]) for shape in input_shape]
        self.stack.build((None, sum(self.widths)))

    def call(self, inputs: Sequence[Tensor], training: bool | None = None) -> Tensor:
        flat = [ops.reshape(tensor, (ops.shape(tensor)[0], -1)) for tensor in inputs if 0 not in tensor.shape[1:]]
        return self.stack(ops.concatenate(flat, axis=-1), training=training)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        return (input_shape[0][0], self.stack.hidden_units[-1])

    def get_config(self) -> Config:
        choices = self.stack.choices()
        return {**super().get_config(), **{name: choices[name] for name in ("hidden_units", "activation")}}
