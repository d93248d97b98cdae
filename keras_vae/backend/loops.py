"""Loops that are compiled."""

from typing import Any

import keras

__all__ = ["scan_steps"]


def scan_steps(function: Any, first: Any, inputs: Any) -> Any:
    """`(time, ...)`: `y_t = function(y_(t-1), inputs_t)` from `y_0 = first`, in one compiled loop.

    Args:
        function: of the result before and a slice of the inputs; gives a tensor like `first`.
        first: tensor.
        inputs: tuple of tensors `(time, ...)`.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.scan(function, inputs, initializer=first)
    return keras.ops.scan(lambda before, here: (function(before, here),) * 2, first, inputs)[1]
