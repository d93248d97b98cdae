"""New data, and data for given latents."""

import dataclasses
import numbers
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import non_negative_number, positive_int
from keras_vae.data.rows import check_rows
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Array, Part, Seed, Tensor
from keras_vae.inference.call import (
    as_tensors,
    checked_condition,
    checked_exposure,
    decoding_mode,
    known_length,
    real_numbers,
    rows,
)
from keras_vae.inference.clusters import latents_of_components
from keras_vae.inference.samplers import latents_of_sampler

__all__ = ["decode", "generate"]

SPACES = {
    "one_hot": "probabilities that sum to 1",
    "sphere": "unit vectors",
    "ball": "points of the ball, shorter than 1 / sqrt(curvature)",
}
"""What the latents of a space look like."""


def decode(
    model: Part,
    z: Any,
    condition: Tensor | None = None,
    mode: str | None = None,
    *,
    condition_mask: Tensor | None = None,
    exposure: Tensor | None = None,
    seed: int | None = None,
    data_temperature: float = 1.0,
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
        condition_mask: boolean `(n, length)`, True at valid steps, for conditions of unequal lengths.
        exposure: `(n,)`, size factors, for a likelihood created with `exposure=True`.
        seed: int, for results that are reproducible on one backend, with one batch size.
        data_temperature: scales the spread of p(x|z), with `mode="sample"`; 1 is the model's own, 0 is greedy.
        length: number of steps, if `data_shape` does not fix it.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Raises:
        ValueError: arguments or data that do not fit the model, or `mode="distribution"` with an autoregressive
            decoder, whose p(x|z) is made of one distribution for each step, given the steps before it.

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
        require_one_pass(model.decoder)
    mode = decoding_mode(model, None if as_distribution else mode, data_temperature)
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
    beside = {
        **checked_condition(model, condition, condition_mask, n),
        "exposure": checked_exposure(model, exposure, n),
    }

    def decode_batch(vae: Part, inputs: Any, seed: Seed, temperature: Tensor, **_: Any) -> Tensor:
        return decode_latents(vae, inputs["z"], inputs, mode, seed, temperature[1], length)

    temperature = (1.0, non_negative_number(data_temperature, "data_temperature"))
    inputs = {"z": z, **rows(n, **beside)}
    decoded = model.runner.run(
        ("decode", mode, length),
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


def require_one_pass(decoder: Part) -> None:
    """Refuse decoders under which a step depends on the steps before it.

    Raises:
        ValueError: such a decoder.
    """
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


def generate(
    model: Part,
    n: int | None = None,
    condition: Tensor | None = None,
    mode: str | None = None,
    *,
    sampler: str | None = None,
    component: Any = None,
    fixed: Mapping[int, Any] | None = None,
    condition_mask: Tensor | None = None,
    exposure: Tensor | None = None,
    seed: int | None = None,
    temperature: float = 1.0,
    data_temperature: float = 1.0,
    length: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> Array:
    """New data: latents from the prior or from a sampler, decoded: `(n, *data_shape)`.

    Args:
        model: the `VAE`.
        n: number of examples; by default the number of conditions or components, or 1.
        condition: `(n, *condition_shape)`, or one condition for all, for a conditional model.
        mode: `"mean"` or `"mode"` of p(x|z), or a `"sample"` from it; by default the mean, and the mode for
            tokens, which have no mean. Most published pictures show the mean.
        sampler: name of a sampler that `fit_sampler` has fitted: latents are drawn from it in place of the prior.
        component: index of the component of a mixture prior to draw from, or one for each row, `(n,)`; see
            `keras_vae.priors.Mixture`.
        fixed: dict from the index of a level or group of latents to its value: `(n, *latent)`, or one value for all
            rows; for a single categorical variable, the index of the category.
        condition_mask: boolean `(n, length)`, True at valid steps, for conditions of unequal lengths.
        exposure: `(n,)`, size factors, for a likelihood created with `exposure=True`.
        seed: int, for results that are reproducible on one backend, with one batch size.
        temperature: scales the spread of the prior or of the sampler; below 1 results are more typical and less
            varied.
        data_temperature: scales the spread of p(x|z), with `mode="sample"`; 1 is the model's own, 0 is greedy.
        length: number of steps, if `data_shape` does not fix it.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Raises:
        ValueError: arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.generate(3, temperature=0.8, seed=0).shape
    (3, 4)
    """
    mode, length = decoding_mode(model, mode, data_temperature), known_length(model, length)
    if n is None and np.ndim(component) == 1:
        n = len(component)
    if condition is not None and n is None:
        n = len(np.asarray(condition)) if np.ndim(condition) > len(model.condition_shape or ()) else 1
    n = positive_int(1 if n is None else n, "n")
    temperatures = (
        non_negative_number(temperature, "temperature"),
        non_negative_number(data_temperature, "data_temperature"),
    )
    beside = {
        **checked_condition(model, condition, condition_mask, n),
        "exposure": checked_exposure(model, exposure, n),
    }
    if sampler is not None and component is not None:
        raise ValueError(
            f"Argument `component` draws from the prior, and `sampler` from another density. Received: "
            f"component={component!r:.80}, sampler={sampler!r}. Leave one of them out."
        )
    if sampler is not None:
        drawn = latents_of_sampler(model, sampler, n, beside["condition"], seed, temperatures[0])
        fixed = with_drawn(fixed, drawn, "the sampler draws the levels or groups")
    if component is not None:
        drawn = latents_of_components(model, component, n, seed, temperatures[0])
        fixed = with_drawn(fixed, drawn, "`component` draws the level or group")
    given = fixed_latents(model, fixed, n, steps_of_latents(model, length))

    def generate_batch(vae: Part, inputs: Any, seed: Seed, temperature: Tensor, prepared: Any) -> Tensor:
        latents = draw_latents(vae, inputs, seed, temperature[0], prepared, length)
        return decode_latents(vae, latents, inputs, mode, seed, temperature[1], length)

    return model.runner.run(
        ("generate", mode, length, tuple(given)),
        generate_batch,
        rows(n, **beside, **given),
        batch_size=batch_size,
        verbose=verbose,
        seed=seed,
        temperature=temperatures,
    )


def with_drawn(fixed: Mapping[int, Any] | None, drawn: dict[int, Array], by: str) -> dict[int, Any]:
    """The argument `fixed` with the draws of a sampler, or of a component of the prior.

    Args:
        fixed: the argument.
        drawn: latents by the index of their level.
        by: what draws them, for the error.

    Raises:
        ValueError: it fixes a level that is drawn.
    """
    if fixed is not None and (not isinstance(fixed, Mapping) or set(fixed) & set(drawn)):
        raise ValueError(
            f"Argument `fixed`: {by} {sorted(drawn)}, so none of them can be fixed. Received: fixed={fixed!r:.80}. "
            "Leave one of the two arguments out."
        )
    return {**(fixed or {}), **drawn}


def context_of(model: Part, inputs: Any) -> Tensor:
    """The encoded condition of the rows of a batch, `(batch, width)`."""
    return model.context(inputs.get("condition"), ops.shape(inputs["rows"])[0], mask=inputs.get("condition_mask"))


def steps_of_latents(model: Part, length: int | None) -> int | None:
    """Number of steps of latents with a time axis: they are drawn before the decoder runs, which else determines it."""
    known = (length, model.time_steps, getattr(model.decoder, "max_length", None))
    return next((value for value in known if value is not None), None)


def draw_latents(
    model: Part, inputs: Any, seed: Seed, temperature: Any, prepared: Any, length: int | None
) -> tuple[Tensor, ...]:
    """Latents of one batch from the prior, one tensor for each level."""
    context = context_of(model, inputs)
    return model.latents.generate(
        model.forward_pass.seen_by("prior", context),
        encode=model.forward_pass.encode,
        prepared=prepared,
        seed=seed,
        temperature=temperature,
        length=steps_of_latents(model, length),
        given=[inputs.get(f"fixed_{index}") for index in range(len(model.latents.level_shapes()))],
    )


def decode_latents(
    model: Part, latents: tuple[Tensor, ...], inputs: Any, mode: str | None, seed: Seed, temperature: Any, length: Any
) -> Tensor:
    """Data for the latents of one batch."""
    context = context_of(model, inputs)
    z = model.forward_pass.decoder_input(latents, context)
    return model.forward_pass.decode_data(
        z, context, exposure=inputs.get("exposure"), seed=seed, mode=mode, temperature=temperature, length=length
    )


def fixed_latents(model: Part, fixed: Mapping[int, Any] | None, n: int, steps: int | None) -> dict[str, Array]:
    """The argument `fixed` as inputs: arrays `(n, *latent)` by name.

    Raises:
        ValueError: an unknown level, or a value of another shape.
    """
    shapes = model.latents.level_shapes()
    given: dict[str, Array] = {}
    if fixed is not None and not isinstance(fixed, Mapping):
        raise ValueError(
            "Argument `fixed` must be a dict from the index of a level or group to its value. Expected, for example, "
            f"{{0: 3}}. Received: fixed={fixed!r:.200}"
        )
    for index, value in (fixed or {}).items():
        if isinstance(index, bool) or not isinstance(index, numbers.Integral) or index not in range(len(shapes)):
            raise ValueError(
                f"Argument `fixed`: the model has the levels or groups 0 to {len(shapes) - 1}. Received: {index!r}"
            )
        shape: Any = tuple(steps if axis is None else axis for axis in shapes[index])
        array = np.asarray(ops.convert_to_numpy(value))
        prior = model.latents.pairs[index][0]
        space = prior.latent_space
        if space == "one_hot" and array.dtype.kind in "iu" and array.ndim < 2 and len(shape) == 2 and shape[0] == 1:
            if array.size and not (array.min() >= 0 and array.max() < shape[1]):
                raise ValueError(
                    f"Argument `fixed`: group {index} has the categories 0 to {shape[1] - 1}. Received: {value!r}"
                )
            array = np.eye(shape[1], dtype="float32")[array].reshape(*array.shape, *shape)
        if array.dtype.kind not in "fiub" or not np.isfinite(array.astype("float64")).all():
            raise ValueError(f"Argument `fixed`: level {index} must hold finite numbers. Received: {value!r:.80}")
        if array.shape not in (shape, (n, *shape)):
            raise ValueError(
                f"Argument `fixed`: level {index} must be of shape {shape}, or {(n, *shape)}. Received: shape "
                f"{array.shape}."
            )
        if not in_space(array.astype("float64"), space, getattr(prior, "curvature", 1.0)):
            expected = SPACES[space]
            raise ValueError(
                f"Argument `fixed`: level {index} must hold values that its prior can draw. Expected {expected}, on "
                f"the last axis. Received: {value!r:.80}"
            )
        given[f"fixed_{index}"] = np.broadcast_to(array.astype("float32"), (n, *shape)).copy()
    return given


def in_space(latents: Array, space: str | None, curvature: float = 1.0) -> bool:
    """Whether latents `(..., width)` lie where a prior lives; probabilities are between one-hot vectors.

    >>> in_space(np.array([0.0, 2.0]), "one_hot"), in_space(np.array([0.6, 0.8]), "sphere")
    (False, True)
    """
    if space == "one_hot":
        return bool((latents >= 0).all() and np.allclose(latents.sum(axis=-1), 1.0, atol=1e-3))
    if space == "ball":
        return bool((curvature * np.square(latents).sum(axis=-1) < 1.0).all())
    return space != "sphere" or bool(np.allclose(np.square(latents).sum(axis=-1), 1.0, atol=1e-3))
