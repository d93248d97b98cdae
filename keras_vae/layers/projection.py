"""From features of any shape to parameters of a given shape."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.hints import Config, DType, Initializer, Shape, Tensor

__all__ = ["Projection", "gaussian_heads"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class Projection(keras.layers.Layer):
    """A linear map from features to a tensor of `target_shape`, the head of every component.

    Where the leading axes of features and target agree (images, sequences) it maps the last axis at
    every position; otherwise it flattens, maps and reshapes. Inputs of width zero give a learned
    constant. The map runs in the compute dtype; the result is float32, like all parameters of densities.

    Args:
        target_shape: shape of the result without the batch axis. Axes may be None where the features
            have the same axes.
        kernel_initializer: with zeros a head starts as a constant, as log scales should: with
            the default initializer the first loss of a deep ladder can reach 1e7.
        bias_initializer: initializer of the bias.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Call arguments:
        inputs: features `(batch, ...)`.

    Raises:
        ValueError: the features cannot be mapped to the target; the message names both shapes.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import Projection
    >>> tuple(Projection((8, 8, 1))(np.zeros((2, 8, 8, 16), "float32")).shape)
    (2, 8, 8, 1)
    >>> tuple(Projection((5,))(np.zeros((2, 8, 8, 16), "float32")).shape)
    (2, 5)
    """

    def __init__(
        self,
        target_shape: Sequence[int | None],
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: Shape) -> None:
        features, target = tuple(input_shape)[1:], self.target_shape
        self.per_position = self._lines_up(features, target)
        squeezed = self.per_position and len(features) == len(target) + 1
        units = 1 if squeezed else target[-1] if self.per_position else self._flat_size(features, target)
        self.width = features[-1] if self.per_position else math.prod(features)
        if self.width == 0:
            # autocast=False: without features it is a parameter of the density, never rounded to half precision.
            self.bias = self.add_weight(
                name="bias", shape=(units,), initializer=self.bias_initializer, dtype="float32", autocast=False
            )
            return
        self.dense = keras.layers.Dense(
            units,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dense.build((None, *features[:-1], self.width) if self.per_position else (None, self.width))

    @staticmethod
    def _lines_up(features: Shape, target: Shape) -> bool:
        if len(features) == len(target) + 1:
            return len(target) > 1 and features[:-1] == target
        return len(features) == len(target) and features[:-1] == target[:-1] and features[-1] is not None

    def _flat_size(self, features: Shape, target: Shape) -> int:
        if None in features or None in target or not target or (len(features) > 1 and len(target) > 1):
            raise ValueError(
                f"Features of shape {features} for each example cannot be projected to shape {target}. Give "
                f"features whose leading axes are {target[:-1]}, or flat features of shape (units,)."
            )
        return math.prod(target)

    def call(self, inputs: Tensor) -> Tensor:
        if self.width == 0:
            flat = ops.broadcast_to(ops.cast(self.bias, "float32"), (ops.shape(inputs)[0], self.bias.shape[0]))
            return ops.reshape(flat, (-1, *self.target_shape))
        if self.per_position:
            outputs = ops.cast(self.dense(inputs), "float32")
            return ops.squeeze(outputs, -1) if len(outputs.shape) > len(self.target_shape) + 1 else outputs
        outputs = self.dense(ops.reshape(inputs, (-1, self.width)))
        return ops.cast(ops.reshape(outputs, (-1, *self.target_shape)), "float32")

    def compute_output_spec(self, inputs: Tensor) -> Any:
        return keras.KerasTensor((inputs.shape[0], *self.target_shape), dtype="float32")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self.target_shape)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "target_shape": self.target_shape,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


def gaussian_heads(
    input_shape: Shape,
    target_shape: Sequence[int | None],
    *,
    names: Sequence[str] = ("z_mean", "z_log_var"),
    dtype: DType = None,
) -> tuple[Projection, ...]:
    """The two built heads of a Gaussian: its location, and its log scale, which starts at a constant zero.

    Args:
        input_shape: shape of the features, batch axis included.
        target_shape: shape of both results, without the batch axis.
        names: names of the two layers.
        dtype: dtype or policy of both.

    Example:

    >>> from keras import ops
    >>> from keras_vae.layers import gaussian_heads
    >>> z_mean, z_log_var = gaussian_heads((None, 16), (3,))
    >>> float(ops.max(ops.abs(z_log_var(ops.ones((2, 16))))))
    0.0
    """
    heads = []
    for name, initializer in zip(names, ("glorot_uniform", "zeros"), strict=True):
        heads.append(Projection(target_shape, kernel_initializer=initializer, dtype=dtype, name=name))
        heads[-1].build(input_shape)
    return tuple(heads)
