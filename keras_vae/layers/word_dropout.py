"""Dropout of whole steps."""

from typing import Any

import keras
from keras import ops

from keras_vae.arguments import optional_seed
from keras_vae.backend import SeedGenerator
from keras_vae.hints import Config, Shape, Tensor

__all__ = ["WordDropout"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class WordDropout(keras.layers.Layer):
    """Sets whole steps of a sequence to zero in training, each with probability `rate` (Bowman et al., 2016).

    Without the previous step an autoregressive decoder must use the latents: a common remedy for
    posterior collapse. Unlike `keras.layers.Dropout` it hides all features of a step, and does not scale the others up.

    Args:
        rate: probability that a step is hidden, in [0, 1]; with 1 all of them are.
        seed: int, or None for one drawn at random.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: a rate outside [0, 1], or a bad seed.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import WordDropout
    >>> hidden = np.array(WordDropout(0.5, seed=0)(np.ones((4, 100, 2), "float32"), training=True))
    >>> bool(0.4 < hidden.mean() < 0.6), bool((hidden[..., 0] == hidden[..., 1]).all())
    (True, True)
    """

    def __init__(self, rate: Tensor, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ValueError(f"Argument `rate` must be in [0, 1]. Received: rate={rate!r}")
        self.rate = rate
        self.seed = optional_seed(seed)
        self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        noise = keras.random.uniform(ops.shape(inputs)[:2], dtype="float32", seed=self.seed_generator)
        return ops.where(ops.expand_dims(noise, -1) < self.rate, ops.zeros_like(inputs), inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> Config:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
