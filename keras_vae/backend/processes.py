"""What the processes of one training exchange: on torch everything, and on JAX the data that components adapt to.

Keras has no distribution on torch. On JAX it gives every process the same variables, and JAX refuses a value that
differs between them. All processes must call these functions, or those that do wait for the others.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

__all__ = [
    "by_one_process",
    "copy_from_first",
    "is_first_process",
    "mean_over_processes",
    "process_group",
    "rows_of_first",
    "shares_arrays",
    "shift_seed",
    "sum_over_processes",
]


def process_group() -> tuple[int, int]:
    """Number of this process, and of all processes.

    Raises:
        RuntimeError: another backend, or no group.
    """
    if keras.backend.backend() != "torch":
        raise RuntimeError(
            "torch.distributed is for the torch backend. Expected KERAS_BACKEND=torch. Received: "
            f"{keras.backend.backend()}. On TensorFlow and JAX use tf.distribute and keras.distribution."
        )
    import torch.distributed as distributed

    if not distributed.is_available() or not distributed.is_initialized():
        raise RuntimeError(
            "There is no process group. Call torch.distributed.init_process_group('gloo'), or 'nccl' on GPUs, in every "
            "process before `fit`, and start the processes with torchrun."
        )
    return distributed.get_rank(), distributed.get_world_size()


def shares_arrays() -> bool:
    """Whether arrays are divided over several processes, as under a `keras.distribution` on JAX."""
    return getattr(keras.distribution.distribution(), "num_processes", 1) > 1


def is_first_process(model: Any) -> bool:
    """Whether this is the one process that writes files, of all that train the model.

    Args:
        model: a Keras model.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        import torch.distributed as distributed

        return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0
    if backend == "jax":
        import jax

        return jax.process_index() == 0
    resolver = getattr(getattr(model, "distribute_strategy", None), "cluster_resolver", None)
    return not getattr(resolver, "task_id", None)


def sum_over_processes(tensors: list[Any]) -> list[Any]:
    """The sums of tensors over the processes, in one exchange for each dtype.

    Args:
        tensors: of the same shapes in every process.
    """
    import torch
    import torch.distributed as distributed

    sums: list[Any] = [None] * len(tensors)
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        where = [index for index, tensor in enumerate(tensors) if tensor.dtype == dtype]
        flat = torch.cat([tensors[index].detach().reshape(-1) for index in where])
        distributed.all_reduce(flat)
        parts = torch.split(flat, [tensors[index].numel() for index in where])
        for index, part in zip(where, parts, strict=True):
            sums[index] = part.view(tensors[index].shape)
    return sums


def mean_over_processes(tensors: list[Any]) -> list[Any]:
    """As `sum_over_processes`, divided by the number of processes; None stays None."""
    import torch.distributed as distributed

    present = [tensor for tensor in tensors if tensor is not None]
    means = iter([tensor / distributed.get_world_size() for tensor in sum_over_processes(present)])
    return [None if tensor is None else next(means) for tensor in tensors]


def copy_from_first(variables: list[keras.Variable]) -> None:
    """Give the variables of every process the values of process 0."""
    import torch.distributed as distributed

    for variable in variables:
        value = variable.value.detach().clone()
        distributed.broadcast(value, src=0)
        variable.assign(value)


def rows_of_first(data: Any, most: int) -> Any:
    """The first rows of the data of process 0, for every process of a `keras.distribution` on JAX; else the data.

    Args:
        data: structure of arrays `(n, ...)` and None; of the same shapes in every process, except for n.
        most: number of rows that are exchanged at most.
    """
    if getattr(keras.distribution.distribution(), "num_processes", 1) == 1 or keras.backend.backend() != "jax":
        return data
    from jax.experimental.multihost_utils import broadcast_one_to_all

    arrays = [np.asarray(leaf)[:most] for leaf in keras.tree.flatten(data) if leaf is not None]
    rows = int(broadcast_one_to_all(np.int32(min(len(array) for array in arrays))))

    def shared(array: Any) -> Any:
        if array is None:
            return None
        own = np.asarray(array)[:rows]
        room = np.zeros((rows, *own.shape[1:]), own.dtype)
        room[: len(own)] = own
        return np.asarray(broadcast_one_to_all(room))

    return keras.tree.map_structure(shared, data)


@contextlib.contextmanager
def by_one_process() -> Iterator[None]:
    """Let a single process save the model, on JAX.

    Keras makes variables while it saves, to compare attributes with, and in a `keras.distribution` of several
    processes each variable is an exchange, in which this process would wait for the others.
    """
    distribution = keras.distribution.distribution()
    if getattr(distribution, "num_processes", 1) == 1:
        yield
        return
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def shift_seed(state: keras.Variable, shift: int) -> None:
    """Move the state of a noise generator to another stream, or back with the negative shift.

    On torch a draw depends on the sum of the two words, of which the second counts the draws. So the streams are spread
    over all 2^32 sums: a step of 2^32 divided by the golden ratio leaves the largest gaps.

    Args:
        state: the generator's variable.
        shift: number of steps.
    """
    words = keras.ops.convert_to_numpy(state.value)
    moved = words.astype("uint32") + np.array([(shift * 2654435769) % 2**32, 0], dtype="uint32")
    state.assign(moved.astype("uint32").view("int32").astype(words.dtype) if words.dtype != np.uint32 else moved)
