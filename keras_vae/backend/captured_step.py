"""torch: a training step that is recorded once and replayed, without the Python that led to its operations.

JAX and TensorFlow trace a step and run the trace. torch runs Keras' Python again in every step, thousands of calls
for a few hundred operations. Here `torch.fx` records the operations of Keras' own `train_step`, gradients and optimizer
included. Its one difficulty are seeds: Keras reads them from a variable into a Python number in every draw, which no
record can hold. So the noise of a step is drawn before it, by Keras, and is an input of the record.
"""

import warnings
from collections.abc import Callable
from typing import Any

import keras

from keras_vae.backend.record_function import as_function
from keras_vae.backend.record_rewrites import rewrite, without_results
from keras_vae.backend.recording import NotCapturedError, as_recorded, draws_by, host_draws, kept_draws
from keras_vae.backend.step_state import PythonState, all_state

__all__ = ["CapturedStep"]


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
        start, drawn_on_host = PythonState(model), host_draws()
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

        with kept_draws():
            try:
                with draws_by(record):
                    model.train_step(data)
                if drawn_on_host != host_draws():
                    raise NotCapturedError("It draws random numbers with numpy.")
                for _, args, kwargs in self.draws:
                    seed = kwargs.get("seed")
                    own_state = seed is None or isinstance(seed, int) or hasattr(seed, "state")
                    leaves = keras.tree.flatten((args, kwargs))
                    if not own_state or any(isinstance(leaf, torch.Tensor | keras.Variable) for leaf in leaves):
                        raise NotCapturedError("Its noise depends on the value of a tensor.")
                model.zero_grad()
                python = PythonState(model)
                with draws_by(recorded), as_recorded(model.jit_compile), torch.enable_grad():
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
