"""The forms in which data are passed: arrays, pairs, dicts, datasets, loaders and generators."""

import copy
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_vae.data.sparse import has_sparse, is_sparse
from keras_vae.hints import Array, Data

__all__ = [
    "DIFFERENT_LENGTHS",
    "MAY_BE_LEFT_OUT",
    "Inputs",
    "is_array",
    "is_stream",
    "peek",
    "rejoin",
    "to_numpy",
    "unpack",
    "wrap_bare_loader",
]


DIFFERENT_LENGTHS = (
    "The batches of `x` differ in length, so their results do not fit into one array. Pad every batch to one length, "
    "or call the method once for each batch."
)


MAY_BE_LEFT_OUT = (
    "A field may be left out if the posterior has an expert for each, such as 'product_of_experts', if the objective "
    "is 'field_subsets', or if the field was declared as keras_vae.data.Field(shape, missing='nan')."
)


class Inputs(NamedTuple):
    """The inputs of a model: x, and what may accompany it."""

    x: Any
    condition: Any = None
    mask: Any = None
    condition_mask: Any = None
    exposure: Any = None
    present: Any = None

    def given(self) -> dict[str, Any]:
        """The parts that are not None, by name: the equivalent dict of inputs."""
        return {name: value for name, value in self._asdict().items() if value is not None}


def unpack(inputs: Data, spec: Any = None) -> Inputs:
    """`Inputs` from x, `[x, condition]`, or a dict with the names of `Inputs`.

    Args:
        inputs: as above. For data of several fields, a dict of these is an x too. A condition may be called `label`.
        spec: a `Field`, or a dict of them.
    """
    if isinstance(inputs, dict):
        if isinstance(spec, dict) and set(inputs) == set(spec):
            return Inputs(inputs)
        received = f"Received the keys {sorted(map(str, inputs))}."
        if isinstance(spec, dict) and "x" not in inputs:
            beside = [name for name in (*Inputs._fields, "label") if name in inputs and name not in spec]
            hint = f" With {', '.join(map(repr, beside))}, put the fields under 'x': " if beside else ""
            hint += f"{{'x': {{...}}, {', '.join(f'{name!r}: ...' for name in beside)}}}." if beside else ""
            raise ValueError(
                f"Argument `x` must be a dict with the fields {sorted(spec)} of data_shape, or a dict with the key 'x' "
                f"that holds such a dict. {received}{hint} {MAY_BE_LEFT_OUT}"
            )
        if "label" in inputs:
            if "condition" in inputs:
                raise ValueError(
                    "A dict of inputs may have the key 'label' or the key 'condition', which mean the same. Received: "
                    "both. Leave one of them out."
                )
            inputs = {"condition" if name == "label" else name: value for name, value in inputs.items()}
        if "x" not in inputs or set(inputs) - set(Inputs._fields):
            raise ValueError(
                "A dict of inputs must have the key 'x', and may have 'condition' (or 'label', which is the same), "
                f"'condition_mask', 'exposure', 'mask' and 'present'. {received}"
            )
        return Inputs(**inputs)
    if isinstance(inputs, (list, tuple)):
        if len(inputs) not in (1, 2):
            raise ValueError(
                f"Inputs must be one array x, or [x, condition]. Received a {type(inputs).__name__} of "
                f"{len(inputs)} items. Stack single examples with numpy.stack, convert lists of numbers "
                "with numpy.asarray, pad sequences of unequal length with keras.utils.pad_sequences(x, "
                "padding='post')."
            )
        return Inputs(*inputs)
    return Inputs(inputs)


def is_array(data: Data) -> bool:
    return hasattr(data, "shape") and hasattr(data, "dtype") and not callable(data)


def is_stream(data: Data) -> bool:
    """Whether `data` yields batches (a dataset, a loader, a generator)."""
    if is_array(data) or isinstance(data, (list, tuple, dict, str, bytes)):
        return False
    return isinstance(data, keras.utils.PyDataset) or hasattr(data, "__iter__")


def to_numpy(data: Data) -> Array:
    def convert(leaf: Any) -> Array:
        if is_sparse(leaf):
            return leaf.toarray()
        return leaf if isinstance(leaf, np.ndarray) else keras.ops.convert_to_numpy(leaf)

    return keras.tree.map_structure(convert, data)


