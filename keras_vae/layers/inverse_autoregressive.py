"""One step of an inverse autoregressive flow."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.hints import Config, Ints, Shape, Tensor

__all__ = ["InverseAutoregressive"]

GATE_BOUND = 6.0


@keras.saving.register_keras_serializable("keras_vae.layers")
class InverseAutoregressive(keras.layers.Layer):
    """y_i = gate_i z_i + (1 - gate_i) m_i, with gate and m functions of z_1 ... z_(i-1) and a context.

    The numerically stable step of Kingma et al. (2016, equation 11), with a masked network of one hidden
    layer (Germain et al., 2015). Fast in this direction; the inverse takes as many passes as there are
    dimensions. The gates start near one, so the step starts near the identity.

    Args:
        hidden_units: width of the hidden layer.
        reverse: process the dimensions from the last to the first.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Call arguments:
        inputs: `(batch, width)`.
        context: `(batch, any)`, the condition of the step, or None.

    Raises:
        ValueError: `hidden_units` is not a positive int.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import InverseAutoregressive
    >>> step = InverseAutoregressive(16)
    >>> y, log_det = step(np.ones((2, 4), "float32"))
    >>> z, _ = step.inverse(y)
    >>> from keras import ops
    >>> bool(ops.max(ops.abs(z - 1.0)) < 1e-5)
    True
    """

    def __init__(self, hidden_units: Ints = 128, reverse: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden_units = positive_int(hidden_units, "hidden_units")
        self.reverse = reverse

    def build(self, inputs_shape: Shape, context_shape: Shape | None = None) -> None:
        self.width = inputs_shape[-1]
        context_width = 0 if context_shape is None else context_shape[-1]
        order = np.arange(1, self.width + 1)
        order = order[::-1] if self.reverse else order
        # degree 0 sees the context only, so that all units are in use for a single dimension, too
        degrees = np.arange(self.hidden_units) % max(self.width, 1)
        self.mask_in = (order[:, None] <= degrees[None, :]).astype("float32")
        self.mask_out = np.tile((degrees[:, None] < order[None, :]).astype("float32"), (1, 2))
        self.kernel_in = self.add_weight(name="kernel_in", shape=(self.width, self.hidden_units), autocast=False)
        self.bias_in = self.add_weight(name="bias_in", shape=(self.hidden_units,), initializer="zeros", autocast=False)
        self.kernel_out = self.add_weight(
            name="kernel_out",
            shape=(self.hidden_units, 2 * self.width),
            initializer=keras.initializers.RandomNormal(0.0, 0.01),
            autocast=False,
        )
        self.bias_out = self.add_weight(name="bias_out", shape=(2 * self.width,), initializer="zeros", autocast=False)
        self.kernel_context = (
            self.add_weight(name="kernel_context", shape=(context_width, self.hidden_units), autocast=False)
            if context_width
            else None
        )

    def call(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`(outputs, log_det)` for inputs `(batch, width)` and a context `(batch, any)`."""
        m, gate_logits = self._network(inputs, context)
        gate = ops.sigmoid(gate_logits)
        return gate * inputs + (1.0 - gate) * m, ops.sum(ops.log_sigmoid(gate_logits), axis=-1)

    def inverse(self, outputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`(inputs, log_det)`, dimension by dimension; the log determinant is that of the forward map.

        Args:
            outputs: `(batch, width)`, as returned by `call`.
            context: `(batch, any)`, as for `call`.
        """
        outputs = ops.cast(outputs, self.compute_dtype)
        z = ops.zeros_like(outputs)
        for index in reversed(range(self.width)) if self.reverse else range(self.width):
            m, gate_logits = self._network(z, context)
            gate = ops.sigmoid(gate_logits)
            # one dimension at a time: the others' values are not yet right, and may be far off
            known = ops.one_hot(index, self.width, dtype=z.dtype) > 0
            z = ops.where(known, (outputs - (1.0 - gate) * m) / gate, z)
        _, gate_logits = self._network(z, context)
        return z, ops.sum(ops.log_sigmoid(gate_logits), axis=-1)

    def _network(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        def cast(weight: Tensor) -> Tensor:
            return ops.cast(weight, z.dtype)

        hidden = ops.matmul(z, cast(self.kernel_in * self.mask_in)) + cast(self.bias_in)
        if self.kernel_context is not None:
            hidden = hidden + ops.matmul(cast(context), cast(self.kernel_context))
        raw = ops.matmul(ops.elu(hidden), cast(self.kernel_out * self.mask_out)) + cast(self.bias_out)
        m, gate_logits = ops.split(raw, 2, axis=-1)
        # bounded, so that no gate closes: the step stays invertible in float32
        return m, 2.0 + GATE_BOUND * ops.tanh(gate_logits / GATE_BOUND)

    def compute_output_shape(self, inputs_shape: Shape, context_shape: Shape | None = None) -> Shape:
        return tuple(inputs_shape), (inputs_shape[0],)

    def get_config(self) -> Config:
        return {**super().get_config(), "hidden_units": self.hidden_units, "reverse": self.reverse}
