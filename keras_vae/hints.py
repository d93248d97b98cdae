"""Names for the types in signatures.

Keras ships no types for checkers, so a checker takes its tensors and layers for anything. These names tell a
reader what is meant, and stand in one place for the day when there are better ones.
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
"""A tensor of the backend, symbolic ones included. Where one is taken, a NumPy array will do."""
Array: TypeAlias = np.ndarray
"""A NumPy array."""
Data: TypeAlias = Any
"""Examples: an array, `[x, condition]`, a dict of them, a dataset, a loader or a generator."""
Component: TypeAlias = str | Mapping[str, Any] | type | keras.layers.Layer
"""A part of a model as users write it: its name, its config, its class, or an instance."""
Part: TypeAlias = Any
"""A component of another family, or a model around one: what may not be imported from here."""
Shape: TypeAlias = tuple[Any, ...]
"""A shape: ints, and None for an axis of any length."""
Ints: TypeAlias = int | Sequence[int]
"""An int, or several: one for each layer, stage or axis."""
Seed: TypeAlias = int | keras.random.SeedGenerator | None
"""An int for the same noise in every call, a generator for other noise in each, or None for some."""
Encode: TypeAlias = Callable[[Tensor, Tensor], Any]
"""A function `(x, context) -> q(z | x)`, as the model hands it to its prior."""
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
    """Base of the mixins of a `keras.Model`: to a type checker they have what it has."""
