"""Keras losses and metrics of a target, for every example."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.data.labels import classes
from keras_vae.data.support import Support
from keras_vae.hints import Shape, Tensor
from keras_vae.serialization import serialize_function

__all__ = ["aligned", "as_metric", "loss_function", "serialized", "support_of_targets"]

OF_PROBABILITIES = (
    keras.losses.binary_crossentropy,
    keras.losses.binary_focal_crossentropy,
    keras.losses.categorical_crossentropy,
    keras.losses.categorical_focal_crossentropy,
)


def loss_function(loss: Any) -> tuple[Callable, bool | None]:
    """A loss function `(y, predictions)` without reduction over the batch, and whether its y are labels.

    Args:
        loss: a Keras loss by name, instance or function.

    Returns:
        The function, and True if y are class labels, False if y has the shape of the predictions, None for the user's
        own function, which may take either.

    Raises:
        ValueError: no such loss.

    Example:

    >>> import numpy as np
    >>> from keras_vae.objectives.targets import loss_function
    >>> function, labels = loss_function("mse")
    >>> [float(value) for value in function(np.ones((2, 1)), np.zeros((2, 1)))], labels
    ([1.0, 1.0], False)
    """
    try:
        found = keras.losses.get(loss)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Argument `loss` must be a Keras loss, such as 'mse'. Received: {loss!r}") from error
    if isinstance(found, keras.losses.Loss):
        # Its `call` is the loss before the reduction.
        name, function = type(found).__name__, found.call
    elif callable(found):
        name, function = getattr(found, "__name__", ""), found
    else:
        raise ValueError(f"Argument `loss` must be a Keras loss, such as 'mse'. Received: {loss!r}")
    if "sparse" in name.lower():
        return function, True
    of_keras = (getattr(found, "__module__", "") or "").split(".")[0] == "keras"
    return function, False if of_keras else None


def support_of_targets(loss: Any, labels: bool | None, prediction_shape: Shape) -> Support | None:
    """The values that y may have under a loss: classes of the last axis of predictions, or probabilities; or None.

    Args:
        loss: a Keras loss by name, instance or function.
        labels: see `loss_function`.
        prediction_shape: shape of one prediction.

    Example:

    >>> from keras_vae.objectives.targets import support_of_targets
    >>> support_of_targets("sparse_categorical_crossentropy", True, (3,)).high
    2.0
    """
    if labels:
        return classes(prediction_shape[-1])
    found = keras.losses.get(loss)
    return Support(0.0, 1.0) if getattr(found, "fn", found) in OF_PROBABILITIES else None


def aligned(y: Tensor, predictions: Tensor, labels: bool | None) -> tuple[Tensor, Tensor]:
    """`y` and the predictions with matching axes.

    Args:
        y: `(batch,)` or `(batch, ...)`.
        predictions: `(batch, ...)`.
        labels: see `loss_function`.

    Raises:
        ValueError: shapes that the loss would compare element by element where none belongs to another.

    Example:

    >>> import numpy as np
    >>> from keras_vae.objectives.targets import aligned
    >>> [tuple(array.shape) for array in aligned(np.zeros(3), np.zeros((3, 1)), False)]
    [(3, 1), (3, 1)]
    """
    shown, wanted = tuple(y.shape), tuple(predictions.shape)
    if labels:
        if len(shown) == len(wanted) and shown[-1] == 1:
            y = ops.squeeze(y, axis=-1)
        if tuple(y.shape)[1:] != wanted[1:-1]:
            raise ValueError(
                f"Argument `y` must hold class labels for this loss. Expected shape {('batch', *wanted[1:-1])}, for "
                f"predictions of shape {('batch', *wanted[1:])}. Received: shape {shown}. For one-hot rows use the "
                "loss 'categorical_crossentropy'."
            )
        return y, predictions
    if len(shown) == len(wanted) - 1 and wanted[-1] == 1:
        y = ops.expand_dims(y, -1)
    elif len(wanted) == len(shown) - 1 and shown[-1] == 1:
        predictions = ops.expand_dims(predictions, -1)
    if labels is None:
        return y, predictions
    if tuple(y.shape)[1:] != tuple(predictions.shape)[1:]:
        expected, received = ("(batch, " + ", ".join(map(str, shape[1:])) + ")" for shape in (wanted, shown))
        raise ValueError(
            f"Argument `y` must have the shape of the predictions, {expected}. Received: shape {received}. Give the "
            "objective a head with as many outputs, or, for class labels, the loss 'sparse_categorical_crossentropy'."
        )
    return ops.cast(y, "float32"), predictions


def as_metric(metric: Any, labels: bool | None, prediction_shape: Shape) -> keras.metrics.Metric:
    """A metric from its name, an instance, or a function; `"accuracy"` as Keras' `compile` reads it.

    Args:
        metric: as above.
        labels: whether y are class labels.
        prediction_shape: shape of one prediction.

    Raises:
        ValueError: no such metric.

    Example:

    >>> from keras_vae.objectives.targets import as_metric
    >>> as_metric("accuracy", True, (3,)).name
    'accuracy'
    """
    if metric in ("accuracy", "acc"):
        if labels:
            return keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        binary = prediction_shape[-1:] in ((), (1,))
        found = keras.metrics.BinaryAccuracy if binary else keras.metrics.CategoricalAccuracy
        return found(name="accuracy")
    try:
        found = keras.metrics.get(metric)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Argument `metrics` must hold Keras metrics, such as 'mae'. Received: {metric!r}") from error
    if isinstance(found, keras.metrics.Metric):
        return found
    if callable(found):
        return keras.metrics.MeanMetricWrapper(found, name=getattr(found, "__name__", None))
    raise ValueError(f"Argument `metrics` must hold Keras metrics, such as 'mae'. Received: {metric!r}")


def serialized(given: Any, argument: str) -> Any:
    """Config of a loss or a metric; names are unchanged.

    Args:
        given: a name, an instance or a function.
        argument: name of the argument.
    """
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, (keras.losses.Loss, keras.metrics.Metric)):
        return keras.saving.serialize_keras_object(given)
    return serialize_function(given, argument)
