"""Names for the types in signatures.

Keras ships no types for checkers, so type checkers treat its tensors and layers as `Any`. These names document
what is meant, in one place, until there are better ones.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import numpy as np

__all__ = [
    "Activation",
    "Array",
    "Component",
    "Config",
    "DType",
    "Data",
    "Encode",
    "Initializer",
    "Ints",
    "ModelMixin",
    "Part",
    "Seed",
    "Shape",
    "Tensor",
]

Tensor: TypeAlias = Any
"""A tensor of the backend, symbolic ones included. Functions that take one also accept NumPy arrays."""
Array: TypeAlias = np.ndarray
"""A NumPy array."""
Data: TypeAlias = Any
"""Examples: an array, `[x, condition]`, a dict of them, a dataset, a loader or a generator."""
Component: TypeAlias = str | Mapping[str, Any] | type | keras.layers.Layer
"""A component as users pass it: its name, its config, its class, or an instance."""
Part: TypeAlias = Any
"""A component of another family, or a model around one, which cannot be imported from here."""
Shape: TypeAlias = tuple[Any, ...]
"""A shape: ints, and None for an axis of any length."""
Ints: TypeAlias = int | Sequence[int]
"""An int, or several: one for each layer, stage or axis."""
Seed: TypeAlias = int | keras.random.SeedGenerator | None
"""An int for the same noise in every call, a generator for new noise in each call, or None for random noise."""
Encode: TypeAlias = Callable[[Tensor, Tensor], Any]
"""A function `(x, context) -> q(z | x)`, as the model passes it to its prior."""
DType: TypeAlias = str | keras.DTypePolicy | None
"""A dtype or a dtype policy, or the name of one."""
Activation: TypeAlias = str | Callable[[Tensor], Tensor] | None
"""An activation, as Keras' layers take it."""
Initializer: TypeAlias = str | Mapping[str, Any] | keras.initializers.Initializer
"""An initializer, as Keras' layers take it."""
Config: TypeAlias = dict[str, Any]
"""What `get_config` returns: constructor arguments that JSON can hold."""

if TYPE_CHECKING:
    ModelMixin: TypeAlias = keras.Model
else:
    ModelMixin = object
    """Base of the mixins of a `keras.Model`: type checkers see its attributes."""
