"""Classifiers of labels: those that objectives are given, their default, and the labels that they are for."""

import math
from typing import Any

import keras
import numpy as np

from keras_vae.arguments import one_of
from keras_vae.data.labels import condition_support
from keras_vae.hints import Array, Shape

__all__ = [
    "check_classifier",
    "check_labels",
    "checked_prior",
    "default_classifier",
    "labels_shape",
    "number_of_classes",
]


def checked_prior(label_prior: Any) -> Any:
    """The argument `label_prior`: a name, or a list of probabilities.

    >>> checked_prior((0.25, 0.75))
    [0.25, 0.75]
    """
    if isinstance(label_prior, str):
        return one_of(label_prior, ("uniform", "learned"), "label_prior")
    values = np.asarray(label_prior, "float64")
    if values.ndim != 1 or not (values > 0).all() or not math.isclose(values.sum(), 1.0, rel_tol=1e-3):
        raise ValueError(
            "Argument `label_prior` must be 'uniform', 'learned', or probabilities above 0 that sum to 1. Received: "
            f"label_prior={label_prior!r}"
        )
    return [float(value) for value in values]


def labels_shape(shape: Shape | None) -> Shape:
    """The shape of a condition that is a label.

    Raises:
        ValueError: no condition, or one that is no label.
    """
    if shape is None or len(shape) > 1 or None in shape:
        raise ValueError(
            "The objective 'semi_supervised' sums over the labels, which are the model's condition. Expected "
            "condition_shape=() with a condition_encoder such as keras.layers.CategoryEncoding(10, "
            "output_mode='one_hot'), or condition_shape=(10,) for one-hot rows. Received: "
            f"condition_shape={shape}"
        )
    return tuple(shape)


def number_of_classes(given: int | None, shape: Shape, encoder: Any) -> int:
    """How many labels there are, by the argument, the shape of one-hot rows, or the condition encoder.

    Raises:
        ValueError: they contradict each other, or none of them says it.
    """
    known = shape[0] if shape else None
    support = None if shape else condition_support(encoder, shape)
    if support is not None and not math.isinf(support.high):
        known = int(support.high) + 1
    count = known if given is None else given
    if count is None:
        raise ValueError(
            "Argument `num_classes`: the condition encoder does not say how many labels there are. Pass "
            "keras_vae.objectives.SemiSupervised(num_classes=...). Received: num_classes=None"
        )
    if given is not None and known is not None and (given != known if shape else given > known):
        raise ValueError(
            f"Argument `num_classes` must be the number of labels of the model's condition, {known}. Received: "
            f"num_classes={given}"
        )
    if count < 2:
        raise ValueError(
            "Argument `num_classes`: there must be 2 labels at least to tell apart. Received: "
            + (f"condition_shape={tuple(shape)}" if shape else f"num_classes={count}")
            + ". A label of two values is condition_shape=() with a condition_encoder such as "
            "keras.layers.CategoryEncoding(2, output_mode='one_hot'), or condition_shape=(2,) for one-hot rows."
        )
    return count


def check_labels(condition: Array, shape: Shape, classes: int) -> None:
    """Refuse conditions that are no labels.

    Args:
        condition: `(n, *condition_shape)`; NaN, or a label of -1, where one is missing.
        shape: the condition's shape, `()` or `(classes,)`.
        classes: number of labels.

    Raises:
        ValueError: labels that there are not, or rows that are not one-hot.
    """
    values = np.asarray(condition)
    if not shape:
        if values.size and np.nanmax(values, initial=-1) >= classes:
            raise ValueError(
                f"Argument `condition`: the objective has {classes} labels, 0 to {classes - 1}. "
                f"Received: {np.nanmax(values)}. Pass SemiSupervised(num_classes=...) with more of them."
            )
        return
    missing = np.isnan(values).any(axis=1) if values.dtype.kind == "f" else np.zeros(len(values), "bool")
    one_hot = missing | (np.isin(values, (0, 1)).all(axis=1) & (values.sum(axis=1) == 1))
    if one_hot.all():
        return
    row = int(np.argmin(one_hot))
    if not values[row].any():
        raise ValueError(
            f"Argument `condition`: row {row} has no label. Expected one-hot rows, NaN where the label is unknown. "
            f"Received: {values[row]}. Set those rows to NaN: condition[condition.sum(axis=1) == 0] = numpy.nan."
        )
    raise ValueError(
        "Argument `condition`: the objective 'semi_supervised' sums over labels, so conditions must be one-hot "
        f"rows, NaN where unknown. Received: {values[row]} at row {row}. It has no sum over real numbers: for "
        "those, condition on the rows that have them, or predict them with objective='supervised'."
    )


def default_classifier(seen: Any, classes: int, dtype: Any) -> keras.layers.Layer:
    """One dense layer, for vectors; others are flattened first.

    Raises:
        ValueError: several tensors, or of unknown length.
    """
    one = isinstance(seen, tuple) and all(axis is None or isinstance(axis, int) for axis in seen)
    if not one or None in seen[1:]:
        raise ValueError(
            f"Argument `classifier`: what it sees has the shape {seen}, which no single dense layer takes. Pass a "
            "Keras model of it that returns one logit for each label, and classifier_sees='features' or 'x'. Received: "
            "classifier=None"
        )
    head = keras.layers.Dense(classes, dtype=dtype, name="logits")
    return head if len(seen) == 2 else keras.Sequential([keras.layers.Flatten(dtype=dtype), head], name="classifier")


def check_classifier(classifier: Any, seen: Any, classes: int) -> None:
    """Build a classifier, and see that it returns logits of the labels.

    Raises:
        ValueError: it does not.
    """
    inputs = keras.tree.map_shape_structure(lambda shape: keras.KerasTensor((None, *shape[1:]), "float32"), seen)
    try:
        logits = classifier(inputs, training=False)
    except ValueError as error:
        raise ValueError(
            f"Argument `classifier` must take what it sees, of shape {seen}. Received: {classifier!r:.200}, which "
            f"raises: {error}"
        ) from error
    if tuple(getattr(logits, "shape", ())) != (None, classes):
        raise ValueError(
            f"Argument `classifier` must return one logit for each label, (rows, {classes}). Received: "
            f"{getattr(logits, 'shape', logits)}. End it with keras.layers.Dense({classes})."
        )
    last = (getattr(classifier, "layers", None) or [classifier])[-1]
    if getattr(last, "activation", None) in (keras.activations.softmax, keras.activations.sigmoid):
        raise ValueError(
            "Argument `classifier` must return logits: the objective takes the softmax itself. Received: a last layer "
            f"with the activation {last.activation.__name__!r}. Leave it out."
        )
