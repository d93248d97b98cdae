"""Jacobians and gradients by each backend's own automatic differentiation."""

import keras
import numpy as np
from keras import ops


def jacobian(function, x):
    """d function / dx at one point: `(outputs, inputs)` for a function from `(1, n)` to `(1, m)`."""
    backend = keras.backend.backend()
    x = np.asarray(x, dtype="float32")
    if backend == "tensorflow":
        import tensorflow as tf

        point = tf.convert_to_tensor(x)
        with tf.GradientTape() as tape:
            tape.watch(point)
            value = function(point)
        matrix = tape.jacobian(value, point)
    elif backend == "jax":
        import jax

        matrix = jax.jacobian(function)(x)
    else:
        import torch

        matrix = torch.autograd.functional.jacobian(function, torch.tensor(x))
    return ops.convert_to_numpy(matrix).reshape(-1, x.size)


def vector_jacobian(function, arguments, upstream):
    """Value and gradients of `sum(upstream * function(*arguments))` with respect to every argument."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tensors = [tf.convert_to_tensor(argument) for argument in arguments]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
        gradients = tape.gradient(value, tensors, output_gradients=tf.convert_to_tensor(upstream))
    elif backend == "jax":
        import jax

        value, pull_back = jax.vjp(function, *arguments)
        gradients = pull_back(upstream)
    else:
        import torch

        tensors = [torch.tensor(argument, requires_grad=True) for argument in arguments]
        value = function(*tensors)
        gradients = torch.autograd.grad(value, tensors, grad_outputs=torch.tensor(upstream))
    return ops.convert_to_numpy(value), [ops.convert_to_numpy(gradient) for gradient in gradients]
