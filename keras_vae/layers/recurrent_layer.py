"""Keras' recurrent layers, computed in the way that is fastest on the backend."""

from typing import Any

import keras

from keras_vae.arguments import one_of
from keras_vae.backend import recurrence
from keras_vae.hints import Tensor

__all__ = ["recurrent_layer"]


def recurrent_layer(name: str) -> type:
    """`keras.layers.LSTM` or `GRU` with the same arguments, weights and results.

    On torch all steps are one operation in place of a loop in Python, unless other activations or dropout inside of the
    layer need the loop.

    Args:
        name: `"lstm"` or `"gru"`.

    Raises:
        ValueError: another name.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import recurrent_layer
    >>> tuple(recurrent_layer("gru")(8, return_sequences=True)(np.zeros((2, 5, 3), "float32")).shape)
    (2, 5, 8)
    """
    return _LAYERS[one_of(name, tuple(_LAYERS), "name")]


class _Recurrent:
    def inner_loop(self: Any, sequences: Tensor, initial_state: Any, mask: Any, training: bool = False) -> Any:
        mask = mask[0] if keras.tree.is_nested(mask) else mask
        states = list(initial_state) if keras.tree.is_nested(initial_state) else [initial_state]
        found = recurrence(self, sequences, states, mask)
        if found is not None:
            return found
        return super().inner_loop(sequences, initial_state, mask, training)  # type: ignore[misc]


def _subclass(base: type) -> type:
    # Under the same name: in files the weights of a list of layers are under the names of their classes.
    cls = type(base.__name__, (_Recurrent, base), {"__module__": __name__, "__doc__": base.__doc__})
    return keras.saving.register_keras_serializable("keras_vae.layers")(cls)


_LAYERS = {"lstm": _subclass(keras.layers.LSTM), "gru": _subclass(keras.layers.GRU)}
