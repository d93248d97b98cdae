"""A constraint that keeps weights within a range."""

import keras
from keras import ops

from keras_vae.hints import Config, Tensor

__all__ = ["Between"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class Between(keras.constraints.Constraint):
    """Clips weights to `[low, high]` after every step, so that gradients inside the range are unchanged.

    Args:
        low: smallest value; minus infinity for none.
        high: largest value; infinity for none.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import Between
    >>> [float(value) for value in Between(0.0, 1.0)(np.array([-1.0, 0.5, 2.0], "float32"))]
    [0.0, 0.5, 1.0]
    """

    def __init__(self, low: float = float("-inf"), high: float = float("inf")) -> None:
        self.low = low
        self.high = high

    def __call__(self, weights: Tensor) -> Tensor:
        return ops.clip(weights, self.low, self.high)

    def get_config(self) -> Config:
        return {"low": self.low, "high": self.high}
