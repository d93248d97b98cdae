"""Components that adapt to the training data before the first step."""

import math
import warnings
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_vae.backend import rows_of_first
from keras_vae.data.batch import joined_mask, labelled_rows
from keras_vae.data.chunks import blocks_of_rows, row_chunks, take_blocks
from keras_vae.data.field import over_fields
from keras_vae.data.rows import count_rows
from keras_vae.data.streams import Inputs, is_stream, peek, to_numpy, unpack
from keras_vae.hints import Array, Data, Part

__all__ = ["adapt_components", "components_to_adapt", "count_labels", "require_adapted"]

ROWS_OF_STREAM = 2048
NUMBERS_OF_ARRAYS = 2**26
"""Numbers that components are shown of larger arrays: 256 MB in float32."""


class Seen(NamedTuple):
    """Training data as components see them before training."""

    inputs: Inputs
    y: Any = None
    weights: Any = None


def components_to_adapt(model: Part) -> list[Any]:
    """The components with `adapt` that have not been adapted yet."""
    priors_and_posteriors = [component for pair in model.latents.pairs for component in pair]
    found = (model.encoder, *priors_and_posteriors, model.decoder, model.likelihood, model.objective)
    return [part for part in found if hasattr(part, "adapt") and not bool(ops.convert_to_numpy(part.adapted))]


def require_adapted(model: Part) -> None:
    """Refuse a model with components that have not been adapted to data and must be.

    Raises:
        ValueError: there is such a component.
    """
    for component in components_to_adapt(model):
        if not getattr(component, "must_adapt", True):
            continue  # it works without, if less well
        raise ValueError(
            f"{type(component).__name__} must see data before it is used: call fit, which shows it the training data, "
            "or its adapt(x) with a sample of them."
        )


def adapt_components(
    model: Part, x: Data, y: Data = None, sample_weight: Data = None, validation_split: float | None = None
) -> None:
    """Adapt components to the training data, once in the life of a model; warn of data that do not suit them.

    The likelihood is shown the target, with NaN for elements that count nowhere; the others x.

    Args:
        model: the model.
        x: as for `fit`, checked.
        y: likewise.
        sample_weight: likewise.
        validation_split: share of the rows, the last ones, that are not for training.
    """
    components = components_to_adapt(model)
    doubtful = hasattr(model.likelihood, "doubts") and not model.has_seen_data
    if not components and not doubtful:
        return
    seen = shown(model, x, y, sample_weight, validation_split or 0.0)
    if seen is None:
        if components:
            raise ValueError(
                f"Argument `x`: {type(components[0]).__name__} must see data before training, and a generator can be "
                "read only once. Call its adapt(x) with a sample of the training data first."
            )
        return
    shows_target = doubtful or any(part is model.likelihood for part in components)
    target = target_that_counts(model, seen) if shows_target else None
    context: tuple[Any, ...] = ()
    if components and seen.inputs.condition is not None:
        given, rows = seen.inputs, count_rows(seen.inputs.x)
        encoded = model.forward_pass.context(given.condition, rows, mask=given.condition_mask)
        context = (ops.convert_to_numpy(encoded),)
    for component in components:
        component.adapt(target if component is model.likelihood else seen.inputs.x, *context)
    if doubtful:
        model.has_seen_data = True
        for doubt in model.likelihood.doubts(target):
            warnings.warn(doubt, stacklevel=3)


def count_labels(model: Part, x: Data, sample_weight: Data = None, validation_split: float | None = None) -> None:
    """Tell an objective for which conditions may be missing how many rows have one; a dataset is not read for it.

    Args:
        model: the model.
        x: as for `fit`, checked.
        sample_weight: likewise.
        validation_split: share of the rows, the last ones, that are not for training.
    """
    if not model.objective.partly_labelled:
        return
    condition = None if is_stream(x) else unpack(x, model.spec).condition
    if condition is None:
        model.objective.count_labels(None)
        return
    rows = count_rows(condition)
    trained = int(rows * (1.0 - (validation_split or 0.0))) or rows  # as in Keras
    parts = [ops.convert_to_numpy(labelled_rows(part)[1]) for _, part in row_chunks(condition)]
    there, weights = np.concatenate(parts)[:trained], np.ones(trained)
    if sample_weight is not None:
        given = to_numpy(keras.tree.flatten(sample_weight)[0])[:trained]
        weights = given.reshape(-1) if given.size == trained else weights  # others are of elements
    model.objective.count_labels((float(weights.sum()), float(weights[there].sum())))


