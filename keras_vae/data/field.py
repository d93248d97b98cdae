"""What the data are, said once."""

from collections.abc import Callable
from typing import Any, Self, TypeAlias

import keras

from keras_vae.arguments import as_shape, one_of
from keras_vae.hints import Config, Shape

__all__ = ["Field", "Spec", "as_spec", "over_fields", "shape_of"]

RESERVED = ("x", "condition", "condition_mask", "exposure", "mask")


@keras.saving.register_keras_serializable("keras_vae.data")
class Field:
    """Shape of one example's array, and whether its elements may be missing.

    What values it may hold is the likelihood's to say (its `support`), and so is what pads a sequence.

    Args:
        shape: shape of one example; None for an axis of any length.
        missing: None, or `"nan"` where NaN stands for an element that was not observed.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import keras_vae as kv
    >>> kv.data.Field((28, 28, 1)).shape
    (28, 28, 1)
    """

    def __init__(self, shape: Any, missing: str | None = None) -> None:
        self.shape = as_shape(shape, "shape")
        self.missing = one_of(missing, (None, "nan"), "missing")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and (self.shape, self.missing) == (other.shape, other.missing)

    def __hash__(self) -> int:
        return hash((self.shape, self.missing))

    def __repr__(self) -> str:
        return f"Field({self.shape}{'' if self.missing is None else f', missing={self.missing!r}'})"

    def get_config(self) -> Config:
        return {"shape": self.shape, "missing": self.missing}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


Spec: TypeAlias = Field | dict[str, Field]
"""What the data are: one field, or several by name."""


def as_spec(data_shape: Any) -> Spec:
    """A spec from the argument `data_shape`: a shape, a `Field`, or a dict of these.

    Args:
        data_shape: as for `keras_vae.VAE`.

    Raises:
        ValueError: a bad shape, or a reserved name.
    """
    if isinstance(data_shape, dict) and "class_name" in data_shape:
        data_shape = keras.saving.deserialize_keras_object(data_shape)
    if isinstance(data_shape, dict):
        reserved = sorted(set(data_shape) & set(RESERVED))
        if not data_shape or reserved or not all(isinstance(name, str) for name in data_shape):
            raise ValueError(
                "Argument `data_shape`: a dict must have a string for the name of each field, and the names "
                f"{', '.join(RESERVED)} are reserved. Received the keys {list(data_shape)}."
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
    """`function(*values)`, field by field where the data have several.

    Args:
        function: a function of one field's values.
        *values: for each argument, a value, or a dict of them; None stands for None in every field.
        like: something that is a dict of fields where the data have several.
    """
    if not isinstance(like, dict):
        return function(*values)
    return {name: function(*(None if value is None else value[name] for value in values)) for name in like}
