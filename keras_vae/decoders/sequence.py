"""Base class of decoders of sequences."""

import math
from collections.abc import Iterable
from typing import Any, Self

import keras
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.decoders.autoregressive import Autoregressive
from keras_vae.decoders.decoder import draw
from keras_vae.decoders.steps import continued
from keras_vae.hints import Config, Part, Seed, Shape, Tensor
from keras_vae.layers.sequence import check_latent_steps, hide_padding, sequence_width, shift_right
from keras_vae.layers.word_dropout import WordDropout

__all__ = ["Sequence"]


class Sequence(Autoregressive):
    """From latents and previous steps to features at every step: base class of decoders of sequences.

    To write one, implement `features`, causal in its inputs, and `start` and `next_features`, which do the same one
    step at a time. The inputs of a step are the previous step and the latents: one vector for all steps, or, if
    the latents have a time axis, `(batch, time, width)`, those of the step itself.

    Args:
        word_dropout: probability, between 0 and 1, that the previous step is hidden from a step in training. It
            keeps a strong decoder from ignoring the latents (Bowman et al., 2016).
        max_length: number of steps to decode if neither the data's shape nor the caller fixes it.
        autoregressive: whether a step sees the previous steps. If False, the decoder sees only the latents and decodes
            all steps in one pass, which suits smooth series such as motion.
        flatten_latents: whether latents `(batch, n, width)`, such as categorical ones, are one vector of `n * width`
            numbers that all steps see. Otherwise `n` is their time axis, and step t sees `z[:, t]`.
        skip_connections: whether the latents are an input of every layer and of the features, and not of the first
            layer alone (Dieng et al., 2019). A subclass does it with `with_latents` and `skip_width`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, data that are not sequences, or latents with another number of steps.

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
    ...         return self.dense(self._inputs(z, target, step=step)), state
    ...
    ...     def feature_width(self):
    ...         return 8
    >>> decoder = Pointwise()
    >>> decoder.build((None, 2), (None, 9, 3))
    >>> tuple(decoder(np.zeros((2, 2), "float32"), target=np.zeros((2, 9, 3), "float32")).shape)
    (2, 9, 8)
    """

    carries_state = True
    skips: Any = ()

    def __init__(
        self,
        word_dropout: float = 0.0,
        max_length: int | None = None,
        autoregressive: bool = True,
        flatten_latents: bool = False,
        skip_connections: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hide = WordDropout(word_dropout, dtype=self.dtype_policy, name="word_dropout")
        self.max_length = None if max_length is None else positive_int(max_length, "max_length")
        self.autoregressive = bool(autoregressive)
        self.flatten_latents = bool(flatten_latents)
        self.skip_connections = bool(skip_connections)
        self.requires_target = self.autoregressive

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        super().build(z_shape, target_shape)
        width = sequence_width(self.target_shape, "decoder", type(self).__name__.lower())
        # No weight depends on the number of steps.
        self.latents_in_time = len(z_shape) == 3 and not self.flatten_latents
        if self.latents_in_time:
            check_latent_steps(z_shape[1], self.target_shape[0], type(self).__name__)
        elif None in z_shape[1:]:
            raise ValueError(
                f"The decoder {type(self).__name__} flattens the latents, so all their axes must be known. "
                f"Received: z_shape={tuple(z_shape)}. With flatten_latents=False the second is a time axis."
            )
        self.z_width = z_shape[-1] if self.latents_in_time else math.prod(tuple(z_shape)[1:])
        self.input_width = self.z_width + (width if self.autoregressive else 0)
        # Without previous steps it still needs the number of steps.
        told = self.latents_in_time or self.target_shape[0] is not None
        self.requires_target = self.autoregressive or not told

    def call(
        self, z: Tensor, target: Tensor | None = None, mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        if self.requires_target and target is None:
            raise ValueError(
                f"The decoder {type(self).__name__} goes from step to step: its call needs `target`, the data. "
                "Use decode(z, likelihood) without data. Received: target=None"
            )
        if self.latents_in_time:
            steps = self.target_shape[0] if target is None else target.shape[1]
            check_latent_steps(z.shape[1], steps, type(self).__name__)
        if not self.autoregressive:
            length = self.target_shape[0] if target is None else ops.shape(target)[1]
            return self.features(z, self._inputs(z, length=length), training=training)
        before = self.hide(shift_right(hide_padding(target, mask)), training=training)
        return self.features(z, self._inputs(z, before), training=training)

    def _inputs(
        self, z: Tensor, before: Tensor | None = None, length: int | None = None, step: Tensor | None = None
    ) -> Tensor:
        """Inputs of all steps, or of step `step`, `(batch, time, input_width)`: the previous step, and z."""
        z = self.latents_of_steps(z, step)
        if self.latents_in_time:
            if before is None:
                return z
            return ops.concatenate([self.embed_steps(ops.cast(before, self.compute_dtype)), z], axis=-1)
        if before is None:
            return z + ops.zeros((1, length, 1), z.dtype)  # torch writes ops.repeat wrongly to ONNX
        before = self.embed_steps(ops.cast(before, self.compute_dtype))
        return ops.concatenate([before, z + ops.zeros_like(before[:, :, :1])], axis=-1)

    @property
    def skip_width(self) -> int:
        """Number of features by which `with_latents` widens a layer's inputs; 0 without skip connections."""
        return self.z_width if self.skip_connections else 0

    def with_latents(self, x: Tensor, z: Tensor, step: Tensor | None = None) -> Tensor:
        """Features of all steps, or of step `step`, with the latents appended: `(batch, time, units + skip_width)`.

        Args:
            x: `(batch, time, units)`; returned as it is without skip connections.
            z: as for `call`.
            step: number of the step, if `x` is of this step alone.
        """
        if not self.skip_connections:
            return x
        return ops.concatenate([x, self.latents_of_steps(z, step) + ops.zeros_like(x[:, :, :1])], axis=-1)

    def skip_layers(self, widths: Iterable[int]) -> list[keras.layers.Layer]:
        """For decoders whose blocks keep their width: linear maps of the latents, added in front of all but the first.

        Args:
            widths: number of features in front of each of these blocks.

        Returns:
            The layers, built; none without skip connections.
        """
        layers = []
        for index, width in enumerate(widths if self.skip_connections else ()):
            layers.append(keras.layers.Dense(width, use_bias=False, dtype=self.dtype_policy, name=f"skip_{index}"))
            layers[-1].build((None, None, self.z_width))
        return layers

    def skip_to(self, index: int, x: Tensor, z: Tensor, step: Tensor | None = None) -> Tensor:
        """What block `index` gets: `x`, to which the latents are added by one of `self.skips`.

        Args:
            index: number of the block, from 0, whose inputs hold the latents already.
            x: `(batch, time, units)`.
            z: as for `call`.
            step: number of the step, if `x` is of this step alone.
        """
        if not index or not self.skips:
            return x
        return x + self.skips[index - 1](self.latents_of_steps(z, step))

    def latents_of_steps(self, z: Tensor, step: Tensor | None = None) -> Tensor:
        """The latents that steps see, `(batch, time, width)`, where the time is 1 if all see the same.

        Args:
            z: as for `call`.
            step: number of the step, for its latents alone.
        """
        if not self.latents_in_time:
            return ops.cast(ops.reshape(z, (-1, 1, self.z_width)), self.compute_dtype)
        # Of one step alone, where latents become known step by step, or of all.
        if step is not None and z.shape[1] != 1:
            z = ops.take(z, ops.reshape(step, (1,)), axis=1)
        return ops.cast(z, self.compute_dtype)

    def first_latents(self, z: Tensor) -> Tensor:
        """The latents that the first step sees, `(batch, width)`.

        Args:
            z: as for `call`.
        """
        return z[:, 0] if self.latents_in_time else ops.reshape(z, (-1, self.z_width))

    def embed_steps(self, before: Tensor) -> Tensor:
        """Representation of the previous step in the inputs: itself, unless a subclass overrides it.

        Args:
            before: `(batch, time, features)`.
        """
        return before

    def features(self, z: Tensor, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Features of all steps, `(batch, time, units)`.

        Args:
            z: as for `call`.
            inputs: `(batch, time, input_width)`; the features of a step may depend on the inputs of this and earlier
                steps only.
            training: whether layers such as dropout are active.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `features(z, inputs, training=None)`.")

    def decode(
        self,
        z: Tensor,
        likelihood: Part,
        *,
        seed: Seed = None,
        mode: str | None = "mean",
        temperature: float = 1.0,
        length: int | None = None,
        condition: Tensor | None = None,
        prefix: Tensor | None = None,
        prefix_mask: Tensor | None = None,
    ) -> Tensor:
        if self.latents_in_time:
            length = self._length(z, likelihood, length)
        if self.autoregressive:
            return super().decode(
                z,
                likelihood,
                seed=seed,
                mode=mode,
                temperature=temperature,
                length=length,
                condition=condition,
                prefix=prefix,
                prefix_mask=prefix_mask,
            )
        (length,) = self.step_sizes(likelihood, length)
        if condition is None:
            features = self.features(z, self._inputs(z, length=length), training=False)
        else:
            # Without previous steps, the decoder uses only the length of the target.
            target = ops.zeros((ops.shape(z)[0], length, self.target_shape[-1]), dtype=self.compute_dtype)
            options: dict[str, Any] = {"condition": condition}
            features = self.call(z, target=target, training=False, **options)
        distribution = likelihood.distribution(likelihood(features))
        value = draw(distribution, mode, seed, temperature, likelihood=likelihood)
        return continued(value, likelihood, prefix, prefix_mask)

    def _length(self, z: Tensor, likelihood: Part, length: int | None) -> Any:
        known = likelihood.data_shape[0] or length
        check_latent_steps(z.shape[1], known, type(self).__name__)
        return (z.shape[1] or ops.shape(z)[1]) if known is None else known

    def compute_output_shape(self, z_shape: Shape, target_shape: Shape | None = None) -> Shape:
        length = self.target_shape[0] if target_shape is None else target_shape[1]
        length = z_shape[1] if length is None and self.latents_in_time else length
        return (z_shape[0], length, self.feature_width())

    def feature_width(self) -> int:
        """Number of features at every step, those of skip connections included."""
        raise NotImplementedError(f"{type(self).__name__} must implement `feature_width()`.")

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "word_dropout": self.hide.rate,
            "max_length": self.max_length,
            "autoregressive": self.autoregressive,
            "flatten_latents": self.flatten_latents,
            "skip_connections": self.skip_connections,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        # Files of 0.1 do not have `flatten_latents`; there all latents were one vector. They have `trainable`, which
        # Keras saves for every layer, and which a config written by hand lacks.
        return cls(**{"flatten_latents": "trainable" in config, **config})
