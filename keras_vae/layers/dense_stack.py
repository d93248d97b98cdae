"""Dense layers in a row, with their choices."""

import random

import keras

from keras_vae.arguments import positive_ints
from keras_vae.serialization import serialize_function

__all__ = ["DenseStack"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class DenseStack(keras.layers.Layer):
    """`Dense` layers of the given widths, each followed by dropout where a rate is given.

    With `activation="glu"` every layer is gated: a linear map times the sigmoid of another (Dauphin et
    al., 2017), of the given width.

    Args:
        hidden_units: width of every layer, in order: an int or a sequence of ints.
        activation: activation of every layer.
        dropout: dropout rate, in [0, 1).

    Raises:
        ValueError: widths that are not positive ints, or a rate outside [0, 1).

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import DenseStack
    >>> tuple(DenseStack((8, 4))(np.zeros((2, 16), "float32")).shape)
    (2, 4)
    """

    def __init__(self, hidden_units, activation="relu", dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.hidden_units = positive_ints(hidden_units, "hidden_units")
        if not 0 <= dropout < 1:
            raise ValueError(f"Argument `dropout` must be in [0, 1). Received: dropout={dropout!r}")
        self.activation = keras.activations.get(activation)
        self.gated = self.activation is keras.activations.glu
        self.dropout = dropout
        self.dense_layers = [
            keras.layers.Dense(
                # glu halves the axis: one half is the map, the other its gate
                units * (2 if self.gated else 1),
                activation=None if self.gated else self.activation,
                dtype=self.dtype_policy,
                name=f"dense_{index}",
            )
            for index, units in enumerate(self.hidden_units)
        ]
        # Each with a seed: without one, Keras on torch draws from a generator whose state nobody saves.
        self.dropout_layers = [
            keras.layers.Dropout(dropout, seed=random.randint(1, 10**9), dtype=self.dtype_policy)
            for _ in self.hidden_units
            if dropout
        ]

    def build(self, input_shape):
        shape = tuple(input_shape)
        for layer, units in zip(self.dense_layers, self.hidden_units, strict=True):
            layer.build(shape)
            shape = (*shape[:-1], units)

    def call(self, inputs, training=None):
        x = inputs
        for index, layer in enumerate(self.dense_layers):
            x = self.activation(layer(x)) if self.gated else layer(x)
            if self.dropout_layers:
                # training is passed on by hand: on JAX, `fit` sets no call context that would carry it.
                x = self.dropout_layers[index](x, training=training)
        return x

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.hidden_units[-1])

    def choices(self):
        """The constructor's arguments, for the config of a layer that is made of this one."""
        return {
            "hidden_units": self.hidden_units,
            "activation": serialize_function(self.activation, "activation"),
            "dropout": self.dropout,
        }

    def get_config(self):
        return {**super().get_config(), **self.choices()}
