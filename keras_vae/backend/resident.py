"""Data that stay on the device during a `fit`, and the order in which it visits their rows.

Keras sends every batch to the device again. Here the data go there once, as long as they are in memory, and what
Keras' loop hands to the training step are row numbers.
"""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras.src.trainers.data_adapters import array_slicing
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

__all__ = ["ResidentRows", "free_memory", "num_bytes", "split_rows"]


def free_memory() -> int | None:
    """Bytes that are free on the device of the default backend; None if it does not say."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        statistics = jax.local_devices()[0].memory_stats()
        if statistics and "bytes_limit" in statistics:
            return statistics["bytes_limit"] - statistics["bytes_in_use"]
    if backend == "torch":
        import torch

        if keras.src.backend.torch.core.get_device() == "cuda":
            return torch.cuda.mem_get_info()[0]
    if backend == "tensorflow":
        import tensorflow as tf

        if tf.config.list_physical_devices("GPU"):
            return None
    return _free_host_memory()


def _free_host_memory() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            available = next((line for line in lines if line.startswith("MemAvailable")), None)
    except OSError:
        return None
    return None if available is None else int(available.split()[1]) * 1024


def num_bytes(arrays: Any) -> int:
    """Bytes of a structure of arrays on the device, where floating point numbers have Keras' default precision."""
    sizes = []
    for array in keras.tree.flatten(arrays):
        if array is not None:
            name = keras.backend.standardize_dtype(array.dtype)
            name = keras.config.floatx() if keras.backend.is_float_dtype(name) else name
            sizes.append(math.prod(array.shape) * (2 if name == "bfloat16" else np.dtype(name).itemsize))
    return sum(sizes)


def split_rows(arrays: tuple, share: float) -> tuple:
    """The arrays of the training and those of the validation, as Keras splits them for `validation_split`."""
    return array_slicing.train_validation_split(arrays, validation_split=share)


class ResidentRows(ArrayDataAdapter):
    """Keras' adapter of arrays, with the data on the device: it gives the numbers of the rows, in Keras' order.

    On JAX and TensorFlow every item stands for up to `steps_per_execution` batches. It is a tuple: the row numbers of
    all whole batches of the epoch `(batches, batch_size)`, the first batch of the item, the number of its whole
    batches, and the row numbers of the last, smaller batch `(rows,)`, of length 0 elsewhere. On torch an item is the
    row numbers of a batch, or None after the last one.

    Args:
        x: arrays, as for `keras.Model.fit`.
        y: likewise.
        steps_per_execution: number of batches of one item.
        **options: `sample_weight`, `batch_size`, `steps`, `shuffle`, `class_weight`, as Keras' adapter takes them.
    """

    def __init__(self, x: Any, y: Any = None, steps_per_execution: int = 1, **options: Any) -> None:
        super().__init__(x, y, **options)
        self.steps_per_execution = steps_per_execution
        self.num_whole = self._num_samples // self._batch_size
        self.arrays = self._on_device(slice(None))
        self.first_batch = self._on_device(slice(0, self._batch_size))

    def _on_device(self, rows: slice) -> Any:
        """The data of some rows as Keras gives them to a step, as tensors."""
        backend = keras.backend.backend()
        convert = {
            "tensorflow": "convert_to_tf_dataset_compatible",
            "jax": "convert_to_jax_compatible",
            "torch": "convert_to_torch_compatible",
        }[backend]
        # Keras casts floating point numbers to its default precision here, and leaves integers as they are.
        sliceable = array_slicing.convert_to_sliceable(self._inputs, target_backend=backend)

        def on_device(array: Any) -> Any:
            if not isinstance(array, array_slicing.Sliceable):
                array = array_slicing.Sliceable(array)
            return keras.ops.convert_to_tensor(getattr(array, convert)(array[rows]))

        return keras.tree.map_structure(on_device, sliceable, none_is_leaf=False)

    def first(self, count: int) -> tuple:
        """An item of the first `count` whole batches, in the order of the data."""
        batches = np.arange(count * self._batch_size, dtype="int32").reshape(count, self._batch_size)
        convert = keras.ops.convert_to_tensor
        return convert(batches), convert(np.int32(0)), convert(np.int32(count)), batches[0, :0]

    def _order(self) -> np.ndarray:
        """The rows of one epoch, as Keras shuffles them on JAX."""
        rows = np.arange(self._num_samples, dtype="int32")
        if self._shuffle == "batch":
            for start in range(0, self._num_samples, self._batch_size):
                batch = rows[start : start + self._batch_size]
                batch[:] = start + np.random.permutation(len(batch))
        elif self._shuffle:
            rows = np.random.permutation(self._num_samples).astype("int32")
        return rows

    def _executions(self) -> list[tuple[int, int, bool]]:
        """The first batch of each execution, the number of its whole batches, and whether the smaller one is in it."""
        items = []
        for first in range(0, self._size, self.steps_per_execution):
            last = min(first + self.steps_per_execution, self._size)
            items.append((first, min(last, self.num_whole) - first, last > self.num_whole))
        return items

    def __iter__(self) -> Iterator[tuple]:
        order = self._order()
        whole = self.num_whole * self._batch_size
        rest = order[whole:]
        batches = keras.ops.convert_to_tensor(order[:whole].reshape(self.num_whole, self._batch_size))
        for first, count, has_rest in self._executions():
            yield batches, np.int32(first), np.int32(count), rest if has_rest else rest[:0]

    def get_jax_iterator(self) -> Iterator[tuple]:
        return iter(self)

    def get_tf_dataset(self) -> "ResidentRows":
        # Keras only iterates over it. A tf.data.Dataset would take as long to start, in every epoch, as hundreds of
        # steps of a small model.
        return self

    def get_torch_dataloader(self) -> Any:
        import torch

        batches = list(torch.split(keras.ops.convert_to_tensor(self._order_of_torch()), self._batch_size))
        # Keras takes `steps_per_execution` of them at a time, and warns where there are fewer.
        return batches + [None] * (-len(batches) % self.steps_per_execution)

    def _order_of_torch(self) -> np.ndarray:
        import torch

        if self._shuffle and self._shuffle != "batch":
            return np.fromiter(torch.utils.data.RandomSampler(range(self._num_samples)), "int64", self._num_samples)
        if self._shuffle == "batch":
            batches = torch.split(torch.arange(self._num_samples), self._batch_size)
            return torch.cat([batch[torch.randperm(len(batch))] for batch in batches]).numpy()
        return np.arange(self._num_samples)
