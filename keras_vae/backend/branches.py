"""A choice between two computations by the value of a tensor, which a recorded step of torch can hold."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from keras import ops

__all__ = ["recorded_branches", "value_or"]

_recording = 0
_computations: dict[str, Callable] = {}


def value_or(right: Any, value: Any, other: Callable, *operands: Any) -> Any:
    """`value` where the scalar `right` is True, and `other(*operands)` where it is not.

    Args:
        right: scalar of bools.
        value: a tensor.
        other: a function of a module, that makes a tensor of the same form from tensors alone.
        *operands: its arguments.
    """
    if not _recording:
        return ops.cond(right, lambda: value, lambda: other(*operands))
    name = f"{other.__module__}.{other.__qualname__}"
    _computations[name] = other
    return _operation()(right, value, list(operands), name)


@contextlib.contextmanager
def recorded_branches() -> Iterator[None]:
    """Make every choice one operation of torch, which chooses again whenever the record of a step is replayed.

    Elsewhere it stays Python's own, since exported files cannot hold an operation of this package.
    """
    global _recording
    _recording += 1
    try:
        yield
    finally:
        _recording -= 1


@functools.cache
def _operation() -> Any:
    import torch

    def choose(right: Any, value: Any, operands: list[Any], other: str) -> Any:
        return value.clone() if right else _computations[other](*operands)

    def same_form(right: Any, value: Any, operands: list[Any], other: str) -> Any:
        return torch.empty_like(value)

    # A library ends what it has defined when it is collected, so the function keeps it.
    library = choose.library = torch.library.Library("keras_vae", "DEF")  # type: ignore[attr-defined]
    library.define("value_or(Tensor right, Tensor value, Tensor[] operands, str other) -> Tensor")
    library.impl("value_or", choose, "CompositeExplicitAutograd")
    torch.library.register_fake("keras_vae::value_or", same_form, lib=library)
    return torch.ops.keras_vae.value_or.default
