"""torch: numbers too small for a processor's fast path."""

import contextlib
from collections.abc import Iterator

import keras

__all__ = ["flushed_denormals"]


@contextlib.contextmanager
def flushed_denormals() -> Iterator[None]:
    """Let float32 below 1e-38 be zero, as it is on TensorFlow and JAX.

    A gradient that vanishes through a few hundred steps of a sequence gets there, and a processor multiplies such
    numbers many times slower: a step of `gru` with 256 time steps took three times as long.
    """
    if keras.backend.backend() != "torch":
        yield
        return
    import torch

    before = float(torch.tensor(1e-40) * 1.0) == 0.0  # torch does not say what is set
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