def batches(stream: Data) -> Iterator[Any] | None:
    """Iterator over the batches of a stream that does not consume them, or None if there is none."""
    if isinstance(stream, keras.utils.PyDataset):
        length = stream.num_batches  # None without an end
        return iter([stream[0]]) if length is None else (stream[index] for index in range(length))
    if hasattr(stream, "__next__"):
        return None  # a generator can be read only once
    return iter(stream)


def peek(
    stream: Data,
    rows: float = 1,
    spec: Any = None,
    argument: str = "x",
    accept: Callable[[Any], bool] | None = None,
    pad: bool = False,
) -> Any:
    """The first rows of a stream as arrays.

    Args:
        stream: a dataset, a loader or a generator.
        rows: number of rows to read, at least.
        spec: a `Field`, or a dict of them.
        argument: name of the argument in messages.
        accept: whether to take a batch after the first, or leave it out; None takes all.
        pad: whether batches of unequal length are joined with NaN in x and y, and with zeros elsewhere.

    Returns:
        `(inputs, y, sample_weight)` with `Inputs`, or None for a generator, which can be read only once.
    """
    iterator = batches(stream)
    if iterator is None:
        return None
    collected: list[Any] = []
    count = 0
    for batch in iterator:
        batch = tuple(batch) if isinstance(batch, list) else batch
        if collected and accept is not None and not accept(batch):
            continue
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        inputs = unpack(x, spec)
        leaves = keras.tree.flatten(inputs.x)
        if not all(is_array(leaf) for leaf in leaves):
            raise ValueError(
                f"Argument `{argument}`: every batch must be an array x, a tuple (x, y, sample_weight) or a dict with "
                f"the key 'x'. Received: a batch whose x is a {type(inputs.x).__name__}."
            )
        if has_sparse(batch):
            raise ValueError(
                f"Argument `{argument}`: the batches of a dataset must be dense. Received: a sparse array. Pass "
                "batch.toarray(), or the sparse array of all rows, which is made dense batch by batch."
            )
        arrays = (None if part is None else to_numpy(part) for part in inputs)
        collected.append((*arrays, y, sample_weight))
        leaf = keras.tree.flatten(collected[-1][0])[0]
        count += 1 if leaf.ndim == 0 else len(leaf)
        if count >= rows:
            break
    if not collected:
        raise ValueError(f"Argument `{argument}`: the dataset yields no batches. Expected at least one.")
    fills = {"x": np.nan, "y": np.nan} if pad else None
    names = (*Inputs._fields, "y", "sample_weight")
    joined = [
        _concatenated(parts, None if fills is None else fills.get(name, 0.0))
        for name, parts in zip(names, zip(*collected, strict=True), strict=True)
    ]
    return Inputs(*joined[:-2]), *joined[-2:]


def _concatenated(parts: Sequence[Any], fill: float | None) -> Any:
    """Batches of arrays joined along their first axis; the first one where they are no arrays."""
    if len(parts) == 1 or not all(is_array(leaf) for leaf in keras.tree.flatten(parts)):
        return parts[0]
    return keras.tree.map_structure(lambda *arrays: _of_one_length([to_numpy(a) for a in arrays], fill), *parts)


def _of_one_length(arrays: list[Array], fill: float | None) -> Array:
    """Arrays joined along their first axis, shorter ones filled up along the second.

    Raises:
        ValueError: arrays of unequal length, and no `fill`.
    """
    lengths = [array.shape[1] if array.ndim > 1 else 0 for array in arrays]
    if len(set(lengths)) == 1:
        return np.concatenate(arrays)
    if fill is None:
        raise ValueError(DIFFERENT_LENGTHS)
    dtype = np.result_type("float32", *arrays) if math.isnan(fill) else arrays[0].dtype
    rows, shape = sum(map(len, arrays)), (max(lengths), *arrays[0].shape[2:])
    joined, start = np.full((rows, *shape), fill, dtype), 0
    for array in arrays:
        joined[start : start + len(array), : array.shape[1]] = array
        start += len(array)
    return joined


def rejoin(first: Any, rest: Any) -> Iterator[Any]:
    """A generator of an item that was taken out already, and then the others, in the tuples that Keras needs."""
    for item in itertools.chain([first], rest):
        yield item if isinstance(item, (tuple, list)) else (item,)


def wrap_bare_loader(data: Data) -> Data:
    """A torch `DataLoader` of bare tensors, changed to yield tuples, which Keras needs."""
    bases = [base for base in type(data).__mro__ if base.__name__ == "DataLoader"]
    if not any(base.__module__.startswith("torch.") for base in bases):  # grain has one too
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
