"""Several devices: what Keras leaves to those who override `compute_loss`, and what JAX says of uneven batches."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

__all__ = ["data_shards", "divisible_batches", "in_strategy", "num_replicas", "replica_context", "strategy_scope"]


def replica_context() -> Any:
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return None
    return context


def in_strategy() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return tf.distribute.has_strategy()


def num_replicas() -> int:
    """Number of `tf.distribute` replicas that a step's loss is summed over; 1 elsewhere."""
    context = replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def strategy_scope(model: Any) -> contextlib.AbstractContextManager:
    """Where `model`'s variables live under `tf.distribute`, for variables that join it later."""
    strategy = getattr(model, "distribute_strategy", None)
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def data_shards() -> int:
    """Number of devices of this process among which `keras.distribution` divides every batch; 1 without it."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return 1
    mesh = distribution.device_mesh
    devices = mesh.shape[mesh.axis_names.index(distribution.batch_dim_name)]
    return max(1, devices // getattr(distribution, "num_processes", 1))


@contextlib.contextmanager
def divisible_batches() -> Iterator[None]:
    """Say in plain words that the batches of a dataset do not divide among the devices.

    Raises:
        ValueError: in place of JAX's error.
    """
    try:
        yield
    except ValueError as error:
        if type(error).__name__ != "IndivisibleError":
            raise
        shards = data_shards()
        raise ValueError(
            f"Argument `x`: keras.distribution divides every batch among {shards} devices. Expected batches whose "
            f"number of rows is a multiple of {shards}, the last one too. Received: another number. Drop the rows "
            "left over, for example with dataset.batch(..., drop_remainder=True)."
        ) from error
