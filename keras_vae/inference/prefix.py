"""Sequences that are given in part: the argument `prefix`, and the latents of what is given."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from keras import ops, random

from keras_vae.data.arrays import received
from keras_vae.data.masks import check_mask
from keras_vae.data.rows import check_rows, rows_of
from keras_vae.data.support import ColumnSupport
from keras_vae.decoders.steps import prefix_options
from keras_vae.distributions.draws import other_noise
from keras_vae.hints import Array, Part, Seed, Tensor

__all__ = ["Prefix", "inferred_latents", "prefix_of_batch", "read_prefix", "require_steps"]

ONE = ""
"""The name of the field of data that have one only."""


class Prefix(NamedTuple):
    """The checked argument `prefix`: for each field that has one its values and its mask.

    Attributes:
        values: arrays `(rows, time, ...)` by field.
        masks: boolean `(rows, time)` by field.
        rows: number of prefixes, or None for one prefix for all rows.
    """

    values: dict[str, Array]
    masks: dict[str, Array]
    rows: int | None

    def inputs(self, model: Part, n: int, length: int | None) -> dict[str, Any]:
        """Inputs of the compiled function: as many steps as are decoded, so that no length needs one of its own.

        Args:
            model: the `VAE`.
            n: number of rows.
            length: number of steps that are decoded where the data's shape leaves it open, or None.

        Returns:
            dict with the arrays `prefix`, `(n, steps, ...)`, and `prefix_mask`, `(n, steps)`, or dicts of them.

        Raises:
            ValueError: a prefix that is longer, another number of rows, or no number of steps.
        """
        values, masks = {}, {}
        for name, own in self.values.items():
            label, field, likelihood, decoder = part_of(model, name)
            steps = next((s for s in (field.shape[0], length, getattr(decoder, "max_length", None)) if s), None)
            if steps is None:
                raise ValueError(
                    f"Argument `length`: the data's shape {field.shape} does not say how many steps to decode, those "
                    f"of `{label}` included, so pass length=..., or set max_length of the decoder. Received: "
                    "length=None"
                )
            if own.shape[1] > steps:
                raise ValueError(
                    f"Argument `{label}` must be no longer than the data. Expected: at most {steps} steps. Received: "
                    f"{own.shape[1]}. Pass a larger length=... where the data's shape leaves it open, or the last "
                    "steps of the prefix."
                )
            if own.shape[0] not in (1, n):
                raise ValueError(
                    f"Argument `{label}` must hold one prefix for each row, or one for all. Expected: {n} rows. "
                    f"Received: {own.shape[0]}. For several of each prefix, leave n out and pass num_return=..."
                )
            after = [(0, 0), (0, steps - own.shape[1])]
            own = np.pad(own, [*after, *[(0, 0)] * (own.ndim - 2)], constant_values=likelihood.padding)
            mask = np.pad(self.masks[name], after, constant_values=False)
            values[name], masks[name] = (np.repeat(a, n, axis=0) if len(a) < n else a for a in (own, mask))
        return {"prefix": values.get(ONE, values), "prefix_mask": masks.get(ONE, masks)}


def read_prefix(model: Part, prefix: Any, prefix_mask: Any) -> Prefix | None:
    """The arguments `prefix` and `prefix_mask` of an inference function; None without a prefix.

    Args:
        model: the `VAE`.
        prefix: `(n, time, ...)`, `(time, ...)`, or a list of such arrays; for fields a dict with some of them.
        prefix_mask: boolean `(n, time)` or `(time,)`, likewise; or None.

    Raises:
        ValueError: they do not fit the model.
    """
    if prefix is None:
        if prefix_mask is not None:
            raise ValueError(
                "Argument `prefix_mask` needs a prefix. Received: only a mask. Pass prefix=... too, or leave the mask "
                "out."
            )
        return None
    given, masks = {ONE: prefix}, {ONE: prefix_mask}
    if isinstance(model.spec, dict):
        for name, value in (("prefix", prefix), ("prefix_mask", prefix_mask or {})):
            if not isinstance(value, Mapping) or not set(value) <= set(model.spec) or (name == "prefix" and not value):
                received = sorted(map(str, value)) if isinstance(value, Mapping) else f"a {type(value).__name__}"
                raise ValueError(
                    f"Argument `{name}` must be a dict with some of the fields {sorted(model.spec)}. Received: "
                    f"{received}."
                )
        given, masks = dict(prefix), dict(prefix_mask or {})
        if set(masks) - set(given):
            raise ValueError(
                f"Argument `prefix_mask` is for fields with a prefix. Expected: some of {sorted(given)}. Received: "
                f"{sorted(masks)}. Pass a prefix for the others too, or leave their masks out."
            )
    values: dict[str, Array] = {}
    rows: set[int] = set()
    for name, own in given.items():
        prefix_options(model.decoder, own, None)
        prefix_options(part_of(model, name)[3], own, None)
        values[name], masks[name], several = one_field(model, name, own, masks.get(name))
        rows |= {len(values[name])} if several else set()
    if len(rows) > 1:
        raise ValueError(
            f"Argument `prefix`: every field must have as many rows as the others. Received: {sorted(rows)} rows."
        )
    return Prefix(values, {name: masks[name] for name in values}, next(iter(rows), None))


def part_of(model: Part, name: str) -> tuple[str, Any, Part, Part]:
    """Of one field its label in messages, its spec, its likelihood and its decoder."""
    if name == ONE:
        return "prefix", model.spec, model.likelihood, model.decoder
    decoder = getattr(model.decoder, "parts", {}).get(name, model.decoder)
    return f"prefix[{name!r}]", model.spec[name], model.likelihood.parts[name], decoder


def one_field(model: Part, name: str, prefix: Any, mask: Any) -> tuple[Array, Array, bool]:
    """The checked prefix of one field, its mask, and whether it has rows of its own."""
    label, field, likelihood, _ = part_of(model, name)
    axes = len(field.shape)
    if axes == 1 and isinstance(likelihood.support, ColumnSupport):
        raise ValueError(
            f"Argument `{label}` is the first steps of a sequence, and the columns of a table are none. Received: a "
            "prefix. Declare missing elements, keras_vae.likelihoods.Columns(..., missing='nan'), and pass rows with "
            "NaN where a column is not known to reconstruct."
        )
    own = f"prefix_mask{label[6:]}"
    several = True
    ragged = isinstance(prefix, (list, tuple)) and len(prefix) > 0 and np.ndim(as_array(prefix[0], label)) == axes
    if ragged:
        if mask is not None:
            raise ValueError(
                f"Argument `{own}` is for arrays: the prefixes of a list count as long as they are. Received: a list "
                "and a mask. Leave the mask out."
            )
        values, mask = padded([as_array(row, label) for row in prefix], label, field.shape, likelihood.padding)
    else:
        values = as_array(prefix, label)
        several = values.ndim != axes
        values = values if several else values[None]
        if values.ndim != axes + 1:
            raise ValueError(
                f"Argument `{label}` must have shape {rows_of((None, *field.shape[1:]))}, or that of one prefix for "
                f"all rows, without the batch axis. Received: shape {values.shape}."
            )
        mask = np.ones(values.shape[:2], "bool") if mask is None else mask_of(mask, values, own)
        if len(values) and not values.shape[1]:  # no step at all, as in a list of empty rows
            values, mask = padded(list(values), label, field.shape, likelihood.padding)
    if values.dtype.kind == "b" and getattr(likelihood.support, "categorical", False):
        raise ValueError(
            f"Argument `{label}` must hold the numbers of categories, whole numbers from 0. Received: booleans. If "
            f"they say where a prefix counts, pass them as `{own}`."
        )
    # What the mask leaves out may be anything, NaN too.
    kept = mask.reshape(*mask.shape, *([1] * (axes - 1)))
    if values.dtype.kind in "fiub":
        values = np.where(kept, values, np.asarray(likelihood.padding, values.dtype))
    check_rows(values, (None, *field.shape[1:]), None, label, missing=field.missing)
    if mask.any():
        counted = values if mask.all() else values[mask][:, None]
        check_rows(counted, (None, *field.shape[1:]), likelihood.support, label, missing=field.missing)
    padding = likelihood.valid_mask(values)
    if padding is not None:
        mask = mask & np.asarray(ops.convert_to_numpy(padding)).astype("bool")
    gaps = np.flatnonzero((~mask[:, :-1] & mask[:, 1:]).any(axis=1))
    if len(gaps):
        raise ValueError(
            f"Argument `{own}`: the steps of a prefix follow one another from the first on. Expected: True, and then "
            f"False. Received: a step that counts behind one that does not, in row {gaps[0]}."
        )
    return values.astype("int32" if likelihood.support.categorical else "float32"), mask, several


def as_array(values: Any, label: str) -> Array:
    try:
        array = None if isinstance(values, (Mapping, str, bytes)) else np.asarray(ops.convert_to_numpy(values))
    except (TypeError, ValueError):
        array = None
    if array is None or array.dtype.kind in "OUS":
        raise ValueError(
            f"Argument `{label}` must be an array of numbers, or a list of arrays, one for each row, which may be of "
            f"unequal lengths. Received: {received(values)}. A mask is passed by its own "
            "name, as prefix_mask=..."
        )
    return array


def padded(rows: list[Array], label: str, shape: Any, padding: Any) -> tuple[Array, Array]:
    """Prefixes of unequal lengths as one array, and its mask."""
    if any(row.shape[1:] != tuple(shape[1:]) for row in rows):
        raise ValueError(
            f"Argument `{label}` is a list, so each prefix must be of shape {('time', *shape[1:])}. Received: shapes "
            f"{sorted({row.shape for row in rows})}."
        )
    lengths = np.array([len(row) for row in rows])
    longest = max(1, lengths.max())
    values = np.full((len(rows), longest, *shape[1:]), padding, np.result_type(*rows))
    for index, row in enumerate(rows):
        values[index, : len(row)] = row
    return values, np.arange(longest)[None] < lengths[:, None]


def mask_of(mask: Any, values: Array, label: str) -> Array:
    """The checked mask of a prefix `(rows, time, ...)`: boolean `(rows, time)`."""
    check_mask(np.asarray(ops.convert_to_numpy(mask)), label)
    mask = np.asarray(ops.convert_to_numpy(mask)).astype("bool")
    mask = mask[None] if mask.ndim == 1 else mask
    if mask.shape not in (values.shape[:2], (1, values.shape[1])):
        raise ValueError(
            f"Argument `{label}` must have an entry for each step of the prefix. Expected: shape {values.shape[:2]}. "
            f"Received: shape {mask.shape}."
        )
    return np.broadcast_to(mask, values.shape[:2])


def require_steps(prefix: Prefix) -> None:
    """Refuse rows of which nothing is given: there are no latents to infer.

    Raises:
        ValueError: there is such a row.
    """
    counts = sum(given_steps(prefix.values[name], mask) for name, mask in prefix.masks.items())
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        raise ValueError(
            f"Argument `prefix`: row {empty[0]} has no step that counts, {len(empty)} such rows in all, and its "
            "latents cannot be inferred. Pass latents_from='prior', or leave those rows out."
        )


def given_steps(values: Array, mask: Array) -> Array:
    """Number of steps of each row of which anything is given, `(rows,)`: steps of NaN only are not."""
    if values.dtype.kind == "f":
        mask = mask & ~np.isnan(values).reshape(*mask.shape, -1).all(axis=-1)
    return mask.sum(axis=1)


# In the compiled function -------------------------------------------------------------------------------


def prefix_of_batch(model: Part, inputs: Any) -> dict[str, Any]:
    """The arguments of a decoder for the prefix of a batch: elements that are missing in it are not given."""
    if "prefix" not in inputs:
        return {}
    prefix, mask = inputs["prefix"], inputs["prefix_mask"]
    if not isinstance(prefix, dict):
        return {"prefix": prefix, "prefix_mask": present(prefix, mask, model.spec)}
    masks = {name: present(own, mask[name], model.spec[name]) for name, own in prefix.items()}
    return {"prefix": prefix, "prefix_mask": masks}


def present(prefix: Tensor, mask: Tensor, field: Any) -> Tensor:
    if field.missing is None:
        return mask
    steps = ops.reshape(ops.cast(mask, "bool"), (*ops.shape(mask), *([1] * (len(prefix.shape) - 2))))
    return ops.logical_and(steps, ops.logical_not(ops.isnan(prefix)))


def whole_data(model: Part, prefix: Any, mask: Any) -> tuple[Any, Any]:
    """x and its mask as the encoder expects them: of fields that are not given, nothing counts."""
    if not isinstance(prefix, dict):
        return prefix, mask
    rows = ops.shape(next(iter(prefix.values())))[0]
    x, masks = dict(prefix), dict(mask)
    for name, field in model.spec.items():
        if name in prefix:
            continue
        likelihood = model.likelihood.parts[name]
        shape = (rows, *(1 if axis is None else axis for axis in field.shape))
        dtype = "int32" if likelihood.support.categorical else "float32"
        x[name] = ops.full(shape, float("nan") if field.missing else likelihood.padding, dtype=dtype)
        masks[name] = ops.zeros(shape[:2], dtype="bool")
    return x, masks


def inferred_latents(
    model: Part, inputs: Any, seed: Seed, temperature: Any, prepared: Any, candidates: int, deterministic: bool
) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
    """Latents of one batch from q(z | prefix), one tensor for each level, and options of `decode_latents`.

    Those of later steps are from the prior. If they depend on earlier data, they are drawn while these are decoded.

    Args:
        model: the `VAE`.
        inputs: the batch, with `prefix` and `prefix_mask`.
        seed: an int or a `SeedGenerator`.
        temperature: scales the spread of the latents of later steps.
        prepared: what `latents.prepare` returned for the whole call, or None.
        candidates: number of draws of which one is kept, by its importance weight.
        deterministic: take the mean of q(z | prefix).
    """
    x, mask = whole_data(model, inputs["prefix"], inputs["prefix_mask"])
    beside = {name: inputs[name] for name in ("condition", "condition_mask", "exposure") if name in inputs}
    if model.checks.optional_fields:
        # A row of which a field gives no step lacks it: its padding is no evidence.
        beside["present"] = {name: ops.any(mask[name], axis=1) for name in model.checks.optional_fields}
    terms = model.terms(
        {"x": x, "mask": mask, **beside},
        seed=seed,
        num_samples=candidates,
        deterministic=deterministic,
        prepared=prepared,
    )
    latents = terms.latents
    if candidates > 1:
        # Sampling-importance resampling. The weights are (batch, samples), the rows of the latents samples first.
        index = random.categorical(terms.log_weights, 1, seed=other_noise(seed, 4))[:, 0]
        rows = terms.batch.size
        chosen = ops.cast(index, "int32") * rows + ops.arange(rows, dtype="int32")
        latents = tuple(ops.take(level, chosen, axis=0) for level in latents)
    noise = other_noise(seed, 5)
    if model.latents.sees_data:
        return latents, {"kept": mask, "latent_seed": noise, "latent_temperature": temperature}
    latents = model.latents.continue_from(
        latents,
        mask,
        model.forward_pass.seen_by("prior", terms.context),
        encode=model.forward_pass.encode,
        prepared=prepared,
        seed=noise,
        temperature=temperature,
    )
    return latents, {}
