"""One step of a radial flow."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.hints import Config, Shape, Tensor
from keras_vae.layers.projection import Projection

__all__ = ["Radial"]

FLOOR = 0.01
"""Least factor of distances at the centre, and least radius: the step stays invertible in float32."""
START = math.log(math.expm1(1.0 - FLOOR))
"""Where softplus(START) + FLOOR is 1."""


@keras.saving.register_keras_serializable("keras_vae.layers")
class Radial(keras.layers.Layer):
    """y = z + beta (z - c) / (alpha + |z - c|): moves points towards a centre `c`, or away from it.

    The step of Rezende and Mohamed (2015, equation 14), with beta > -alpha as in their appendix A.2: distances are
    multiplied by 1 + beta / alpha at the centre, by softplus, here at least by 0.01. Centre, alpha and beta are linear
    in the context, or weights where there is none. It starts near the identity, and runs in float32 under every policy.

    Args:
        **kwargs: `name`, as for every Keras layer.

    Call arguments:
        inputs: `(batch, width)`.
        context: `(batch, any)`, the condition of the step, or None.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_vae.layers import Radial
    >>> step = Radial()
    >>> y, log_det = step(np.ones((2, 4), "float32"))
    >>> z, _ = step.inverse(y)
    >>> bool(ops.max(ops.abs(z - 1.0)) < 1e-5)
    True
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})

    def build(self, inputs_shape: Shape, context_shape: Shape | None = None) -> None:
        self.width = inputs_shape[-1]
        context_shape = (None, 0 if context_shape is None else context_shape[-1])
        spread, small = keras.initializers.RandomNormal(0.0, 1.0), keras.initializers.RandomNormal(0.0, 0.01)
        self.centre_head = Projection((self.width,), bias_initializer=spread, dtype="float32", name="centre")
        self.alpha_head = Projection((1,), "zeros", dtype="float32", name="alpha")
        self.beta_head = Projection((1,), small, small, dtype="float32", name="beta")
        for head in (self.centre_head, self.alpha_head, self.beta_head):
            head.build(context_shape)

    def call(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`(outputs, log_det)` for inputs `(batch, width)` and a context `(batch, any)`."""
        centre, alpha, beta = self._step_parameters(inputs, context)
        from_centre = inputs - centre
        distance = _length(from_centre)
        factor = 1.0 + beta / (alpha + distance)
        return inputs + (factor - 1.0) * from_centre, self._log_det(distance, alpha, beta)

    def inverse(self, outputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`(inputs, log_det)`, in closed form: the distance to the centre solves a quadratic equation.

        Args:
            outputs: `(batch, width)`, as returned by `call`; the log determinant is that of the forward map.
            context: `(batch, any)`, as for `call`.
        """
        outputs = ops.cast(outputs, "float32")
        centre, alpha, beta = self._step_parameters(outputs, context)
        from_centre = outputs - centre
        moved = _length(from_centre)
        half = alpha + beta - moved
        root = ops.sqrt(ops.square(half) + 4.0 * alpha * moved) + ops.abs(half)
        distance = ops.where(half > 0.0, 2.0 * alpha * moved / root, 0.5 * root)  # neither side cancels
        factor = 1.0 + beta / (alpha + distance)
        return centre + from_centre / factor, self._log_det(distance, alpha, beta)

    def _step_parameters(self, inputs: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        if context is None:
            context = ops.zeros((ops.shape(inputs)[0], 0))
        alpha = ops.softplus(self.alpha_head(context) + START) + FLOOR
        beta = alpha * (ops.softplus(self.beta_head(context) + START) + FLOOR - 1.0)
        return self.centre_head(context), alpha, beta

    def _log_det(self, distance: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        reach = 1.0 / (alpha + distance)
        across, along = ops.log1p(beta * reach), ops.log1p(beta * alpha * ops.square(reach))
        return ((self.width - 1) * across + along)[..., 0]

    def compute_output_shape(self, inputs_shape: Shape, context_shape: Shape | None = None) -> Shape:
        return tuple(inputs_shape), (inputs_shape[0],)

    def get_config(self) -> Config:
        return super().get_config()


def _length(vectors: Tensor) -> Tensor:
    # At zero a norm has no gradient.
    return ops.sqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True) + 1e-12)
