"""Distributions of many rows, as arrays."""

import dataclasses
import json
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Array

__all__ = ["PosteriorRows", "rows_of"]


class PosteriorRows:
    """The parameters of a distribution of n rows as NumPy arrays, with what is needed to make it again.

    Args:
        kind: the class of the distribution.
        arrays: its tensors, `(n, ...)`.
        others: its other arguments, which JSON can hold.
    """

    def __init__(self, kind: type[Distribution], arrays: dict[str, Array], others: dict[str, Any]) -> None:
        self.kind, self.arrays, self.others = kind, arrays, others

    @classmethod
    def of(cls, value: Distribution) -> "PosteriorRows":
        """The rows of a distribution, with the parameters that all rows share repeated.

        Raises:
            ValueError: it cannot be made again from its tensors when a file is loaded.
        """
        kind = type(value)
        registered = keras.saving.get_registered_object(keras.saving.get_registered_name(kind))
        if not value.has_tensors or registered is not kind:
            raise ValueError(
                f"The sampler 'aggregated' stores the parameters of posteriors, and {kind.__name__} cannot be made of "
                "stored parameters: it is a flow, or not registered with "
                "@keras.saving.register_keras_serializable('my_package'). Use 'manifold', which stores draws."
            )
        arrays = {name: np.asarray(ops.convert_to_numpy(tensor)) for name, tensor in value.tensors().items()}
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        return cls(kind, arrays, {name: own for name, own in fields.items() if name not in arrays})

    def __len__(self) -> int:
        return max(len(array) for array in self.arrays.values())

    def take(self, rows: Array) -> "PosteriorRows":
        """Those of some rows.

        Args:
            rows: their numbers, `(m,)`.
        """
        return PosteriorRows(self.kind, {name: array[rows] for name, array in self.arrays.items()}, self.others)

    def distribution(self) -> Distribution:
        """The distribution."""
        tensors = {name: ops.convert_to_tensor(array, dtype=str(array.dtype)) for name, array in self.arrays.items()}
        return self.kind(**tensors, **self.others)

    def header(self) -> Array:
        """Class and other arguments as JSON, in an array of bytes that a file of weights can hold."""
        text = json.dumps([keras.saving.get_registered_name(self.kind), self.others])
        return np.frombuffer(text.encode(), dtype="uint8")

    @classmethod
    def restored(cls, header: Array, arrays: dict[str, Array]) -> "PosteriorRows":
        """From `header()` and the arrays.

        Args:
            header: bytes `(length,)`.
            arrays: by name, `(n, ...)`.
        """
        name, others = json.loads(np.asarray(header, dtype="uint8").tobytes().decode())
        kind: Any = keras.saving.get_registered_object(name)
        if kind is None:
            raise ValueError(f"The distribution {name!r} is not registered: import the package that defines it.")
        return cls(kind, arrays, others)


def rows_of(values: Any, rows: Array) -> Any:
    """Some rows of draws `(n, ...)` or of a distribution of n rows.

    Args:
        values: an array or a distribution.
        rows: numbers of the rows, `(m,)`.
    """
    if isinstance(values, Distribution):
        return PosteriorRows.of(values).take(rows).distribution()
    return np.asarray(values)[rows]
