"""Loops, and functions of many operations, that are compiled."""

import functools
from collections.abc import Callable
from typing import Any

import keras

__all__ = ["one_operation", "scan_steps"]


def one_operation(function: Callable) -> Callable:
    """`function` of tensors, as one operation where the backend compiles every operation that runs eagerly.

    JAX needs tens of milliseconds for each operation and each shape that is new, and compiles a loop at every call.
    Decorated, a function is compiled once for each shape; inside a compiled step it is traced as it stands.
    """

    @functools.wraps(function)
    def run(*tensors: Any) -> Any:
        if keras.backend.backend() != "jax":
            return function(*tensors)
        # JAX takes arrays and numbers, and no variables
        return _compiled(function)(
            *[keras.ops.convert_to_tensor(x) if isinstance(x, keras.Variable) else x for x in tensors]
        )

    return run


@functools.cache
def _compiled(function: Callable) -> Callable:
    import jax

    return jax.jit(function, inline=True)


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
