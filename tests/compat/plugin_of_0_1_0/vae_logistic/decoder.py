"""A decoder of sines."""

import math

import keras
from keras import ops

from keras_vae.decoders import Decoder

__all__ = ["Siren"]


class Siren(Decoder):
    """Dense layers with sines for activations (Sitzmann et al., 2020).

    Args:
        hidden_units: width of every layer, in order.
        **kwargs: `name`, `dtype`, as for every Keras layer.
    """

    def __init__(self, hidden_units=(128, 128), **kwargs):
        super().__init__(**kwargs)
        self.hidden_units = tuple(hidden_units)

    def build(self, z_shape, target_shape=None):
        self.width = math.prod(tuple(z_shape)[1:])
        self.dense_layers = []
        width = self.width
        for index, units in enumerate(self.hidden_units):
            layer = keras.layers.Dense(units, dtype=self.dtype_policy, name=f"dense_{index}")
            layer.build((None, width))
            self.dense_layers.append(layer)
            width = units

    def call(self, z, target=None, mask=None, training=None):
        x = ops.reshape(z, (-1, self.width))
        for layer in self.dense_layers:
            x = ops.sin(layer(x))
        return x

    def compute_output_shape(self, z_shape, target_shape=None):
        return (z_shape[0], self.hidden_units[-1])

    def get_config(self):
        return {**super().get_config(), "hidden_units": self.hidden_units}
