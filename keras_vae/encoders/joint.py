"""Encoders side by side, one for each field."""

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae import registry
from keras_vae.arguments import check_fields, named_parts
from keras_vae.encoders.encoder import Encoder
from keras_vae.encoders.from_model import FromModel
from keras_vae.hints import Component, Config, Tensor
from keras_vae.registry import encoders as family

__all__ = ["Joint"]


@family.register("joint", package="keras_vae")
class Joint(Encoder):
    """An encoder for each field of a dict, and their features side by side.

    The fusion of Ngiam et al. (2011): every kind of data has a network of its own kind, and one posterior sees
    all that they found. The features of each field are flattened, so that fields of any shape go together:
    `(batch, units)`, where the units are those of all fields in all.

    Args:
        encoders: dict from a field's name to the name, config or instance of its encoder, or any Keras model.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Attributes:
        parts: dict from a field's name to its encoder.

    Raises:
        ValueError: no dict of fields, or one instance for two of them.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> encoder = kv.encoders.Joint({"image": kv.encoders.Conv((4,), hidden_units=8), "label": kv.encoders.MLP((3,))})
    >>> x = {"image": np.zeros((2, 8, 8, 1), "float32"), "label": np.zeros((2, 10), "float32")}
    >>> tuple(encoder(x).shape)
    (2, 11)
    """

    def __init__(self, encoders: Mapping[str, Component], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = named_parts(encoders, "encoders")
        self.parts: dict[str, Any] = {name: self._part(part) for name, part in given.items()}

    def _part(self, part: Any) -> Encoder:
        if not isinstance(part, keras.layers.Layer):
            part = registry.encoders.get(part, dtype=self.dtype_policy)
        return part if isinstance(part, Encoder) else FromModel(part, dtype=part.dtype_policy)

    @property
    def takes_condition(self) -> bool:
        return any(part.takes_condition for part in self.parts.values())

    def build(self, input_shape: Any) -> None:
        check_fields(input_shape, self.parts, "input_shape")
        for name, part in self.parts.items():
            part.condition_width = self.condition_width if part.takes_condition else 0
            if not part.built:
                part.build(tuple(input_shape[name]))
        self._widths(input_shape)

    def call(self, x: Any, mask: Any = None, training: bool | None = None, condition: Tensor | None = None) -> Any:
        """Features of all fields, `(batch, units)`.

        Args:
            x: dict of `(batch, *data_shape)`, as the likelihoods' `to_network` gives them.
            mask: dict of boolean `(batch, time)` or None, or None.
            training: whether dropout and the like are active.
            condition: `(batch, width)`, the encoded condition, for encoders whose `call` takes it; or None.
        """
        return ops.concatenate(list(self._features_of_fields(x, mask, training, condition).values()), axis=-1)

    def _features_of_fields(self, x: Any, mask: Any, training: bool | None, condition: Tensor | None) -> dict[str, Any]:
        """Features of every field by itself, dict of `(batch, units)`; the arguments are those of a call."""
        check_fields(x, self.parts, "x")
        masks = mask or {}
        found = {}
        for name, part in self.parts.items():
            options = {"condition": condition} if part.takes_condition and condition is not None else {}
            features = part(x[name], mask=masks.get(name), training=training, **options)
            flat = ops.reshape(features, (-1, math.prod(features.shape[1:])))
            found[name] = ops.cast(flat, self.compute_dtype)
        return found

    def compute_output_shape(self, input_shape: Any) -> Any:
        first = next(iter(self.parts))
        return (input_shape[first][0], sum(self._widths(input_shape).values()))

    def _widths(self, input_shape: Any) -> dict[str, int]:
        """Number of features of every field."""
        widths = {}
        for name, part in self.parts.items():
            shape = part.compute_output_shape(tuple(input_shape[name]))
            if isinstance(shape, list) or not all(isinstance(axis, int) for axis in shape[1:]):
                raise ValueError(
                    f"Argument `encoders`: that of the field {name!r}, {type(part).__name__}, must give features of "
                    f"one known shape for each example. Expected such as (batch, units). Received: {shape}. Use an "
                    "encoder that ends in a vector."
                )
            widths[name] = math.prod(shape[1:])
        return widths

    def get_config(self) -> Config:
        parts = {name: keras.saving.serialize_keras_object(part) for name, part in self.parts.items()}
        return {**super().get_config(), "encoders": parts}
