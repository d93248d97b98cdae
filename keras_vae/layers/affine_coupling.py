"""One step of a RealNVP flow."""

from typing import Any

import keras
from keras import ops

from keras_vae.hints import Activation, Config, Ints, Shape, Tensor
from keras_vae.layers.context import concatenate_context
from keras_vae.layers.dense_stack import DenseStack

__all__ = ["AffineCoupling"]

LOG_SCALE_BOUND = 2.0


@keras.saving.register_keras_serializable("keras_vae.layers")
class AffineCoupling(keras.layers.Layer):
    """Shifts and scales half of the dimensions by functions of the other half (Dinh et al., 2017).

    It starts as the identity. Log scales are bounded to [-2, 2], so that a step cannot diverge.

    Args:
        hidden_units: width of the hidden layers.
        flip: which half is changed: the second, or with True the first.
        activation: activation of the hidden layers.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Call arguments:
        inputs: `(batch, width)`.
        context: `(batch, any)`, the condition of the step, or None.

    Raises:
        ValueError: inputs with fewer than two dimensions.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import AffineCoupling
    >>> y, log_det = AffineCoupling((8,))(np.ones((2, 4), "float32"))
    >>> tuple(y.shape), [float(value) for value in log_det]
    ((2, 4), [0.0, 0.0])
    """

    def __init__(
        self,
        hidden_units: Ints = (64, 64),
        flip: bool = False,
        activation: Activation = "relu",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.flip = flip
        self.stack = DenseStack(hidden_units, activation, dtype=self.dtype_policy, name="stack")

    def build(self, inputs_shape: Shape, context_shape: Shape | None = None) -> None:
        width = inputs_shape[-1]
        if width < 2:
            raise ValueError(f"A coupling flow needs at least two dimensions. Received: inputs of width {width}")
        first = width // 2
        self.kept = width - first if self.flip else first
        self.width = width
        self.stack.build((None, self.kept + (0 if context_shape is None else context_shape[-1])))
        self.head = keras.layers.Dense(
            2 * (width - self.kept), kernel_initializer="zeros", dtype=self.dtype_policy, name="head"
        )
        self.head.build((None, self.stack.hidden_units[-1]))

    def call(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`(outputs, log_det)` for inputs `(batch, width)` and a context `(batch, any)`."""
        kept, changed = self._split(inputs)
        shift, log_scale = self._network(kept, context)
        return self._join(kept, changed * ops.exp(log_scale) + shift), ops.sum(log_scale, axis=-1)

    def inverse(self, outputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`(inputs, log_det)`, the log determinant that of the forward map.

        Args:
            outputs: `(batch, width)`, as returned by `call`.
            context: `(batch, any)`, as for `call`.
        """
        kept, changed = self._split(ops.cast(outputs, self.compute_dtype))
        shift, log_scale = self._network(kept, context)
        return self._join(kept, (changed - shift) * ops.exp(-log_scale)), ops.sum(log_scale, axis=-1)

    def _network(self, kept: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        shift, raw = ops.split(self.head(self.stack(concatenate_context(kept, context))), 2, axis=-1)
        return shift, LOG_SCALE_BOUND * ops.tanh(raw / LOG_SCALE_BOUND)

    def _split(self, tensor: Tensor) -> tuple[Tensor, Tensor]:
        if self.flip:
            return tensor[..., self.width - self.kept :], tensor[..., : self.width - self.kept]
        return tensor[..., : self.kept], tensor[..., self.kept :]

    def _join(self, kept: Tensor, changed: Tensor) -> Tensor:
        return ops.concatenate([changed, kept] if self.flip else [kept, changed], axis=-1)

    def compute_output_shape(self, inputs_shape: Shape, context_shape: Shape | None = None) -> Shape:
        return tuple(inputs_shape), (inputs_shape[0],)

    def get_config(self) -> Config:
        choices = self.stack.choices()
        own = {name: choices[name] for name in ("hidden_units", "activation")}
        return {**super().get_config(), **own, "flip": self.flip}
