"""Any causal decoder, one step at a time."""

from typing import Any

import keras
from keras import ops

from keras_vae.hints import Part, Tensor

__all__ = ["OneStep", "check_causal", "is_pointwise"]

POINTWISE = {
    keras.layers.Dense,
    keras.layers.Activation,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.Identity,
    keras.layers.InputLayer,
    keras.layers.LayerNormalization,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
}
"""Layers that treat every step alone, in inference mode."""


def is_pointwise(model: Any) -> bool:
    """Whether a model treats every step alone, so that one step can be computed without the others.

    Args:
        model: any Keras model or layer; what is not known is not pointwise.

    Example:

    >>> import keras
    >>> from keras_vae.decoders.one_step import is_pointwise
    >>> is_pointwise(keras.Sequential([keras.layers.Dense(8, "relu"), keras.layers.Dense(4)]))
    True
    >>> is_pointwise(keras.layers.GRU(4, return_sequences=True))
    False
    """
    if type(model) is keras.Sequential:
        return all(map(is_pointwise, model.layers))
    if isinstance(model, keras.Model) and type(model).__name__ == "Functional":
        return all(map(is_pointwise, model.operations))
    return type(model) in POINTWISE


def check_causal(decoder: Part, reason: str) -> None:
    """Refuse a decoder that reads its latents backwards too.

    Args:
        decoder: the decoder.
        reason: why it must not, for the message.

    Raises:
        ValueError: it holds a `Bidirectional` layer.
    """
    backwards = [layer for layer in decoder._flatten_layers() if isinstance(layer, keras.layers.Bidirectional)]
    if backwards:
        raise ValueError(
            f"Argument `decoder`: {reason}, so step t must not depend on latents of later steps. Expected: a causal "
            f"decoder, such as keras_vae.decoders.GRU or Dense layers. Received: one with the layer "
            f"{backwards[0].name!r}, which reads in both directions."
        )


class OneStep:
    """Features of one step after the other, from latents that become known step by step.

    Decoders that carry a state go on from it; pointwise models see the step alone; of all others the whole pass up to
    this step is computed at every step.

    Args:
        decoder: the decoder, which must be causal.
        condition: `(batch, width)`, the encoded condition, if its `call` takes it by that name; else None.
    """

    def __init__(self, decoder: Part, condition: Tensor | None = None) -> None:
        self.decoder = decoder
        self.options = {} if condition is None else {"condition": condition}
        self.pointwise = not decoder.requires_target and is_pointwise(getattr(decoder, "model", None))
        self.carries_state = self.pointwise or (getattr(decoder, "carries_state", False) and condition is None)
        self.told_data = getattr(decoder, "autoregressive", decoder.requires_target)

    def start(self, z: Tensor, length: Any) -> Any:
        """The state before the first step.

        Args:
            z: `(batch, 1, width)`, what the decoder sees of the first step.
            length: number of steps.
        """
        if self.pointwise:
            return ()
        if self.carries_state:
            return self.decoder.start(z, length)
        return ops.zeros((ops.shape(z)[0], length, z.shape[-1]), dtype=z.dtype)

    def next(self, z: Tensor, target: Tensor, step: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Features of a step, `(batch, 1, units)`, and the next state.

        Args:
            z: `(batch, 1, width)`, what the decoder sees of this step.
            target: with `carries_state` the step before, `(batch, 1, features)`; otherwise all steps, `(batch, time,
                features)`, right before this one.
            step: number of the step, an int32 tensor.
            state: what `start` or the step before returned.
        """
        if self.pointwise:
            return self.decoder(z, training=False), state
        target = target if self.told_data else None
        if self.carries_state:
            return self.decoder.next_features(z, target, step, state)
        here = ops.reshape(ops.equal(ops.arange(ops.shape(state)[1]), step), (1, -1, 1))
        state = ops.where(here, z, state)
        if target is None and self.decoder.requires_target:
            target = ops.zeros((*ops.shape(state)[:2], self.decoder.target_shape[-1]), dtype=z.dtype)  # for its length
        features = self.decoder(state, target=target, training=False, **self.options)
        return ops.take(features, ops.reshape(step, (1,)), axis=1), state
