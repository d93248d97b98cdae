"""The gradient of a function with respect to its input, which `keras.ops` does not have."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

__all__ = ["gradient"]


def gradient(function: Callable, point: Any) -> Any:
    """Gradient of the sum of `function(point)` with respect to `point`; it can be differentiated again.

    What layers inside of `function` change, such as the state of a seed or the statistics of a batch normalisation,
    stays changed.

    Args:
        function: from a float tensor to a tensor of any shape.
        point: where the gradient is taken.
    """
    point = ops.convert_to_tensor(point)
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _of_tensorflow(function, point)
    return _of_jax(function, point) if backend == "jax" else _of_torch(function, point)


def _of_tensorflow(function: Callable, point: Any) -> Any:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(point)
        total = tf.reduce_sum(function(point))
    return tape.gradient(total, point, unconnected_gradients="zero")


def _of_torch(function: Callable, point: Any) -> Any:
    import torch

    differentiated_again = torch.is_grad_enabled()
    with torch.enable_grad():  # an evaluation runs without
        if not point.requires_grad:
            point = point.detach().requires_grad_()
        total = function(point).sum()
        if not total.requires_grad:
            return torch.zeros_like(point)
        found = torch.autograd.grad(total, point, create_graph=differentiated_again, allow_unused=True)[0]
    return torch.zeros_like(point) if found is None else found


def _of_jax(function: Callable, point: Any) -> Any:
    import jax
    import jax.numpy as jnp
    from keras.src import backend

    step = dict(backend.get_stateless_scope().state_mapping) if backend.in_stateless_scope() else {}
    changed: dict[int, keras.Variable] = {}

    class Scope(keras.StatelessScope):
        def add_update(self, update: Any) -> None:
            changed[id(update[0])] = update[0]
            super().add_update(update)

    def total(point: Any) -> tuple[Any, dict[int, Any]]:
        # A variable that is assigned in here would keep a tracer of this gradient: new values leave as results.
        with Scope() as scope:
            scope.state_mapping.update(step)
            value = jnp.sum(function(point))
        return value, {key: scope.state_mapping[key] for key in changed}

    found, values = jax.grad(total, has_aux=True)(point)
    for key, variable in changed.items():
        variable.assign(values[key])
    return found
