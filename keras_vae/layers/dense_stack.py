"""A stack of dense layers."""

from typing import Any

import keras

from keras_vae.arguments import one_of, positive_ints
from keras_vae.hints import Activation, Config, Ints, Shape, Tensor
from keras_vae.layers.seeded_dropout import dropout_rate, seeded_dropout
from keras_vae.serialization import serialize_function

__all__ = ["DenseStack"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class DenseStack(keras.layers.Layer):
    """`Dense` layers of the given widths, with optional batch normalisation and dropout.

    With `activation="glu"` every layer is gated: a linear map times the sigmoid of another (Dauphin et
    al., 2017), of the given width.

    Args:
        hidden_units: width of every layer, in order: an int or a sequence of ints.
        activation: activation of every layer.
        dropout: dropout rate, in [0, 1), after the activation.
        normalization: `"batch"` for batch normalisation between map and activation, or None.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: widths that are not positive ints, a rate outside [0, 1), an unknown normalization.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import DenseStack
    >>> tuple(DenseStack((8, 4))(np.zeros((2, 16), "float32")).shape)
    (2, 4)
    """

    def __init__(
        self,
        hidden_units: Ints,
        activation: Activation = "relu",
        dropout: float = 0.0,
        normalization: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_units = positive_ints(hidden_units, "hidden_units")
        self.activation = keras.activations.get(activation)
        self.gated = self.activation is keras.activations.glu
        self.dropout = dropout_rate(dropout)
        self.normalization = one_of(normalization, (None, "batch"), "normalization")
        # One fused operation where nothing comes between map and activation.
        self.activate = self.gated or normalization is not None
        self.dense_layers = [
            keras.layers.Dense(
                # glu halves the axis: one half is the map, the other its gate
                units * (2 if self.gated else 1),
                activation=None if self.activate else self.activation,
                use_bias=normalization is None,  # batch normalisation has its own
                dtype=self.dtype_policy,
                name=f"dense_{index}",
            )
            for index, units in enumerate(self.hidden_units)
        ]
        self.normalization_layers = [
            keras.layers.BatchNormalization(dtype=self.dtype_policy, name=f"normalization_{index}")
            for index in range(len(self.hidden_units))
            if normalization
        ]
        self.dropout_layers = [seeded_dropout(dropout, self.dtype_policy) for _ in self.hidden_units if dropout]

    def build(self, input_shape: Shape) -> None:
        shape = tuple(input_shape)
        for index, (layer, units) in enumerate(zip(self.dense_layers, self.hidden_units, strict=True)):
            layer.build(shape)
            if self.normalization_layers:
                self.normalization_layers[index].build(layer.compute_output_shape(shape))
            shape = (*shape[:-1], units)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        for index, layer in enumerate(self.dense_layers):
            # training is passed on explicitly: on JAX, `fit` sets no call context that would carry it.
            x = layer(x)
            if self.normalization_layers:
                x = self.normalization_layers[index](x, training=training)
            if self.activate:
                x = self.activation(x)
            if self.dropout_layers:
                x = self.dropout_layers[index](x, training=training)
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.hidden_units[-1])

    def choices(self) -> Config:
        """The constructor's arguments, for the config of a layer that contains this one."""
        return {
            "hidden_units": self.hidden_units,
            "activation": serialize_function(self.activation, "activation"),
            "dropout": self.dropout,
            "normalization": self.normalization,
        }

    def get_config(self) -> Config:
        return {**super().get_config(), **self.choices()}
