"""Discriminators, trained in the same step and by the same optimizer as the model that they judge."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.backend import plain_error
from keras_vae.hints import DType, Tensor

__all__ = ["build_discriminator", "given_layer", "log_loss", "score_of_fixed"]


def given_layer(given: Any) -> Any:
    """The argument `discriminator`, from a config where a model is loaded."""
    return keras.saving.deserialize_keras_object(given) if isinstance(given, dict) else given


def build_discriminator(given: Any, width: int, name: str, dtype: DType) -> Any:
    """A built layer from latents `(rows, width)` to one logit for each row: the given one, or a default.

    Args:
        given: a Keras layer or model, or None.
        width: number of latent dimensions.
        name: name of the objective.
        dtype: dtype or policy of the default.

    Raises:
        TypeError: not a layer.
        ValueError: a layer with another output.
    """
    layer = default_discriminator(dtype) if given is None else given
    if not isinstance(layer, keras.layers.Layer):
        raise TypeError(
            "Argument `discriminator` must be a Keras layer or model from latents to one logit, such as "
            f"keras.Sequential([keras.layers.Dense(64, 'relu'), keras.layers.Dense(1)]). Received: {given!r:.200}"
        )
    try:
        logits = layer(keras.KerasTensor((None, width), dtype="float32"), training=False)
    except ValueError as error:
        raise ValueError(
            f"Argument `discriminator` of the objective {name!r} must take latents of shape (rows, {width}). Received: "
            f"a layer that cannot: {plain_error(error)}"
        ) from error
    if tuple(getattr(logits, "shape", ())) != (None, 1):
        raise ValueError(
            f"Argument `discriminator` of the objective {name!r} must return one logit for each row, (rows, 1). "
            f"Received: {getattr(logits, 'shape', logits)}. End it with keras.layers.Dense(1)."
        )
    return layer


def default_discriminator(dtype: DType) -> keras.Model:
    """Three hidden layers of 256 units with leaky rectifiers."""
    layers: list[Any] = []
    for _ in range(3):
        layers += [keras.layers.Dense(256, dtype=dtype), keras.layers.LeakyReLU(0.2, dtype=dtype)]
    return keras.Sequential([*layers, keras.layers.Dense(1, dtype=dtype)], name="discriminator")


def log_loss(logits: Tensor, label: float) -> Tensor:
    """Cross-entropy of logits `(rows, 1)` with one label for all of them, in nats: `(rows,)`.

    >>> from keras import ops
    >>> round(float(log_loss(ops.zeros((1, 1)), 1.0)[0]), 4)
    0.6931
    """
    logits = ops.cast(logits, "float32")[:, 0]
    return ops.softplus(-logits) if label else ops.softplus(logits)


def score_of_fixed(layer: Callable, z: Tensor, score: Callable) -> Tensor:
    """A score of the discriminator's logits at z, `(rows,)`, with a gradient by z and none by its weights.

    The same score at draws that no gradient passes is subtracted, with which the gradient by the weights cancels out,
    and added again as a number. So one optimizer trains both sides, each on its own loss.

    Args:
        layer: the discriminator, a function of `(rows, width)` to logits `(rows, 1)`.
        z: draws, `(rows, width)`.
        score: from logits `(rows, 1)` to `(rows,)`.
    """
    value, still = score(layer(z)), score(layer(ops.stop_gradient(z)))
    return value - still + ops.stop_gradient(still)
