"""What decoders of sequences share."""

import math
from typing import Any

from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.decoders.autoregressive import Autoregressive
from keras_vae.decoders.decoder import draw, fill_behind_end
from keras_vae.hints import Config, Part, Seed, Shape, Tensor
from keras_vae.layers.sequence import hide_padding, sequence_width, shift_right
from keras_vae.layers.word_dropout import WordDropout

__all__ = ["Sequence"]


class Sequence(Autoregressive):
    """From latents, and the steps before, to features at every step: base class of decoders of sequences.

    To write one, write `features`, causal in its inputs, and `start` and `next_features`, which do the same one
    step at a time. The inputs of every step are the step before and the latents.

    Args:
        word_dropout: probability that a step is not told, in training, what the step before was; between 0 and
            1. It keeps a strong decoder from ignoring the latents (Bowman et al., 2016).
        max_length: number of steps to decode where neither the data's shape nor the caller says how many.
        autoregressive: whether a step sees those before it. Without, the decoder sees the latents alone and decodes all
            steps in one pass: for motion and the like, where a path is one thing.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, or data that are no sequences.

    Example:

    >>> import keras
    >>> import keras_vae as kv
    >>> import numpy as np
    >>> class Pointwise(kv.decoders.Sequence):
    ...     def build(self, z_shape, target_shape=None):
    ...         super().build(z_shape, target_shape)
    ...         self.dense = keras.layers.Dense(8)
    ...
    ...     def features(self, z, inputs, training=None):
    ...         return self.dense(inputs)
    ...
    ...     def next_features(self, z, target, step, state):
    ...         return self.dense(self._inputs(z, target)), state
    ...
    ...     def feature_width(self):
    ...         return 8
    >>> decoder = Pointwise()
    >>> decoder.build((None, 2), (None, 9, 3))
    >>> tuple(decoder(np.zeros((2, 2), "float32"), target=np.zeros((2, 9, 3), "float32")).shape)
    (2, 9, 8)
    """

    carries_state = True

    def __init__(
        self, word_dropout: float = 0.0, max_length: int | None = None, autoregressive: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.hide = WordDropout(word_dropout, dtype=self.dtype_policy, name="word_dropout")
        self.max_length = None if max_length is None else positive_int(max_length, "max_length")
        self.autoregressive = bool(autoregressive)
        self.requires_target = self.autoregressive

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        super().build(z_shape, target_shape)
        width = sequence_width(self.target_shape, "decoder", type(self).__name__.lower())
        self.z_width = math.prod(tuple(z_shape)[1:])
        self.input_width = self.z_width + (width if self.autoregressive else 0)
        # Without the steps before it still has to know how many there are.
        self.requires_target = self.autoregressive or self.target_shape[0] is None

    def call(
        self, z: Tensor, target: Tensor | None = None, mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        if self.requires_target and target is None:
            raise ValueError(
                f"The decoder {type(self).__name__} goes from step to step: its call needs `target`, the data. "
                "Use decode(z, likelihood) where there are none. Received: target=None"
            )
        if not self.autoregressive:
            length = self.target_shape[0] if target is None else ops.shape(target)[1]
            return self.features(z, self._inputs(z, length=length), training=training)
        before = self.hide(shift_right(hide_padding(target, mask)), training=training)
        return self.features(z, self._inputs(z, before), training=training)

    def _inputs(self, z: Tensor, before: Tensor | None = None, length: int | None = None) -> Tensor:
        """What every step is told, `(batch, time, input_width)`: the step before it, and the latents."""
        z = ops.cast(ops.reshape(z, (-1, 1, self.z_width)), self.compute_dtype)
        if before is None:
            return ops.repeat(z, length, axis=1) if isinstance(length, int) else z + ops.zeros((1, length, 1), z.dtype)
        before = self.embed_steps(ops.cast(before, self.compute_dtype))
        return ops.concatenate([before, z + ops.zeros_like(before[:, :, :1])], axis=-1)

    def embed_steps(self, before: Tensor) -> Tensor:
        """What stands for the step before in the inputs: itself, unless a subclass says otherwise.

        Args:
            before: `(batch, time, features)`.
        """
        return before

    def features(self, z: Tensor, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Features of all steps, `(batch, time, units)`.

        Args:
            z: as for `call`.
            inputs: `(batch, time, input_width)`, what each step is told; the features at a step may depend on this and
                earlier ones only.
            training: whether dropout and the like are active.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `features(z, inputs, training=None)`.")

    def decode(
        self,
        z: Tensor,
        likelihood: Part,
        *,
        seed: Seed = None,
        mode: str | None = "mean",
        temperature: float = 1.0,
        length: int | None = None,
    ) -> Tensor:
        if self.autoregressive:
            return super().decode(z, likelihood, seed=seed, mode=mode, temperature=temperature, length=length)
        (length,) = self.step_sizes(likelihood, length)
        features = self.features(z, self._inputs(z, length=length), training=False)
        distribution = likelihood.distribution(likelihood(features))
        value = draw(distribution, mode, seed, temperature, likelihood=likelihood)
        return fill_behind_end(value, likelihood)

    def compute_output_shape(self, z_shape: Shape, target_shape: Shape | None = None) -> Shape:
        length = self.target_shape[0] if target_shape is None else target_shape[1]
        return (z_shape[0], length, self.feature_width())

    def feature_width(self) -> int:
        """Number of features at every step."""
        raise NotImplementedError(f"{type(self).__name__} must write `feature_width()`.")

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "word_dropout": self.hide.rate,
            "max_length": self.max_length,
            "autoregressive": self.autoregressive,
        }