def shown(model: Part, x: Data, y: Data, sample_weight: Data, validation_split: float) -> Seen | None:
    """The part of the training data that components see; None for a generator, which can be read only once."""

    def is_valid(batch: Any) -> bool:
        # Later batches are not checked otherwise, and what a component adapts to stays in it.
        try:
            model.checks.check_stream([batch], training=True)
        except ValueError:
            return False
        return True

    if is_stream(x):
        peeked = peek(x, ROWS_OF_STREAM, model.spec, accept=is_valid, pad=True)
        if peeked is None:
            return None
        seen = Seen(*peeked)
    else:
        seen = Seen(unpack(x, model.spec), y, sample_weight)
        rows = count_rows(seen.inputs.x)
        trained = int(rows * (1.0 - validation_split))  # as in Keras
        seen = Seen(*(take_blocks(part, [slice(0, trained)] if 0 < trained < rows else None) for part in seen))
    seen = with_labels(seen) if model.objective.partly_labelled else seen
    rows = count_rows(seen.inputs.x)
    of_a_row = sum(math.prod(leaf.shape[1:]) for leaf in keras.tree.flatten(seen.inputs.x))
    blocks = blocks_of_rows(rows, max(1, NUMBERS_OF_ARRAYS // max(1, of_a_row)))
    # What a component adapts to must be the same in every process.
    parts = rows_of_first(tuple(take_blocks(part, blocks) for part in seen), ROWS_OF_STREAM)
    return Seen(*parts)


def with_labels(seen: Seen) -> Seen:
    """The labelled rows, or all rows if none is labelled: components adapt to conditions as well."""
    if seen.inputs.condition is None:
        return seen
    parts = [labelled_rows(part)[1] for _, part in row_chunks(seen.inputs.condition)]
    keep = np.concatenate([ops.convert_to_numpy(part) for part in parts])
    if keep.all() or not keep.any():
        return seen
    inputs, *others = (
        keras.tree.map_structure(lambda array: None if array is None else to_numpy(array)[keep], part) for part in seen
    )
    return Seen(inputs, *others)


def target_that_counts(model: Part, seen: Seen) -> Any:
    """What is reconstructed, with NaN for padding, masked elements, and those without weight.

    Components that adapt take NaN for missing, so a mask needs no argument of theirs.
    """
    target = seen.inputs.x if seen.y is None or model.objective.uses_y else seen.y
    fields = model.spec if isinstance(model.spec, dict) else None
    own = seen.inputs.mask
    if fields is not None and own is not None:
        own = {name: own.get(name) for name in fields}
    weights = keras.tree.flatten(seen.weights)[0] if seen.weights is not None else None
    counted: Any = None if weights is None else to_numpy(weights) > 0
    if counted is not None and counted.all():
        counted = None
    if fields is not None and counted is not None:
        counted = dict.fromkeys(fields, counted)
    if fields is not None and seen.inputs.present is not None:
        rows = {name: seen.inputs.present.get(name) for name in fields}
        counted = rows if counted is None else over_fields(joined_mask, rows, counted, like=target)
    masks = over_fields(joined_mask, model.likelihood.valid_mask(target), own, like=target)
    return over_fields(hidden, target, over_fields(joined_mask, masks, counted, like=target), like=target)


def hidden(values: Any, mask: Any) -> Any:
    """The data with NaN where the mask is False; unchanged without a mask."""
    if mask is None:
        return values
    values = to_numpy(values)
    mask = np.asarray(to_numpy(mask)).astype("bool")
    mask = mask.reshape(*mask.shape, *([1] * (values.ndim - mask.ndim)))
    return values if mask.all() else np.where(mask, values, nan_like(values))


def nan_like(values: Array) -> Any:
    return np.asarray(np.nan, dtype=values.dtype if values.dtype.kind == "f" else "float32")
