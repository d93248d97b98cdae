"""A multi-layer perceptron encoder with gated layers."""

from typing import Any

from keras_vae.encoders.mlp import MLP
from keras_vae.hints import Config, Ints
from keras_vae.registry import encoders

__all__ = ["GatedMLP"]


@encoders.register("gated_mlp", package="keras_vae")
class GatedMLP(MLP):
    """Flattens the data and runs gated dense layers: each a linear map times the sigmoid of another.

    Gated linear units (Dauphin et al., 2017) with the two layers of 300 that Tomczak and Welling (2018)
    use for every dense network.

    Data `(batch, *data_shape)` become features `(batch, hidden_units[-1])`.

    Args:
        hidden_units: width of every layer, in order.
        dropout: rate of the dropout after every layer, active in training.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> tuple(kv.encoders.GatedMLP()(np.zeros((2, 8, 8, 1), "float32")).shape)
    (2, 300)
    """

    def __init__(self, hidden_units: Ints = (300, 300), dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(hidden_units, "glu", dropout, **kwargs)

    def get_config(self) -> Config:
        config = super().get_config()
        config.pop("activation")
        return config
