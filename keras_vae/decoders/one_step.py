"""Any causal decoder, one step at a time."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.decoders.sequence import Sequence
from keras_vae.hints import Part, Shape, Tensor

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
"""Layers that treat every step alone, in inference mode, if their options say nothing else; see `is_pointwise`."""

STEPS = 4
"""Number of steps of the random latents of `check_causal`, where the data's shape leaves it open."""


def is_pointwise(model: Any) -> bool:
    """Whether a model surely treats every step alone, so that one step can be computed without the others.

    Args:
        model: any Keras model or layer; what is not known is not pointwise.

    Example:

    >>> import keras
    >>> from keras_vae.decoders.one_step import is_pointwise
    >>> is_pointwise(keras.Sequential([keras.layers.Dense(8, "relu"), keras.layers.Dense(4)]))
    True
    >>> is_pointwise(keras.layers.GRU(4, return_sequences=True)), is_pointwise(keras.layers.PReLU())
    (False, False)
    """
    if type(model) is keras.Sequential:
        return all(map(is_pointwise, model.layers))
    if isinstance(model, keras.Model) and type(model).__name__ == "Functional":
        return all(map(is_pointwise, model.operations)) and all(one.shape[1] is None for one in model.inputs)
    if type(model) not in POINTWISE:
        return False
    # An activation of the user's may mix steps; those of Keras do not.
    if getattr(model, "activation", None) not in (None, *vars(keras.activations).values()):
        return False
    if isinstance(model, keras.layers.PReLU):
        return model.shared_axes is not None and 1 in model.shared_axes
    axes = getattr(model, "axis", -1)
    return all(axis in (-1, 2) for axis in (axes if isinstance(axes, (list, tuple)) else [axes]))


def check_causal(decoder: Part, width: int, target_shape: Shape, reason: str) -> None:
    """Refuse a decoder whose features of a step depend on later steps, or that cannot go from step to step.

    The package's decoders of sequences and layers of single steps are known. Of all others, features of random latents
    are computed with random weights, since initial ones may hide what they will depend on: features must not change
    with later latents and data, and must be the same step by step.

    Args:
        decoder: the decoder, built.
        width: number of features of what it sees of a step.
        target_shape: shape of the data as the networks see them, `(batch, time, features)`; the time may be None.
        reason: why it must be causal, for the message.

    Raises:
        ValueError: it is not.
    """

    steps, told = target_shape[1] or STEPS, target_shape[-1] if decoder.requires_target else 0

    def refused(found: str) -> ValueError:
        return ValueError(
            f"Argument `decoder`: {reason}, so step t must not depend on latents of later steps. Expected: a causal "
            "decoder, such as 'gru', 'lstm', 'tcn', 'transformer', or Dense layers, which treat each step alone. "
            f"Received: {named(decoder)}, {found}."
        )

    backwards = [layer for layer in decoder._flatten_layers() if isinstance(layer, keras.layers.Bidirectional)]
    if backwards:
        raise refused(f"with the layer {backwards[0].name!r}, which reads in both directions")
    if getattr(decoder, "flatten_latents", False):
        raise refused("with flatten_latents=True, by which every step sees the latents of all. Leave it out")
    own = isinstance(decoder, Sequence) and type(decoder).__module__.startswith("keras_vae.")
    if own or is_pointwise(getattr(decoder, "model", None)):
        return
    variables = [one for one in decoder.variables if keras.backend.is_float_dtype(one.dtype)]
    random = np.random.default_rng(0)
    # A scope, so that neither weights nor the states of seeds change.
    with keras.StatelessScope(state_mapping=[(one, varied(one, random)) for one in variables]):
        try:
            found = first_fault(decoder, width, steps, told, random)
        except Exception as error:
            raise refused(f"which failed on latents of {steps} steps: {error!s:.300}") from error
    if found:
        raise refused(found)


def named(decoder: Part) -> str:
    """The name of its class, or of that of the model inside of it."""
    return type(getattr(decoder, "model", decoder)).__name__


def varied(variable: keras.Variable, random: np.random.Generator) -> Tensor:
    """A variable's value plus noise, which is positive for vectors, such as variances, and scaled for matrices."""
    noise = random.normal(size=variable.shape)
    noise = noise / math.sqrt(math.prod(variable.shape[:-1])) if len(variable.shape) > 1 else 0.1 * np.abs(noise)
    return ops.cast(ops.convert_to_tensor(variable) + ops.convert_to_tensor(noise.astype("float32")), variable.dtype)


def first_fault(decoder: Part, width: int, steps: int, told: int, random: np.random.Generator) -> str | None:
    """What is wrong with a decoder that must be causal, as the end of a sentence; None for nothing."""
    options = {}
    if decoder.condition_width:
        condition = random.normal(size=(1, decoder.condition_width)).astype("float32")
        options["condition"] = ops.convert_to_tensor(condition)
    z, data = random.normal(size=(1, steps, width)), random.normal(size=(1, steps, told))

    def tensor(values: Any) -> Tensor:
        return ops.cast(ops.convert_to_tensor(values.astype("float32")), decoder.compute_dtype)

    def features(z: Any, data: Any) -> Any:
        target = tensor(data) if told else None
        made = decoder(tensor(z), target=target, training=False, **options)
        return np.asarray(ops.convert_to_numpy(ops.cast(made, "float32")))

    whole = features(z, data)
    if whole.ndim < 3 or whole.shape[1] != steps:
        return f"with features of shape {whole.shape[1:]} for {steps} steps, which are not those of each step"
    half = decoder.compute_dtype != "float32" and decoder.compute_dtype != "float64"
    size = float(np.abs(whole).max()) + 1e-6
    # The last step alone, since a change of several may stay within a block of steps; and all the others.
    for step in sorted({steps - 1, steps // 2, 1} - {0, steps}):
        z_after, data_after = z.copy(), data.copy()
        z_after[:, step:] = random.normal(size=z_after[:, step:].shape)
        data_after[:, step - 1 :] = random.normal(size=data_after[:, step - 1 :].shape)
        change = np.abs(features(z_after, data_after) - whole)[:, :step].max()
        if not change <= (2e-3 if half else 1e-5) * size:
            return f"whose features of earlier steps changed with step {step}"
    one_step = OneStep(decoder, options.get("condition"))
    if not one_step.carries_state:
        return None  # whole passes
    state = one_step.start(tensor(z[:, :1]), steps)
    before = np.concatenate([np.zeros_like(data[:, :1]), data[:, :-1]], axis=1)
    for step in range(min(steps, STEPS)):
        here = slice(step, step + 1)
        number = ops.convert_to_tensor(step, dtype="int32")
        made, state = one_step.next(tensor(z[:, here]), tensor(before[:, here]), number, state)
        made = np.asarray(ops.convert_to_numpy(ops.cast(made, "float32")))
        if (
            made.shape != whole[:, here].shape
            or not np.abs(made - whole[:, here]).max() <= (5e-2 if half else 1e-3) * size
        ):
            return f"whose `next_features` gives others at step {step} than its `call`"
    return None


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
