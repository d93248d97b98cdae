"""What convolutional encoders share."""

from typing import Any

import keras

from keras_vae.arguments import positive_int
from keras_vae.encoders.encoder import Encoder
from keras_vae.hints import Config, Ints, Shape, Tensor

__all__ = ["Spatial"]


class Spatial(Encoder):
    """Stages that shrink the data, and a dense layer behind them on request: base class of `conv` and `resnet`.

    A subclass sets `filters` and `activation`, calls `build_last` in `build`, and `last` in `call`.

    Args:
        hidden_units: width of the dense layer behind the stages; None for spatial features.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Attributes:
        strides: by how much every stage shrinks the axes.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import keras_vae as kv
    >>> [kv.encoders.ResNet((8, 16), hidden_units=units).compute_output_shape((None, 28, 28, 1)) for units in (5, None)]
    [(None, 5), (None, 7, 7, 16)]
    """

    filters: Any
    activation: Any
    strides = 2

    def __init__(self, hidden_units: Ints = 256, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden_units = None if hidden_units is None else positive_int(hidden_units, "hidden_units")

    def build_last(self, shape: Shape) -> None:
        """Create the dense layer, where there is one.

        Args:
            shape: shape of what the last stage gives, batch axis included.
        """
        if self.hidden_units is not None:
            self.flatten = keras.layers.Flatten(data_format="channels_last", dtype=self.dtype_policy)
            self.dense = keras.layers.Dense(
                self.hidden_units, activation=self.activation, dtype=self.dtype_policy, name="dense"
            )
            self.dense.build(self.flatten.compute_output_shape(shape))

    def last(self, x: Tensor) -> Tensor:
        """Features of what the last stage gives.

        Args:
            x: `(batch, *spatial, channels)`.
        """
        return x if self.hidden_units is None else self.dense(self.flatten(x))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.hidden_units is not None:
            return (input_shape[0], self.hidden_units)
        spatial = tuple(input_shape)[1:-1]
        for _ in self.filters:
            spatial = tuple(-(-axis // self.strides) for axis in spatial)
        return (input_shape[0], *spatial, self.filters[-1])

    def get_config(self) -> Config:
        return {**super().get_config(), "hidden_units": self.hidden_units}
