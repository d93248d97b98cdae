"""One field of structured data."""

import dataclasses
import numbers
from typing import Any, Self

import keras

from keras_vae.arguments import one_of
from keras_vae.hints import Config, Shape

__all__ = ["Field"]


@keras.saving.register_keras_serializable("keras_vae.data")
@dataclasses.dataclass(frozen=True)
class Field:
    """What one field of the data looks like: its shape, and how a missing element is written.

    Args:
        shape: shape of one example, ints and None for the time of a series of any length.
        missing: `"nan"` where NaN stands for a missing element, None where nothing is missing.

    Raises:
        ValueError: a shape of anything else, or another way to write what is missing.

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
        shape: Any = self.shape
        valid = isinstance(shape, (list, tuple)) and len(shape) > 0
        if not valid or not all(axis is None or _is_size(axis) for axis in shape):
            raise ValueError(
                "Argument `shape` must be the shape of one example. Expected a tuple of positive ints, such as "
                f"(28, 28, 1), or None for the time. Received: shape={shape!r}. Write (12,) for a vector of 12."
            )
        one_of(self.missing, (None, "nan"), "missing")
        object.__setattr__(self, "shape", tuple(None if axis is None else int(axis) for axis in shape))

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {"shape": self.shape, "missing": self.missing}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


def _is_size(axis: Any) -> bool:
    return isinstance(axis, numbers.Integral) and not isinstance(axis, bool) and int(axis) >= 1
