"""The forms in which data come: arrays, pairs, dicts, datasets, loaders and generators."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_vae.hints import Array, Data

__all__ = ["is_array", "is_stream", "peek", "rejoin", "to_numpy", "unpack", "without_tables", "wrap_bare_loader"]


def unpack(inputs: Data) -> tuple[Any, Any, Any]:
    """`(x, condition, mask)` from an array, `[x, condition]`, or a dict with those keys."""
    if isinstance(inputs, dict):
        unknown = set(inputs) - {"x", "condition", "mask"}
        if "x" not in inputs or unknown:
            raise ValueError(
                "A dict of inputs must have the key 'x', and may have 'condition' and 'mask'. "
                f"Received the keys {sorted(map(str, inputs))}."
            )
        return inputs["x"], inputs.get("condition"), inputs.get("mask")
    if isinstance(inputs, (list, tuple)):
        if len(inputs) not in (1, 2):
            raise ValueError(
                f"Inputs must be one array x, or [x, condition]. Received a {type(inputs).__name__} of "
                f"{len(inputs)} items. Stack single examples with numpy.stack, turn lists of numbers into an array "
                "with numpy.asarray, pad sequences of unequal length with keras.utils.pad_sequences(x, "
                "padding='post')."
            )
        return (*inputs, None) if len(inputs) == 2 else (inputs[0], None, None)
    return inputs, None, None


def is_array(data: Data) -> bool:
    return hasattr(data, "shape") and hasattr(data, "dtype") and not callable(data)


def is_stream(data: Data) -> bool:
    """Whether `data` gives batches (a dataset, a loader, a generator) rather than being arrays."""
    if is_array(data) or isinstance(data, (list, tuple, dict, str, bytes)):
        return False
    return isinstance(data, keras.utils.PyDataset) or hasattr(data, "__iter__")


def without_tables(data: Data) -> Data:
    """The same data, pandas' tables and columns turned into arrays."""
    if isinstance(data, dict):
        return {name: without_tables(item) for name, item in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)([without_tables(item) for item in data]) if type(data) in (list, tuple) else data
    return data.to_numpy() if hasattr(data, "to_numpy") else data


def to_numpy(data: Data) -> Array:
    return keras.tree.map_structure(
        lambda leaf: leaf if isinstance(leaf, np.ndarray) else keras.ops.convert_to_numpy(leaf), data
    )


def batches(stream: Data) -> Iterator[Any] | None:
    """Iterator over a stream's batches that loses none of them, or None where there can be no such."""
    if isinstance(stream, keras.utils.PyDataset):
        length = stream.num_batches
        return (stream[index] for index in range(length)) if length else iter([stream[0]])
    if hasattr(stream, "__next__"):
        return None  # a generator: what is looked at is gone
    return iter(stream)


def peek(stream: Data, rows: float = 1) -> Any:
    """The first rows of a stream as `(x, condition, mask)` arrays, with y and the weights of batch one.

    Returns:
        `(inputs, y, sample_weight)`, or None for a one-shot generator.
    """
    iterator = batches(stream)
    if iterator is None:
        return None
    collected: list[Any] = []
    first: Any = None
    count = 0
    for batch in iterator:
        batch = tuple(batch) if isinstance(batch, list) else batch
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        first = (y, sample_weight) if first is None else first
        parts = unpack(x)
        if not is_array(parts[0]):
            raise ValueError(
                "Argument `x`: every batch must be an array x, a tuple (x, y, sample_weight) or a dict with the key "
                f"'x'. Received: a batch whose x is a {type(parts[0]).__name__}."
            )
        collected.append(tuple(to_numpy(part) if is_array(part) else part for part in parts))
        count += 1 if collected[-1][0].ndim == 0 else len(collected[-1][0])
        if count >= rows:
            break
    if not collected:
        raise ValueError("Argument `x`: the dataset gives no batches. Expected at least one.")
    if len(collected) == 1:
        return collected[0], *first
    joined = (None if parts[0] is None else np.concatenate(parts) for parts in zip(*collected, strict=True))
    return tuple(joined), *first


def rejoin(first: Any, rest: Any) -> Iterator[Any]:
    """A generator that gives the item that was looked at, and then the others."""
    yield first
    yield from rest


def wrap_bare_loader(data: Data) -> Data:
    """A torch `DataLoader` whose batches are bare tensors, made to give tuples, which Keras needs."""
    if not any(base.__name__ == "DataLoader" for base in type(data).__mro__):
        return data
    if isinstance(next(iter(data)), (list, tuple)):
        return data
    data = copy.copy(data)
    data.collate_fn = TupleCollate(data.collate_fn)
    return data


class TupleCollate:
    """A `collate_fn` that wraps another one's batch in a tuple; a class, so that workers can pickle it."""

    def __init__(self, collate: Callable) -> None:
        self.collate = collate

    def __call__(self, examples: Any) -> tuple[Any]:
        return (self.collate(examples),)
