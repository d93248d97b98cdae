"""Which optional arguments a plain Keras model takes."""

import inspect
from collections.abc import Sequence
from typing import Any

__all__ = ["accepted_arguments"]


def accepted_arguments(model: Any, names: Sequence[str]) -> set[str]:
    """The subset of `names` that `model.call` takes as our contracts mean them.

    Functional and Sequential models have a `mask` argument too, but it is Keras' implicit mask of
    every input, so they receive none of these.

    Args:
        model: a Keras model or layer.
        names: names of arguments of `call`.

    Example:

    >>> import keras
    >>> from keras_vae.layers import accepted_arguments
    >>> accepted_arguments(keras.layers.GRU(3), ("mask", "target"))
    {'mask'}
    >>> accepted_arguments(keras.Sequential([keras.layers.GRU(3)]), ("mask", "target"))
    set()
    """
    # A class made in a namespace without __name__ has no module.
    if (type(model).call.__module__ or "").startswith("keras.src.models"):
        return set()
    return set(inspect.signature(model.call).parameters) & set(names)
