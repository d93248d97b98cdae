"""The metrics of `compile`: what they compare, and which elements count."""

from typing import Any

import keras
from keras import ops

from keras_vae.data.batch import Batch
from keras_vae.data.field import over_fields
from keras_vae.hints import Part, Tensor
from keras_vae.objectives.terms import Terms

__all__ = ["mean_over_samples", "prediction_from", "prediction_of", "update_metrics"]


def prediction_of(likelihood: Part, terms: Terms) -> Any:
    """What metrics compare with the data: the likelihood's typical value, averaged over the draws of the latents.

    For tokens it is the probabilities of the categories, `(batch, *data_shape, categories)`, as a Keras model of tokens
    returns them; so `"accuracy"` and other sparse categorical metrics apply.

    Args:
        likelihood: the model's likelihood.
        terms: the terms of a batch.

    Returns:
        `(batch, ...)`, or a dict of fields.
    """
    return mean_over_samples(_predicted(likelihood, terms.likelihood), terms.num_samples)


def _predicted(likelihood: Part, value: Any) -> Any:
    parts = getattr(likelihood, "parts", None)
    if isinstance(parts, dict):
        return {name: _predicted(part, value.parts[name]) for name, part in parts.items()}
    if likelihood.support.categorical and hasattr(value, "probabilities"):
        return value.probabilities()
    return prediction_from(likelihood, likelihood.typical(value))


def prediction_from(likelihood: Part, x: Any) -> Any:
    """The prediction that is certain of x, in the shape of `prediction_of`: one-hot rows for tokens.

    Args:
        likelihood: the model's likelihood.
        x: `(batch, *data_shape)`, or a dict of fields.
    """
    parts = getattr(likelihood, "parts", None)
    if isinstance(parts, dict):
        return {name: prediction_from(part, x[name]) for name, part in parts.items()}
    support = likelihood.support
    return ops.one_hot(ops.cast(x, "int32"), int(support.high) + 1) if support.categorical else x


def mean_over_samples(values: Any, num_samples: int) -> Any:
    """The mean of rows `(samples * batch, ...)` over the samples, `(batch, ...)`; whole numbers of the first sample.

    Args:
        values: a tensor, or a dict of them.
        num_samples: number of samples.
    """
    if num_samples == 1:
        return values

    def mean(array: Tensor) -> Tensor:
        draws = ops.reshape(array, (num_samples, -1, *array.shape[1:]))
        return ops.mean(draws, axis=0) if keras.backend.is_float_dtype(array.dtype) else draws[0]

    return keras.tree.map_structure(mean, values)


def update_metrics(metrics: Any, batch: Batch, prediction: Any) -> None:
    """Add a batch to the metrics of `compile`, without its padding and its missing elements.

    Keras hands weights to `weighted_metrics` only, so metrics are updated here one by one where there is a mask.

    Args:
        metrics: Keras' `CompileMetrics`, or None.
        batch: the batch.
        prediction: see `prediction_of`.

    Raises:
        ValueError: a metric cannot compare the two.
    """
    if metrics is None:
        return
    try:
        _update_each(metrics, batch, prediction)
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        data, predicted = (
            keras.tree.map_structure(lambda values: tuple(values.shape), part) for part in (batch.target, prediction)
        )
        reason = next(iter(str(error).strip().splitlines()), "")
        raise ValueError(
            f"Argument `metrics` of `compile`: a metric cannot compare data of shape {data} with a prediction of shape "
            f"{predicted}. The prediction is the mean of p(x | z); of tokens it is the probabilities of the "
            "categories, for 'accuracy', 'sparse_categorical_crossentropy' and other sparse categorical metrics. "
            f"{type(error).__name__}: {reason:.300}"
        ) from error


def _update_each(metrics: Any, batch: Batch, prediction: Any) -> None:
    valid, weighted = batch.valid_elements(), batch.likelihood_mask()
    if not any(own is not None for own in keras.tree.flatten(weighted)):
        metrics.update_state(batch.target, prediction, batch.weights)
        return
    target = over_fields(by_element, batch.target, prediction, weighted, like=batch.target)
    prediction = over_fields(by_element, prediction, batch.target, weighted, like=batch.target)
    if not metrics.built:
        metrics.build(target, prediction)
    pairs = list(zip(*map(metrics._flatten_y, (target, prediction)), strict=True))
    groups = ((metrics._flat_metrics, valid, None), (metrics._flat_weighted_metrics, weighted, batch.weights))
    for group, mask, weights in groups:
        masks = metrics._flatten_y(mask) if mask is not None else [None] * len(pairs)
        for metric, (y, predicted), counted in zip(group, pairs, masks, strict=True):
            if metric is not None:
                metric.update_state(y, predicted, weights_of(counted, weights))


def by_element(values: Tensor, other: Tensor, mask: Tensor | None) -> Tensor:
    """Values with a last axis of one, if the mask says of each element whether it counts.

    Keras' metrics reduce the last axis before weights apply.
    """
    each = mask is not None and len(mask.shape) == len(values.shape) == len(other.shape)
    return ops.expand_dims(values, -1) if each else values


def weights_of(mask: Tensor | None, weights: Tensor | None) -> Tensor | None:
    """The weights of elements or steps: those of their example, and zero where the mask is False."""
    if mask is None:
        return weights
    counted = ops.cast(mask, "float32")
    if weights is None:
        return counted
    return counted * ops.reshape(ops.cast(weights, "float32"), (-1, *([1] * (len(counted.shape) - 1))))
