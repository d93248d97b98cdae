"""torch: what a training step meets while it is recorded, in place of what no record can hold."""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_vae.backend.branches import recorded_branches

__all__ = ["NotCapturedError", "as_recorded", "draws_by", "host_draws", "kept_draws"]

DRAWS = ("normal", "uniform", "randint")
"""The functions of `keras.random` whose results depend on nothing but their shape and their seed."""


class NotCapturedError(Exception):
    """A training step does what no record can hold."""


@contextlib.contextmanager
def _replaced(functions: list[tuple[Any, str, Callable]]) -> Iterator[None]:
    """Put functions in the place of others, in this thread: modules, names, and what becomes of the function there."""
    own = [(module, name, getattr(module, name)) for module, name, _ in functions]
    thread = threading.get_ident()

    def here(before: Callable, after: Callable) -> Callable:
        return lambda *args, **kwargs: (after if threading.get_ident() == thread else before)(*args, **kwargs)

    try:
        for (module, name, replace), (*_, before) in zip(functions, own, strict=True):
            setattr(module, name, here(before, replace(before)))
        yield
    finally:
        for module, name, before in own:
            setattr(module, name, before)


def draws_by(function: Callable) -> contextlib.AbstractContextManager:
    """Let `function(draw, *args, **kwargs)` give what Keras' `draw(*args, **kwargs)` would."""
    import torch

    module = keras.src.backend.torch.random

    def of_noise(draw: Callable) -> Callable:
        return lambda *args, **kwargs: function(draw, *args, **kwargs)

    def of_dropout(draw: Callable) -> Callable:
        def mask(shape: tuple, *, rate: float, noise_shape: Any, seed: Any) -> Any:
            return draw(torch.ones(shape, device=keras.src.backend.torch.core.get_device()), rate, noise_shape, seed)

        def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
            unseeded = seed is None or getattr(seed, "_initial_seed", 0) is None
            if rate in (0.0, 1.0) or (unseeded and noise_shape is None):
                return draw(inputs, rate, noise_shape, seed)  # without a generator
            kept = function(mask, tuple(inputs.shape), rate=rate, noise_shape=noise_shape, seed=seed) != 0
            return torch.where(kept, inputs / (1.0 - rate), torch.zeros_like(inputs))

        return dropout

    return _replaced([*((module, name, of_noise) for name in DRAWS), (module, "dropout", of_dropout)])


def _without_checks() -> contextlib.AbstractContextManager:
    """Leave out the checks that read tensors: `one_hot` looks at the largest and the smallest class."""
    import torch

    def of_one_hot(one_hot: Callable) -> Callable:
        def compared(tensor: Any, num_classes: int = -1) -> Any:
            return (tensor[..., None] == torch.arange(num_classes, device=tensor.device)).to(torch.int64)

        return compared

    return _replaced([(torch.nn.functional, "one_hot", of_one_hot)])


def _without_numpy() -> contextlib.AbstractContextManager:
    """Refuse numpy arrays of tensors, which a record would hold as they were once, as torch's Nadam in Keras makes."""
    import torch

    def refused(function: Callable) -> Callable:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise NotCapturedError("It turns a tensor into a numpy array.")

        return refuse

    return _replaced([(torch.Tensor, "numpy", refused)])


@contextlib.contextmanager
def _without_onednn(wanted: bool) -> Iterator[None]:
    """Record an LSTM as its steps: Inductor runs oneDNN's one operation without what its gradient needs."""
    import torch

    enabled = torch._C._get_mkldnn_enabled()
    try:
        torch._C._set_mkldnn_enabled(enabled and not wanted)
        yield
    finally:
        torch._C._set_mkldnn_enabled(enabled)


def host_draws() -> str:
    """The state of numpy's generator, which a record does not see; Python's one gives Keras its names."""
    return repr([np.asarray(part).tolist() for part in np.random.get_state()])


@contextlib.contextmanager
def kept_draws() -> Iterator[None]:
    """Leave the generators of Python, numpy and torch as they were."""
    import torch

    own, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(own)
            np.random.set_state(of_numpy)


@contextlib.contextmanager
def as_recorded(compiled: bool) -> Iterator[None]:
    """All of it but the draws.

    Args:
        compiled: whether Inductor compiles the record.
    """
    with _without_checks(), _without_numpy(), _without_onednn(compiled), recorded_branches():
        yield
