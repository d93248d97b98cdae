"""One step of a planar flow."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.hints import Config, Shape, Tensor
from keras_vae.layers.projection import Projection

__all__ = ["Planar"]

FLOOR = 0.01
"""What is left of the slope 1 + <w, u> where the step is steepest: above zero, so it is invertible in float32."""
START = math.log(math.expm1(1.0 - FLOOR))
"""Where softplus(START) + FLOOR is 1."""
HALVINGS, NEWTON_STEPS = 14, 2
"""After so many halvings Newton's method doubles the digits in every step, up to slopes of thousands."""


@keras.saving.register_keras_serializable("keras_vae.layers")
class Planar(keras.layers.Layer):
    """y = z + u tanh(<w, z> + b): stretches space along `u`, across one plane.

    The step of Rezende and Mohamed (2015, equation 10), with `u` moved along `w` so that <w, u> > -1 as in their
    appendix A.1, here above -0.99. `w`, `u` and `b` are linear in the context, or weights where there is none. `u`
    starts near zero, so the step starts near the identity. It runs in float32 under every policy.

    Args:
        **kwargs: `name`, as for every Keras layer.

    Call arguments:
        inputs: `(batch, width)`.
        context: `(batch, any)`, the condition of the step, or None.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_vae.layers import Planar
    >>> step = Planar()
    >>> y, log_det = step(np.ones((2, 4), "float32"))
    >>> z, _ = step.inverse(y)
    >>> bool(ops.max(ops.abs(z - 1.0)) < 1e-5)
    True
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})

    def build(self, inputs_shape: Shape, context_shape: Shape | None = None) -> None:
        width = inputs_shape[-1]
        context_shape = (None, 0 if context_shape is None else context_shape[-1])
        spread = keras.initializers.RandomNormal(0.0, 1.0 / math.sqrt(width))
        small = keras.initializers.RandomNormal(0.0, 0.01)
        self.w_head = Projection((width,), bias_initializer=spread, dtype="float32", name="w")
        self.u_head = Projection((width,), small, small, dtype="float32", name="u")
        self.b_head = Projection((1,), "zeros", dtype="float32", name="b")
        for head in (self.w_head, self.u_head, self.b_head):
            head.build(context_shape)

    def call(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`(outputs, log_det)` for inputs `(batch, width)` and a context `(batch, any)`."""
        w, u, b, slope = self._step_parameters(inputs, context)
        raised = ops.tanh(ops.sum(w * inputs, axis=-1, keepdims=True) + b)
        return inputs + u * raised, _log_det(raised, slope)

    def inverse(self, outputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`(inputs, log_det)`; the log determinant is that of the forward map.

        The height s = <w, z> + b solves s + <w, u> tanh(s) = <w, y> + b, whose left side increases: by halving an
        interval and by Newton's method, whose last step, at the root, gives it its gradient. That gradient has none of
        its own.

        Args:
            outputs: `(batch, width)`, as returned by `call`.
            context: `(batch, any)`, as for `call`.
        """
        outputs = ops.cast(outputs, "float32")
        w, u, b, slope = self._step_parameters(outputs, context)
        height = ops.sum(w * outputs, axis=-1, keepdims=True) + b
        found = ops.stop_gradient(_root(ops.stop_gradient(height), ops.stop_gradient(slope)))
        bent = ops.tanh(found)
        excess = found + slope * bent - height
        raised = ops.tanh(found - excess / (1.0 + ops.stop_gradient(slope) * (1.0 - ops.square(bent))))
        return outputs - u * raised, _log_det(raised, slope)

    def _step_parameters(self, inputs: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """w, the u that keeps the step invertible, b, and <w, u>."""
        if context is None:
            context = ops.zeros((ops.shape(inputs)[0], 0))
        w, u, b = self.w_head(context), self.u_head(context), self.b_head(context)
        product = ops.sum(w * u, axis=-1, keepdims=True)
        slope = ops.softplus(product + START) + FLOOR - 1.0
        return w, u + (slope - product) * w / (ops.sum(ops.square(w), axis=-1, keepdims=True) + 1e-12), b, slope

    def compute_output_shape(self, inputs_shape: Shape, context_shape: Shape | None = None) -> Shape:
        return tuple(inputs_shape), (inputs_shape[0],)

    def get_config(self) -> Config:
        return super().get_config()


def _log_det(raised: Tensor, slope: Tensor) -> Tensor:
    return ops.log1p(slope * (1.0 - ops.square(raised)))[..., 0]


def _root(height: Tensor, slope: Tensor) -> Tensor:
    """s with s + slope tanh(s) = height, for slope > -1."""
    low, high = height - ops.abs(slope), height + ops.abs(slope)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        below = middle + slope * ops.tanh(middle) < height
        low, high = ops.where(below, middle, low), ops.where(below, high, middle)
    found = 0.5 * (low + high)
    for _ in range(NEWTON_STEPS):
        bent = ops.tanh(found)
        excess = found + slope * bent - height
        found = ops.clip(found - excess / (1.0 + slope * (1.0 - ops.square(bent))), low, high)
    return found
