"""torch: a training step that is recorded once and replayed, without the Python that led to its operations.

JAX and TensorFlow trace a step and run the trace. torch runs Keras' Python again in every step, thousands of calls
for a few hundred operations. Here `torch.fx` records the operations of Keras' own `train_step`, gradients and optimizer
included. Its one difficulty are seeds: Keras reads them from a variable into a Python number in every draw, which no
record can hold. So the noise of a step is drawn before it, by Keras, and is an input of the record.
"""

import contextlib
import random
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_vae.backend.record_function import as_function
from keras_vae.backend.record_rewrites import rewrite, without_results
from keras_vae.backend.step_state import PythonState, all_state

__all__ = ["CapturedStep", "NotCapturedError"]

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


def _draws_by(function: Callable) -> contextlib.AbstractContextManager:
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

    enabled = torch.backends.mkldnn.enabled
    try:
        torch._C._set_mkldnn_enabled(enabled and not wanted)
        yield
    finally:
        torch._C._set_mkldnn_enabled(enabled)


def _host_draws() -> str:
    """The state of numpy's generator, which a record does not see; Python's one gives Keras its names."""
    return repr([np.asarray(part).tolist() for part in np.random.get_state()])


@contextlib.contextmanager
def _kept_draws() -> Iterator[None]:
    """Leave the generators of Python, numpy and torch as they were."""
    import torch

    own, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(own)
            np.random.set_state(of_numpy)


def _require_fixed_shapes(graph: Any) -> None:
    """Refuse operations whose results have as many rows as the data say, such as `x[x > 0]`: shapes are recorded."""
    import torch

    for node in graph.nodes:
        if torch.Tag.dynamic_output_shape not in getattr(node.target, "tags", ()):
            continue
        if node.target is torch.ops.aten.index.Tensor:
            indices = [index.meta.get("tensor_meta") for index in node.args[1] if index is not None]
            if not any(index is None or index.dtype in (torch.bool, torch.uint8) for index in indices):
                continue
        raise NotCapturedError("The shapes of its tensors depend on the values of others.")


class CapturedStep:
    """Keras' `train_step` of a model for batches of one shape, as a record of torch's operations.

    Args:
        model: the model, compiled, on the torch backend.
        data: a batch, as `train_step` takes it.

    Raises:
        NotCapturedError: the step needs the value of a tensor in Python, such as that of a loss scale,
            or has an effect that is not one of torch's operations.
    """

    def __init__(self, model: Any, data: Any) -> None:
        import torch
        from torch.fx.experimental.proxy_tensor import make_fx

        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)  # or the trial step would, and leave its moments
        start, host_draws = PythonState(model), _host_draws()
        tensors = [
            *(variable.value for variable in all_state(model)),
            *start.tensors,
            *model.parameters(),
            *model.buffers(),
        ]
        self.tensors = list({id(tensor): tensor for tensor in tensors}.values())
        before = [tensor.detach().clone() for tensor in self.tensors]
        self.draws: list[tuple] = []
        remaining: list[Any] = []

        def record(draw: Callable, *args: Any, **kwargs: Any) -> Any:
            noise = draw(*args, **kwargs)
            self.draws.append((draw, args, kwargs))
            remaining.append(noise)
            return noise

        def step(tensors: list, noise: list, batch: Any) -> Any:
            remaining[:] = noise
            return model.train_step(batch)

        def recorded(draw: Callable, *args: Any, **kwargs: Any) -> Any:
            if not remaining:
                raise NotCapturedError("It does not draw the same noise in every step.")
            return remaining.pop(0)

        with _kept_draws():
            try:
                with _draws_by(record):
                    model.train_step(data)
                if host_draws != _host_draws():
                    raise NotCapturedError("It draws random numbers with numpy.")
                for _, args, kwargs in self.draws:
                    seed = kwargs.get("seed")
                    own_state = seed is None or isinstance(seed, int) or hasattr(seed, "state")
                    leaves = keras.tree.flatten((args, kwargs))
                    if not own_state or any(isinstance(leaf, torch.Tensor | keras.Variable) for leaf in leaves):
                        raise NotCapturedError("Its noise depends on the value of a tensor.")
                model.zero_grad()
                python = PythonState(model)
                replaced = (_draws_by(recorded), _without_checks(), _without_numpy(), _without_onednn(model.jit_compile))
                with contextlib.ExitStack() as stack:
                    for each in (*replaced, torch.enable_grad()):
                        stack.enter_context(each)
                    self.run: Callable = make_fx(step, _allow_non_fake_inputs=True)(self.tensors, list(remaining), data)
                if remaining:
                    raise NotCapturedError("It does not draw the same noise in every step.")
                _require_fixed_shapes(self.run.graph)
                now = PythonState(model)
                changed = python.changes(now)
                if changed:
                    start.restore(changed, since=now)
                    raise NotCapturedError(f"It changes the attribute {sorted(changed.values())[0]} in Python.")
            except RuntimeError as error:
                if "value out of a tracing tensor" not in str(error):
                    raise
                raise NotCapturedError("It depends on the value of a tensor.") from error
            finally:
                model.zero_grad()
                with torch.no_grad():
                    for tensor, value in zip(self.tensors, before, strict=True):
                        tensor.copy_(value)
        self.uncompiled: Callable = self.run
        self.run_in_silence: Callable | None = None
        if not model.jit_compile:
            record = rewrite(self.run)
            self.run, self.run_in_silence = as_function(record), as_function(without_results(record))
        else:
            on_cuda = self.tensors[0].device.type == "cuda"
            self.run = torch.compile(self.run, mode="reduce-overhead" if on_cuda else None, dynamic=False)

    def __call__(self, data: Any, logs: bool = True) -> Any:
        """Run the step, and return its logs.

        Args:
            data: a batch of the same form.
            logs: whether anybody looks at them.
        """
        import torch

        noise = [draw(*args, **kwargs) for draw, args, kwargs in self.draws]
        if self.run_in_silence is not None:
            # The record holds the gradients' operations, so nothing is differentiated; yet under `no_grad` torch's LSTM
            # would not keep what its gradient needs.
            with torch._C._AutoDispatchBelowAutograd():
                inputs = [*self.tensors, *noise, *torch.utils._pytree.tree_leaves(data)]
                return (self.run if logs else self.run_in_silence)(inputs)
        with torch.no_grad():
            try:
                return self.run(self.tensors, noise, data)
            except torch._dynamo.exc.TorchDynamoException as error:
                if self.run is self.uncompiled:
                    raise
                warnings.warn(
                    f"The training step runs uncompiled, since torch cannot compile it: {error}", stacklevel=2
                )
                self.run = self.uncompiled
                return self.run(self.tensors, noise, data)
