"""What structures with a latent for every time step share: checks, and distributions along a time axis."""

import dataclasses
from typing import Any

from keras import ops

from keras_vae.distributions.distribution import Distribution, Independent
from keras_vae.hints import Part, Shape, Tensor
from keras_vae.latents.levels import is_several

__all__ = [
    "as_rows",
    "check_context",
    "check_features",
    "check_length",
    "check_part",
    "in_time",
    "steps_of_data",
    "to_length",
]


def steps_of_data(data_shape: Any) -> int | None:
    """Number of steps of one example, or None if it varies.

    Args:
        data_shape: shape of one example.

    Raises:
        ValueError: data of several fields, or without axes.
    """
    if isinstance(data_shape, dict) or not data_shape:
        received = f"the fields {sorted(data_shape)}" if data_shape else f"data_shape={data_shape!r}"
        raise ValueError(
            "Argument `data_shape`: latents of every time step need data of one field with a time axis. Expected: a "
            f"shape such as (None, 88). Received: {received}. Concatenate the fields to one array, with a likelihood "
            "such as keras_vae.likelihoods.Columns."
        )
    return data_shape[0]


def check_context(shape: Shape, told: Shape) -> None:
    """Refuse a transition that does not return a vector for every row.

    Args:
        shape: shape of the transition's output.
        told: shape of its input.

    Raises:
        ValueError: the output is not `(rows, units)`.
    """
    if len(shape) != 2 or shape[-1] is None:
        raise ValueError(
            f"Argument `transition` must return a vector for every row. Expected: (rows, units). Received: {shape} "
            f"from rows of shape {told}. Use a layer such as keras.layers.Dense(64, activation='tanh')."
        )


def check_features(features_shape: Any, steps: int | None) -> Shape:
    """Shape of the features of one step, batch axis included.

    Args:
        features_shape: shape of the encoder's features, batch axis included, or a list of them.
        steps: number of steps of the data, or None where it varies.

    Raises:
        ValueError: they are not features of every step.
    """
    if is_several(features_shape) or len(features_shape) != 3 or features_shape[-1] is None:
        raise ValueError(
            "Argument `encoder`: latents of every time step need features of every time step. Expected: one tensor "
            f"(batch, time, units). Received: {features_shape}. Pass "
            "encoder=keras_vae.encoders.GRU(return_sequences=True), or another that returns them."
        )
    if None not in (steps, features_shape[1]) and steps != features_shape[1]:
        raise ValueError(
            "Argument `encoder`: latents of every time step need features of every time step. Expected: "
            f"{steps} steps, as the data have. Received: features of {features_shape[1]} steps. Avoid pooling and "
            "strides along the time axis."
        )
    return (features_shape[0], features_shape[-1])


def check_part(name: str, part: Part) -> None:
    """Refuse a prior or a posterior whose distributions of all steps cannot be combined along a time axis.

    Args:
        name: `"prior"` or `"posterior"`, for the message.
        part: the `Prior` or `Posterior`.

    Raises:
        ValueError: it needs the encoder, its latents are not real, or its dimensions are not independent.
    """
    if getattr(part, "requires_encoder", False):
        raise ValueError(
            f"Argument `{name}`: a step of a chain depends on the step before. Expected: a prior such as 'gaussian'. "
            f"Received: {type(part).__name__}, which is made of the encoder's posteriors."
        )
    kind = part.distribution_class
    if part.latent_space != "reals" or kind is None or not issubclass(kind, Independent):
        raise ValueError(
            f"Argument `{name}`: the steps are combined to one distribution along the time axis. Expected: real "
            "latents with independent dimensions, whose distribution_class is a keras_vae.distributions.Independent. "
            f"Received: {type(part).__name__} on the space {part.latent_space!r}, with distribution_class="
            f"{getattr(kind, '__name__', None)}. Use 'gaussian'."
        )


def as_rows(tensor: Tensor) -> Tensor:
    """`(rows, time, width)` as `(rows * time, width)`; rows unchanged.

    Args:
        tensor: `(rows, time, width)` or `(rows, width)`.
    """
    return ops.reshape(tensor, (-1, tensor.shape[-1])) if len(tensor.shape) == 3 else tensor


def in_time(value: Any, z: Tensor, mask: Tensor | None) -> Distribution:
    """The distribution of all steps, `(rows, time, width)`, from one with a row for every step.

    Args:
        value: an `Independent` distribution of `rows * time` rows.
        z: `(rows, time, width)`, the draws, for their shape.
        mask: boolean `(rows, time)`, True at valid steps, or None.
    """
    rows, shape = ops.shape(value.mean()), ops.shape(z)
    tensors = {name: ops.reshape(ops.broadcast_to(one, rows), shape) for name, one in value.tensors().items()}
    return dataclasses.replace(value, **tensors, event_ndims=2, mask=mask)


def check_length(latents: Part, steps: Any, length: Any) -> None:
    """Refuse a number of steps for which given latents do not suffice, where both are known.

    Latents that see the data are used one by one, so the first of them do; of all others a decoder sees all.

    Args:
        latents: the latent structure.
        steps: number of steps of the given latents; None or a tensor where it is not known.
        length: number of steps to decode, likewise.

    Raises:
        ValueError: they do not.
    """
    if not latents.goes_step_by_step or not isinstance(steps, int) or not isinstance(length, int):
        return
    if length > steps or (length < steps and not latents.sees_data):
        expected = f"at most {steps}" if latents.sees_data else str(steps)
        raise ValueError(
            f"Argument `length`: every step has a latent of its own, and those that are given, or inferred from x, are "
            f"of {steps} steps. Expected: {expected}, or no length. Received: length={length}. To go on behind them, "
            "pass the data as a prefix, vae.generate(prefix=x, length=...)."
        )


def to_length(z: Tensor, mask: Tensor, length: Any) -> tuple[Tensor, Tensor]:
    """Latents of the first steps and their mask as those of `length` steps, `(rows, length, width)`, False behind them.

    Args:
        z: `(rows, time, width)`.
        mask: boolean `(rows, time)`.
        length: number of steps, at least `time`; None for `time`.
    """
    z, mask = ops.convert_to_tensor(z), ops.cast(mask, "bool")
    if length is None or (isinstance(length, int) and z.shape[1] == length):
        return z, mask
    shape = ops.shape(z)
    more = ops.zeros((shape[0], length - shape[1], shape[2]), dtype=z.dtype)
    return ops.concatenate([z, more], axis=1), ops.concatenate([mask, ops.zeros(ops.shape(more)[:2], "bool")], axis=1)
