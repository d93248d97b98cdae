"""Several training steps in one call, with the data on the device.

Each is Keras' own `train_step`: what Keras repeats in Python is repeated here in a loop that is compiled.
"""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras

from keras_vae.backend.devices import in_strategy
from keras_vae.backend.recorded_steps import RecordedSteps
from keras_vae.backend.step_state import all_state

CONVOLUTION = "conv_general_dilated"
"""XLA on a CPU computes convolutions in a loop on one core and by a slow path: their steps are calls of their own."""

__all__ = ["loop_of_steps", "loops_on_device", "quiet_end_of_data", "repeat_steps", "seconds_per_step"]


def loops_on_device(model: Any) -> bool:
    """Whether `loop_of_steps` can run the training steps of a model: on one device, compiled where Keras compiles."""
    backend = keras.backend.backend()
    if model.run_eagerly or keras.distribution.distribution() is not None:
        return False
    if backend == "jax":
        return model.jit_compile and not keras.src.backend.config.is_nnx_enabled()
    if backend == "tensorflow":
        # The loop gives the logs once, after its last step, so they must be those of the metrics.
        own = type(model).compute_metrics.__module__.partition(".")[0] == "keras_vae"
        return own and not in_strategy() and model.distribute_strategy.num_replicas_in_sync == 1
    return not _in_torch_processes()


def _in_torch_processes() -> bool:
    """Whether processes exchange gradients in a step, by what a callback puts there after the step was recorded."""
    import torch

    return torch.distributed.is_available() and torch.distributed.is_initialized()


def seconds_per_step(model: Any, rows: Any, slow: float) -> float:
    """How long a training step takes; afterwards the model is as it was before.

    Args:
        model: the model, compiled, with the `train_function` of `loop_of_steps`.
        rows: the `ResidentRows` of the running `fit`, with at least one whole batch.
        slow: seconds of a step that is not measured more than once.
    """
    variables = all_state(model)
    before = [keras.ops.copy(variable) for variable in variables]
    if keras.backend.backend() == "torch":
        model.train()  # as in the steps of the epochs: modules of torch read it
    took = []
    for steps in (1, 1, min(8, rows.num_whole)):  # the first time compiles
        start = time.perf_counter()
        item = rows.first(steps)
        if keras.backend.backend() == "jax":
            # A copy, since the function takes the memory of its state.
            state = keras.tree.map_structure(keras.ops.copy, model._get_jax_state(True, True, True, True))
            logs = model.train_function(state, iter([item]))[0]
        else:
            logs = model.train_function(list(item[0]) if keras.backend.backend() == "torch" else iter([item]))
        keras.tree.map_structure(float, logs)  # waits for the device
        took.append((time.perf_counter() - start) / steps)
        if len(took) == 2 and took[-1] > slow:
            break
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return min(took)


@contextlib.contextmanager
def quiet_end_of_data(model: Any, unless: Any = None) -> Iterator[None]:
    """Keep Keras from warning, on torch, that the last execution of an epoch has fewer steps than the others.

    Args:
        model: the model, compiled.
        unless: number of steps that were asked for, of which data may have too few, or None.
    """
    if keras.backend.backend() != "torch" or model.steps_per_execution == 1 or unless:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Your input ran out of data", UserWarning)
        yield


@contextlib.contextmanager
def repeat_steps(model: Any, name: str) -> Iterator[None]:
    """On torch, let a function that Keras makes repeat its step, which Keras refuses, and record training steps.

    Args:
        model: the model, compiled.
        name: the attribute that holds the function: `"train_function"`, `"test_function"` or `"predict_function"`.
    """
    if keras.backend.backend() != "torch" or getattr(model, name) is not None:
        yield
        return
    asked = model.steps_per_execution, model.jit_compile
    recorded = name == "train_function" and not model.run_eagerly and not _in_torch_processes()
    # What Inductor compiles is the record.
    model.steps_per_execution, model.jit_compile = 1, asked[1] and not recorded
    try:
        yield
    finally:
        model.steps_per_execution, model.jit_compile = asked
    of_batches = getattr(model, name)
    if recorded:
        record = RecordedSteps(model, asked=asked != (1, False))

        def of_batches(batches: Any) -> Any:
            return record(batches[0])

    def function(data: Any) -> Any:
        results = [of_batches([batch]) for batch in data]
        if name != "predict_function":
            return results[-1]
        return keras.tree.map_structure(lambda *parts: keras.ops.concatenate(parts), *results)

    setattr(model, name, of_batches if asked[0] == 1 else function)


