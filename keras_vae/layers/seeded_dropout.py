"""Dropout whose noise is saved."""

import random
from typing import Any

import keras

from keras_vae.hints import DType

__all__ = ["dropout_rate", "seeded_dropout"]


def dropout_rate(dropout: float) -> float:
    """The argument `dropout`, a rate of at least 0 and less than 1."""
    if not 0 <= dropout < 1:
        raise ValueError(f"Argument `dropout` must be in [0, 1). Received: dropout={dropout!r}")
    return dropout


def seeded_dropout(dropout: float, dtype: DType) -> Any:
    """A `keras.layers.Dropout`, or None for a rate of 0.

    With a seed: without one, Keras on torch draws from a generator whose state is not saved.
    """
    return keras.layers.Dropout(dropout, seed=random.randint(1, 10**9), dtype=dtype) if dropout else None
