"""Data as rows of features, in which samples and data are compared."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_vae.data.streams import is_array
from keras_vae.hints import Array, Part

__all__ = ["features_of_data", "samples_or_generated"]


def samples_or_generated(
    model_or_samples: Part, n: int, seed: int | None, batch_size: int | None, verbose: str | int
) -> Array:
    """Samples as they are given, or n that a model generates.

    Args:
        model_or_samples: `(n, *data_shape)`, or a `VAE` without conditions.
        n: number of samples, for a model.
        seed: int, or None.
        batch_size: rows at a time, for a model.
        verbose: as in Keras, for a model.

    Raises:
        ValueError: a conditional model, or no array of samples.
    """
    if not hasattr(model_or_samples, "generate"):
        if not is_array(model_or_samples):
            raise ValueError(
                "Argument `samples` must be an array of samples or a model that generates them. Received: "
                f"{type(model_or_samples).__name__}"
            )
        return np.asarray(keras.ops.convert_to_numpy(model_or_samples))
    if model_or_samples.condition_shape is not None:
        raise ValueError(
            "Argument `samples` must be an array for a conditional model, since the conditions decide what is drawn. "
            "Received: the model. Pass vae.generate(condition=...)."
        )
    return model_or_samples.generate(n, seed=seed, batch_size=batch_size, verbose=verbose)


def features_of_data(data: Any, features: Callable | keras.Model | None, argument: str) -> Array:
    """Rows of features `(n, d)`, float64.

    Args:
        data: `(n, *data_shape)`.
        features: a Keras model, or a function of arrays `(n, *data_shape)` to `(n, ...)`; None flattens the data.
        argument: name of the data, for the error.

    Raises:
        ValueError: no array, or features that are not finite or not one row each.

    >>> import numpy as np
    >>> features_of_data(np.zeros((3, 2, 2)), None, "x").shape
    (3, 4)
    """
    if not is_array(data):
        raise ValueError(
            f"Argument `{argument}` must be an array (n, *data_shape), which samples are compared with. Received: "
            f"{type(data).__name__}. Pass one field, without a condition."
        )
    n = len(data)
    if features is None:
        found = keras.ops.convert_to_numpy(data)
    elif isinstance(features, keras.Model):
        found = features.predict(data, verbose=0)
    else:
        found = keras.ops.convert_to_numpy(features(data))
    rows = np.asarray(found, "float64")
    if rows.ndim < 1 or len(rows) != n:
        raise ValueError(
            f"Argument `features` must give a row for each of the {n} examples of `{argument}`. Received: shape "
            f"{rows.shape}."
        )
    rows = rows.reshape(n, math.prod(rows.shape[1:]))
    if not np.isfinite(rows).all():
        raise ValueError(
            f"Argument `{argument}` must have finite features. Received: NaN or infinity. Fill gaps, or leave such "
            "rows out."
        )
    return rows