def loop_of_steps(model: Any, rows: Any) -> Callable:
    """Keras' `train_function` for data on the device.

    Args:
        model: the model, compiled.
        rows: function that gives the `ResidentRows` of the running `fit`.
    """
    return {"jax": _of_jax, "tensorflow": _of_tensorflow, "torch": _of_torch}[keras.backend.backend()](model, rows)


def _of_jax(model: Any, rows: Any) -> Callable:
    import jax

    def one(state: Any, arrays: Any, numbers: Any) -> Any:
        return model.train_step(
            state, keras.tree.map_structure(lambda array: array[numbers], arrays, none_is_leaf=False)
        )

    def loop(state: Any, arrays: Any, batches: Any, first: Any, count: Any) -> Any:
        def body(index: Any, carry: Any) -> Any:
            logs, after = one(carry[1], arrays, batches[first + index])
            # A loop keeps its types, and Python numbers in a step make weak ones.
            return logs, jax.tree.map(lambda new, old: jax.numpy.asarray(new, old.dtype), after, carry[1])

        logs = jax.eval_shape(one, state, arrays, batches[0])[0]
        logs = jax.tree.map(lambda log: jax.numpy.zeros(log.shape, log.dtype), logs)
        return jax.lax.fori_loop(0, count, body, (logs, state))

    def numbered(state: Any, arrays: Any, batches: Any, index: Any) -> Any:
        return one(state, arrays, batches[index])

    slow_loop: bool | None = False if jax.default_backend() != "cpu" else None
    compiled_loop, compiled_one, compiled_numbered = (
        jax.jit(function, donate_argnums=0) for function in (loop, one, numbered)
    )

    def train_function(state: Any, iterator: Any) -> Any:
        nonlocal slow_loop
        batches, first, count, rest = next(iterator)
        arrays = rows().arrays
        logs = None
        if len(batches) and slow_loop is None:
            slow_loop = CONVOLUTION in str(jax.make_jaxpr(one)(state, arrays, batches[0]))
        if len(batches) and slow_loop:
            for index in range(first, first + count):
                logs, state = compiled_numbered(state, arrays, batches, index)
        elif len(batches):
            logs, state = compiled_loop(state, arrays, batches, first, count)
        if len(rest):
            logs, state = compiled_one(state, arrays, rest)
        return logs, state

    return train_function


def _of_tensorflow(model: Any, rows: Any) -> Callable:
    import tensorflow as tf

    def one(arrays: Any, numbers: Any) -> Any:
        data = keras.tree.map_structure(lambda array: tf.gather(array, numbers), arrays, none_is_leaf=False)
        return model.train_step(data)

    def loop(arrays: Any, batches: Any, first: Any, count: Any) -> Any:
        def body(index: Any) -> Any:
            one(arrays, batches[first + index])
            return (index + 1,)

        tf.while_loop(lambda index: index < count, body, (0,), parallel_iterations=1)
        return model.get_metrics_result()

    convert = tf.autograph.experimental.do_not_convert
    compiled_loop: Any = tf.function(convert(loop), jit_compile=model.jit_compile, reduce_retracing=True)
    compiled_one: Any = tf.function(convert(one), jit_compile=model.jit_compile, reduce_retracing=True)
    in_xla = model.jit_compile and not tf.config.list_physical_devices("GPU")
    slow_loop: bool | None = None if in_xla else False

    def train_function(iterator: Any) -> Any:
        nonlocal slow_loop
        batches, first, count, rest = next(iterator)
        arrays = rows().arrays
        logs = None
        if len(batches) and slow_loop is None:
            operations = compiled_one.get_concrete_function(arrays, batches[0]).graph.get_operations()
            slow_loop = any(operation.type.startswith(("Conv", "DepthwiseConv")) for operation in operations)
        if len(batches) and slow_loop:
            for index in range(first, first + count):
                logs = compiled_one(arrays, batches[index])
        elif len(batches):
            logs = compiled_loop(arrays, batches, first, count)
        if len(rest):
            logs = compiled_one(arrays, rest)
        return logs

    return train_function


def _of_torch(model: Any, rows: Any) -> Callable:
    step = RecordedSteps(model, asked=True)

    def train_function(numbers: Any) -> Any:
        data_of = rows()
        logs = None
        numbers = [batch for batch in numbers if batch is not None]
        for batch in numbers:
            data = keras.tree.map_structure(lambda array, batch=batch: array[batch], data_of.arrays, none_is_leaf=False)
            often = len(batch) == data_of.batch_size
            logs = step(data, often, first=batch is numbers[0], last=batch is numbers[-1])
        return logs

    return train_function
