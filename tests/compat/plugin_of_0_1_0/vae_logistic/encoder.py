"""An encoder of random Fourier features."""

import math

import keras
from keras import ops

from keras_vae.encoders import Encoder

__all__ = ["Fourier"]


class Fourier(Encoder):
    """Sines and cosines of fixed random projections, then a dense layer (Rahimi and Recht, 2007).

    Args:
        frequencies: number of random projections.
        hidden_units: width of the dense layer.
        bandwidth: standard deviation of the projections.
        **kwargs: `name`, `dtype`, as for every Keras layer.
    """

    def __init__(self, frequencies=128, hidden_units=128, bandwidth=1.0, **kwargs):
        super().__init__(**kwargs)
        self.frequencies = frequencies
        self.hidden_units = hidden_units
        self.bandwidth = bandwidth

    def build(self, input_shape):
        self.width = math.prod(tuple(input_shape)[1:])
        self.projection = self.add_weight(
            name="projection",
            shape=(self.width, self.frequencies),
            initializer=keras.initializers.RandomNormal(0.0, self.bandwidth),
            trainable=False,
        )
        self.dense = keras.layers.Dense(self.hidden_units, activation="relu", dtype=self.dtype_policy, name="dense")
        self.dense.build((None, 2 * self.frequencies))

    def call(self, x, mask=None, training=None):
        angles = ops.matmul(ops.reshape(x, (-1, self.width)), self.projection)
        return self.dense(ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.hidden_units)

    def get_config(self):
        return {
            **super().get_config(),
            "frequencies": self.frequencies,
            "hidden_units": self.hidden_units,
            "bandwidth": self.bandwidth,
        }
