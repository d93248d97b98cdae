"""One field of structured data."""

import dataclasses
from collections.abc import Callable
from typing import Any, Self, TypeAlias

import keras

from keras_vae.arguments import as_shape, one_of
from keras_vae.hints import Config, Shape

__all__ = ["Field", "Spec", "as_spec", "over_fields", "shape_of"]

RESERVED = ("class_name", "x", "condition", "condition_mask", "exposure", "mask", "present")


@keras.saving.register_keras_serializable("keras_vae.data")
@dataclasses.dataclass(frozen=True)
class Field:
    """One field of the data: the shape of an example, and how missing elements are marked.

    Args:
        shape: shape of one example: ints, and None for the time axis of series of unknown length; an int for a
            vector.
        missing: `"nan"` if NaN marks missing elements, None if nothing is missing.

    Raises:
        ValueError: another shape, or another value of `missing`.

    Example:

    >>> import keras_vae as kv
    >>> kv.data.Field((28, 28, 1))
    Field(shape=(28, 28, 1), missing=None)
    >>> kv.data.Field((12,), missing="nan").missing
    'nan'
    """

    shape: Shape
    missing: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", as_shape(self.shape, "shape"))
        one_of(self.missing, (None, "nan"), "missing")

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {"shape": self.shape, "missing": self.missing}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


Spec: TypeAlias = Field | dict[str, Field]
"""The description of data: one field, or several by name."""


def as_spec(data_shape: Any) -> Spec:
    """A spec from the argument `data_shape`: a shape, a `Field`, or a dict of these.

    Args:
        data_shape: as for `keras_vae.VAE`.

    Raises:
        ValueError: an invalid shape, or a reserved name.
    """
    if isinstance(data_shape, dict) and "class_name" in data_shape:
        data_shape = keras.saving.deserialize_keras_object(data_shape)
    if isinstance(data_shape, dict):
        reserved = sorted(set(data_shape) & set(RESERVED))
        if not data_shape or reserved or not all(isinstance(name, str) for name in data_shape):
            raise ValueError(
                "Argument `data_shape`: the keys of a dict are the names of its fields, strings other than "
                f"{', '.join(RESERVED)}, which are reserved. Received the keys {list(data_shape)}."
            )
        fields = {name: as_spec(field) for name, field in data_shape.items()}
        if any(isinstance(field, dict) for field in fields.values()):
            raise ValueError(f"Argument `data_shape`: fields cannot hold fields. Received: {data_shape!r}")
        return {name: field for name, field in fields.items() if isinstance(field, Field)}
    return data_shape if isinstance(data_shape, Field) else Field(as_shape(data_shape, "data_shape"))


def shape_of(spec: Spec) -> Shape | dict[str, Shape]:
    """Shape of one example: a tuple, or a dict of them.

    Args:
        spec: a `Field`, or a dict of them.
    """
    return {name: field.shape for name, field in spec.items()} if isinstance(spec, dict) else spec.shape


def over_fields(function: Callable, *values: Any, like: Any) -> Any:
    """`function(*values)`, or a dict of its results for every field.

    Args:
        function: a function of the values of one field.
        *values: for each argument a value, or a dict with one for each field; None is None for every field.
        like: a dict with the fields as keys, if the data have several.
    """
    if not isinstance(like, dict):
        return function(*values)
    return {name: function(*(None if value is None else value[name] for value in values)) for name in like}
