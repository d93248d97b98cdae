"""Labels among the conditions: which there are, and which rows have none."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_vae.data.streams import to_numpy
from keras_vae.data.support import Support
from keras_vae.hints import Array, Shape

__all__ = ["classes", "condition_support", "missing_labels", "present_labels"]

RESHAPING = (
    keras.layers.InputLayer,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.Permute,
    keras.layers.RepeatVector,
)
"""Layers that hand every value on as it is."""

RESHAPING_OPERATIONS = ("Cast", "ExpandDims", "GetItem", "Reshape", "Squeeze")
"""Names of the operations of `keras.ops` that do, in functional models."""


def classes(count: int) -> Support:
    """The support of labels of `count` classes: whole numbers from 0.

    >>> classes(3).high
    2.0
    """
    return Support(0.0, count - 1.0, integer=True, categorical=True)


def condition_support(encoder: Any, shape: Shape | None) -> Support | None:
    """The values that conditions may have: what the layers expect that read them; None if nothing is known.

    An `Embedding`, a `CategoryEncoding` and `keras.ops.one_hot` say how many categories they know, also as the first
    layer of a model. Any other layer may have an attribute `support`, a `Support`. Conditions of shape `()` are labels
    in any case.

    Args:
        encoder: the condition encoder, called before; or None.
        shape: shape of one example's condition, or None.

    Example:

    >>> import keras
    >>> condition_support(keras.layers.Embedding(10, 4), ()).high
    9.0
    """
    found = [support for support in map(expected_by, readers(encoder)) if support is not None]
    if found:
        return min(found, key=lambda support: support.high)
    return Support(0.0, integer=True, categorical=True) if shape == () else None


def expected_by(layer: Any) -> Support | None:
    """What one layer expects; None if it does not say."""
    support = getattr(layer, "support", None)
    if isinstance(support, Support):
        return support
    if isinstance(layer, keras.layers.Embedding):
        return classes(layer.input_dim)
    if isinstance(layer, keras.layers.CategoryEncoding):
        return classes(layer.num_tokens)
    return classes(layer.num_classes) if is_operation(layer, ("OneHot",)) else None


def is_operation(layer: Any, names: tuple[str, ...]) -> bool:
    """Whether a node of a functional model is an operation of `keras.ops` of one of these names."""
    return type(layer).__name__ in names and type(layer).__module__.startswith("keras.")


def reshapes(layer: Any) -> bool:
    """Whether a layer, an operation or a `Sequential` model hands every value on as it is."""
    if isinstance(layer, keras.Sequential):
        return all(map(reshapes, layer.layers))
    return isinstance(layer, RESHAPING) or is_operation(layer, RESHAPING_OPERATIONS)


def readers(layer: Any) -> Iterator[Any]:
    """The layers that read the input of a layer: itself, or the first ones of a model."""
    if layer is None:
        return
    if expected_by(layer) is not None:
        yield layer
    elif isinstance(layer, keras.layers.TimeDistributed):
        yield from readers(layer.layer)
    elif isinstance(layer, keras.Sequential):
        yield from readers(next((inner for inner in layer.layers if not reshapes(inner)), None))
    elif isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
        known = {id(tensor) for tensor in layer.inputs}
        for inner in layer.operations:  # in the order of the graph
            inputs, outputs = ends(inner)
            if known.isdisjoint(inputs):
                continue
            if reshapes(inner):
                known |= outputs
            else:
                yield from readers(inner)
    else:
        yield layer


def ends(layer: Any) -> tuple[set[int], set[int]]:
    """The ids of the tensors that a layer of a functional model reads and returns; none if it is called twice."""
    try:
        reads, returns = (set(map(id, keras.tree.flatten(tensors))) for tensors in (layer.input, layer.output))
    except (AttributeError, ValueError):
        return set(), set()
    return reads, returns


def missing_labels(values: Array) -> Array:
    """Boolean, where conditions are missing: NaN, or a label of -1.

    >>> missing_labels(np.array([2, -1, 0])).tolist()
    [False, True, False]

    Args:
        values: `(n, *condition_shape)`, labels if that is `(n,)`.
    """
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, "bool")
    if values.ndim == 1 and values.dtype.kind in "fi":
        missing |= values == -1  # labels may come as floats
    return missing


def present_labels(condition: Any, shape: Shape, may_miss: bool, advice: str) -> Any:
    """The condition with NaN for missing labels; an error if no labels may be missing.

    Args:
        condition: `(n, *shape)`.
        shape: shape of one example's condition.
        may_miss: whether labels may be missing.
        advice: what to do about missing ones, for the error.

    Raises:
        ValueError: a label is missing, and none may be.
    """
    values: Array = to_numpy(condition)
    missing = missing_labels(values)
    if values.ndim != 1 + len(shape) or not missing.any():
        return condition  # of another shape, which is refused next
    if may_miss:
        return np.where(missing, np.nan, values)
    index = tuple(int(axis) for axis in np.argwhere(missing)[0])
    rows = int(missing.reshape(len(values), -1).any(axis=1).sum())
    raise ValueError(
        f"Argument `condition`: row {index[0]} has no label, {rows} such rows in all. Received: {values[index]} at "
        f"index {index}. {advice}"
    )
