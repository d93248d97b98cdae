"""Noise that replaces some elements."""

import numbers
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import optional_seed
from keras_vae.backend import SeedGenerator
from keras_vae.hints import Config, Shape, Tensor

__all__ = ["SaltAndPepper"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class SaltAndPepper(keras.layers.Layer):
    """Replaces random elements by given values, in training only.

    Salt-and-pepper noise with the default values, the ends of the data's range (Vincent et al., 2010,
    section 3.3); masking noise with `values=(0.0,)` (Vincent et al., 2008), which, unlike `keras.layers.Dropout`,
    leaves the other elements unchanged.

    Args:
        rate: probability that an element is replaced, in [0, 1].
        values: replacement values, one of which is chosen at random.
        seed: int, or None for one drawn at random.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import SaltAndPepper
    >>> grey = np.full((2, 100), 0.5, "float32")
    >>> noisy = SaltAndPepper(0.4, seed=0)(grey, training=True)
    >>> sorted({float(value) for value in noisy[0]})
    [0.0, 0.5, 1.0]
    """

    def __init__(self, rate: Any = 0.25, values: Any = (0.0, 1.0), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(rate, numbers.Real) or not 0 <= float(rate) <= 1:
            raise ValueError(f"Argument `rate` must be in [0, 1]. Received: rate={rate!r}")
        values = (values,) if isinstance(values, numbers.Real) else tuple(values)
        if not values:
            raise ValueError(f"Argument `values` must hold at least one number. Received: values={values!r}")
        self.rate = float(rate)
        self.values = tuple(float(value) for value in values)
        self.seed = optional_seed(seed)
        self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        del input_shape

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training:
            return inputs
        shape = ops.shape(inputs)
        uniform = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        # The same draw also selects the value: given that it is below `rate`, it is uniform again.
        which = ops.cast(ops.floor(uniform / max(self.rate, 1e-12) * len(self.values)), "int32")
        values = ops.convert_to_tensor(self.values, dtype=inputs.dtype)
        replacements = ops.take(values, ops.clip(which, 0, len(self.values) - 1))
        return ops.where(uniform < self.rate, replacements, inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> Config:
        return {**super().get_config(), "rate": self.rate, "values": self.values, "seed": self.seed}
