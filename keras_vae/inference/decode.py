"""Data for given latents."""

import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import non_negative_number
from keras_vae.data.rows import check_rows
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Part, Seed, Tensor
from keras_vae.inference.call import (
    as_tensors,
    checked_condition,
    checked_exposure,
    checked_limits,
    decoding_mode,
    known_length,
    real_numbers,
    rows,
)
from keras_vae.inference.prefix import prefix_of_batch, read_prefix
from keras_vae.latents.steps import check_length

__all__ = ["context_of", "decode", "decode_latents"]


def decode(
    model: Part,
    z: Any,
    condition: Tensor | None = None,
    mode: str | None = None,
    *,
    prefix: Any = None,
    prefix_mask: Any = None,
    condition_mask: Tensor | None = None,
    exposure: Tensor | None = None,
    seed: int | None = None,
    data_temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    length: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> Any:
    """Data for latents, as `encode` gives them: `(n, *data_shape)`.

    Args:
        model: the `VAE`.
        z: `(n, latent_dim)`, or a tuple with one array for each level. Latents with a time axis, `(n, time, width)`,
            fix the number of steps.
        condition: `(n, *condition_shape)` for a conditional model.
        mode: `"mean"` or `"mode"` of p(x|z), or a `"sample"` from it; by default the mean, and the mode for
            tokens, which have no mean. `"distribution"` for p(x|z) itself, from `keras_vae.distributions`, with one
            row for each example.
        prefix: the first steps of the data, `(n, time, ...)` or `(time, ...)` for all rows, which are returned as they
            are and which the steps behind them follow; or a list of them of unequal lengths, and for several fields a
            dict with some of them.
        prefix_mask: boolean `(n, time)`, True where the prefix counts, for prefixes of unequal lengths; by default all
            steps that the likelihood does not take for padding.
        condition_mask: boolean `(n, length)`, True at valid steps, for conditions of unequal lengths.
        exposure: `(n,)`, size factors, for a likelihood created with `exposure=True`.
        seed: int, for results that are reproducible on one backend, with one batch size.
        data_temperature: scales the spread of p(x|z), with `mode="sample"`; 1 is the model's own, 0 is greedy.
        top_k: number of the most likely categories that a draw of tokens is taken from, with `mode="sample"`.
        top_p: as many of the most likely categories as reach this probability, likewise: nucleus sampling.
        length: number of steps, those of the prefix included, if `data_shape` does not fix it.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Raises:
        ValueError: arguments or data that do not fit the model, or `mode="distribution"` with a prefix or an
            autoregressive decoder, whose p(x|z) is made of one distribution for each step, given the steps before it.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.decode(np.zeros((3, 2))).shape
    (3, 4)
    >>> p = vae.decode(np.zeros((3, 2)), mode="distribution")
    >>> tuple(p.log_prob(np.zeros((3, 4))).shape)
    (3,)
    """
    as_distribution = mode == "distribution"
    if as_distribution:
        require_one_pass(model)
        if prefix is not None:
            raise ValueError(
                "Argument `prefix`: steps that are given have no distribution. Received: a prefix and "
                "mode='distribution'. Leave one of the two out."
            )
    mode = decoding_mode(model, None if as_distribution else mode, data_temperature)
    limits = checked_limits(model, mode, top_k, top_p)
    given = read_prefix(model, prefix, prefix_mask)
    mode, length = "parameters" if as_distribution else mode, known_length(model, length)
    shapes = model.latents.level_shapes()
    z = tuple(z) if isinstance(z, tuple) or len(shapes) > 1 else (z,)
    z = tuple(real_numbers(level, "z") for level in z)
    if len(z) != len(shapes):
        raise ValueError(
            f"Argument `z` must hold one array for each level of latents, {len(shapes)} here. "
            f"Received: {len(z)} arrays."
        )
    for level, shape in zip(z, shapes, strict=True):
        check_rows(level, shape, None, "z")
    n = len(z[0])
    if any(len(level) != n for level in z):
        raise ValueError(
            "Argument `z` must hold as many rows for every level of latents. Received: "
            f"{[len(level) for level in z]} rows."
        )
    check_length(model.latents, z[0].shape[1], length)
    beside = {
        **checked_condition(model, condition, condition_mask, n),
        "exposure": checked_exposure(model, exposure, n),
    }

    if given is not None:
        beside.update(given.inputs(model, n, z[0].shape[1] if model.latents.has_time_axis else length))

    def decode_batch(vae: Part, inputs: Any, seed: Seed, temperature: Tensor, **_: Any) -> Tensor:
        return decode_latents(vae, inputs["z"], inputs, mode, seed, temperature[1], length, **limits)

    temperature = (1.0, non_negative_number(data_temperature, "data_temperature"))
    inputs = {"z": z, **rows(n, **beside)}
    decoded = model.runner.run(
        ("decode", mode, length, *limits.values(), None if given is None else tuple(given.values)),
        decode_batch,
        inputs,
        batch_size=batch_size,
        verbose=verbose,
        seed=seed,
        temperature=temperature,
    )
    if not as_distribution:
        return decoded
    return detached(model.likelihood.distribution(as_tensors(decoded)))


def require_one_pass(model: Part) -> None:
    """Refuse decoders, and latents, under which a step depends on the steps before it.

    Raises:
        ValueError: such a decoder, or such latents.
    """
    decoder = model.decoder
    if model.latents.sees_data:
        raise ValueError(
            f"Argument `mode`: the latents {type(model.latents).__name__} see the data of earlier steps, so p(x|z) is "
            "not one distribution: each step has its own, given the steps before it. Received: mode='distribution'. "
            "Use mode='sample' for draws, and vae.elbo(x, reduction='none') for the densities of given data."
        )
    for part in getattr(decoder, "parts", {"": decoder}).values():
        if part.requires_target and getattr(part, "autoregressive", True):
            raise ValueError(
                f"Argument `mode`: the decoder {type(part).__name__} is autoregressive, so p(x|z) is not one "
                "distribution: each step has its own, given the steps before it. Received: mode='distribution'. Use "
                "mode='sample' for draws, and vae.elbo(x, reduction='none') for the densities of given data."
            )


def detached(value: Any) -> Any:
    """A distribution with copies of its tensors: parameters that all rows share are weights, which may still change."""
    if isinstance(value, Distribution):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        return dataclasses.replace(value, **{name: detached(part) for name, part in fields.items()})
    if isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        parts = {key: detached(part) for key, part in items}
        return parts if isinstance(value, dict) else type(value)(parts.values())
    if ops.is_tensor(value) or isinstance(value, keras.Variable):
        return ops.convert_to_tensor(np.array(ops.convert_to_numpy(value)))
    return value


def context_of(model: Part, inputs: Any) -> Tensor:
    """The encoded condition of the rows of a batch, `(batch, width)`."""
    return model.context(inputs.get("condition"), ops.shape(inputs["rows"])[0], mask=inputs.get("condition_mask"))


def decode_latents(
    model: Part,
    latents: tuple[Tensor, ...],
    inputs: Any,
    mode: str | None,
    seed: Seed,
    temperature: Any,
    length: Any,
    **options: Any,
) -> Tensor:
    """Data for the latents of one batch; `options` are those of `Forward.decode_latents`, such as `top_k`."""
    return model.forward_pass.decode_latents(
        latents,
        context_of(model, inputs),
        exposure=inputs.get("exposure"),
        seed=seed,
        mode=mode,
        temperature=temperature,
        length=length,
        **prefix_of_batch(model, inputs),
        **options,
    )
