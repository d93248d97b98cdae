"""The weights of a model while a JAX `fit` holds them outside of it."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

__all__ = ["fit_takes_weights", "kept_order_of_rows", "kept_state", "sync_state"]


def fit_takes_weights() -> bool:
    """Whether a running `fit` holds the weights outside of the model, where another thread cannot find them."""
    return keras.backend.backend() == "jax"


def sync_state(model: Any) -> None:
    """Write back the weights that a running JAX `fit` holds outside of `model`."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()


@contextlib.contextmanager
def kept_state(model: Any) -> Iterator[None]:
    """Restore the weights of `model` if a JAX `fit`, `evaluate` or `predict` fails in its first batch.

    Keras empties the variables while a step runs, and an error in tracing it would leave them so.
    """
    if keras.backend.backend() != "jax":
        yield
        return
    own = (*model.variables, *model.metrics_variables, *getattr(getattr(model, "optimizer", None), "variables", ()))
    before = [(variable, variable.value) for variable in own]
    try:
        yield
    except BaseException:
        sync_state(model)
        for variable, value in before:
            if variable._value is None:
                variable.assign(value)
        raise


@contextlib.contextmanager
def kept_order_of_rows(in_fit: bool) -> Iterator[None]:
    """Leave the order of the rows of a running `fit` as it is.

    On torch Keras reads data with a `DataLoader`, also in `predict`, and each one that starts to read draws a number
    from the generator that shuffles the rows of `fit`.

    Args:
        in_fit: whether a `fit` is running.
    """
    if not in_fit or keras.backend.backend() != "torch":
        yield
        return
    import torch

    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)
