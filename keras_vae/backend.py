"""The one place that knows which backend runs.

Everything else in the package is written in `keras.ops` and `keras.random`. Some facts cannot be
expressed there, so they live here, each with the reason for it:

* importing Keras without any backend installed fails with an error that does not say how to fix it;
* under `tf.distribute` Keras leaves it to a `compute_loss` override (and to `add_loss`) to divide by
  the number of replicas, and a `SeedGenerator` gives every replica the same noise;
* TensorFlow's XLA cannot compile gamma draws, so models that make them must not be compiled with it;
* TensorFlow counts the traces of all compiled functions of `predict` together, and warns of retracing
  although every inference method of a model is traced at most twice;
* a generator's variable cannot be advanced inside a loop that JAX compiles;
* `keras.ops.scan` on TensorFlow does not say how many steps its loop has, without which XLA cannot compile the
  loop's gradient, and fails on several inputs of unknown length;
* losses that layers add are found again on JAX only where the scope of a step collects them, and each outermost
  call of a layer forgets those of the one before;
* whether a model is called by another one shows in Keras' call context, and on JAX in the scope of the step;
* Keras and tf.data write their own text around the message of an error;
* masks that Keras attaches to tensors can only be removed with a function that it does not export;
* JAX's training step gets all state and returns it, where the other backends change variables, so an update is left
  out in another way;
* on JAX, `fit` keeps the weights outside the model between steps, so anything that reads them from a
  callback has to ask for them first;
* on JAX, `keras.distribution` divides every batch evenly among devices, and JAX's error for a batch of another
  size names neither the data nor the number of rows that would do;
* exported files: torch records the steps of a loop instead of the loop, and fixes the size of the batch unless it
  is told not to; only TensorFlow and JAX can take the seed of random numbers as an input; tf2onnx writes files with
  operations that do not exist.
"""

import contextlib
import logging
import math
import re
from collections.abc import Iterator
from typing import Any

try:
    import keras
except ImportError as error:  # pragma: no cover - run in a subprocess without a backend
    raise ImportError(
        "keras_vae needs Keras 3 and one of its backends, and importing Keras failed: "
        f"{error}. Install a backend with one of `pip install keras-vae[tensorflow]`, "
        "`pip install keras-vae[jax]` or `pip install keras-vae[torch]`, and name it in the "
        "environment variable KERAS_BACKEND (tensorflow is the default)."
    ) from error

__all__ = [
    "SeedGenerator",
    "StepSeed",
    "called_by_another",
    "check_exported",
    "data_shards",
    "divisible_batches",
    "export_options",
    "exports_loops",
    "exports_seeds",
    "fit_takes_weights",
    "forward_pass",
    "kept_state",
    "num_replicas",
    "plain_error",
    "quiet_retracing",
    "scan_steps",
    "strategy_scope",
    "sync_state",
    "train_step_if_valid",
    "without_mask",
]


def _replica_context() -> Any:
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return None
    return context


def _in_strategy() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return tf.distribute.has_strategy()


def num_replicas() -> int:
    """Number of `tf.distribute` replicas that a step's loss is summed over; 1 elsewhere."""
    context = _replica_context()
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


def gamma_draws_compile() -> bool:
    """Whether `keras.random.beta` can be compiled: TensorFlow's XLA has no kernel for its gamma draws."""
    return keras.backend.backend() != "tensorflow"


def exports_loops() -> bool:
    """Whether exported files can hold loops: on torch they hold the steps that one example took."""
    return keras.backend.backend() != "torch"


def exports_seeds(file_format: str) -> bool:
    """Whether exported files can draw random numbers from a seed that is their input."""
    return file_format == "tf_saved_model" and keras.backend.backend() in ("tensorflow", "jax")


@contextlib.contextmanager
def quiet_retracing() -> Iterator[None]:
    """Keep TensorFlow from warning that the functions of different inference methods are traced."""
    logger = logging.getLogger("tensorflow")

    def is_other(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


@contextlib.contextmanager
def forward_pass(model: Any, training: bool) -> Iterator[None]:
    """Run a model's components outside of its `call`, so that what their layers add with `add_loss` is kept.

    Without it every component would be an outermost layer, whose call forgets the losses of the one before, and
    JAX would collect none.
    """
    context = model._get_call_context()
    outer = getattr(context, "training", None)
    context.training = training
    scope = keras.src.backend.get_stateless_scope() if keras.src.backend.in_stateless_scope() else None
    collected = None if scope is None else scope.collect_losses
    if scope is not None:
        scope.collect_losses = True
        # What `call` added before: the regularizers alone, which are computed again.
        model._losses_override.clear()
    try:
        yield
    finally:
        if scope is not None:
            scope.collect_losses = collected
        context.training = outer
        model._maybe_reset_call_context()


def called_by_another(model: Any) -> bool:
    """Whether a model's `call` runs inside another layer or model, which trains with the losses that it adds."""
    if keras.src.backend.in_stateless_scope():
        return bool(keras.src.backend.get_stateless_scope().collect_losses)
    context = keras.src.backend.common.global_state.get_global_attribute("current_call_ctx")
    return context is not None and context.entry_layer is not model


def plain_error(error: Exception) -> Exception:
    """The error that was raised inside a layer, without the text that Keras adds to its message.

    The text has the layer's arguments and terminal control codes. The original is kept as the error's context. The
    same for tf.data, whose message about a batch of another shape holds a traceback.
    """
    while getattr(error, "_keras_call_info_injected", False) and isinstance(error.__context__, Exception):
        error = error.__context__
    yielded = re.search(r"TypeError: `generator` (yielded an element .* was expected\.)", str(error))
    if yielded:
        return ValueError(f"Argument `x`: every batch must be like the first. Received: the dataset {yielded[1]}")
    return error


def fit_takes_weights() -> bool:
    """Whether a running `fit` holds the weights outside of the model, where another thread cannot find them."""
    return keras.backend.backend() == "jax"


def without_mask(outputs: Any) -> Any:
    """Tensors without the masks that Keras attached to them, which would follow them into other components."""
    for tensor in keras.tree.flatten(outputs):
        keras.src.backend.set_keras_mask(tensor, None)
    return outputs


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


def scan_steps(function: Any, first: Any, inputs: Any) -> Any:
    """`(time, ...)`: `y_t = function(y_(t-1), inputs_t)` from `y_0 = first`, in one compiled loop.

    Args:
        function: of the result before and a slice of the inputs; gives a tensor like `first`.
        first: tensor.
        inputs: tuple of tensors `(time, ...)`.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.scan(function, inputs, initializer=first)
    return keras.ops.scan(lambda before, here: (function(before, here),) * 2, first, inputs)[1]


class SeedGenerator(keras.random.SeedGenerator):
    """`keras.random.SeedGenerator` that gives every `tf.distribute` replica its own noise.

    Without it the replicas of a `MirroredStrategy` draw identical noise, and averaging over them
    reduces no variance. On one device, and on every other backend, it draws what Keras' own does.
    """

    def next(self, ordered: bool = True) -> Any:
        seed = super().next(ordered=ordered)
        context = _replica_context()
        if context is None:
            return seed
        replica = keras.ops.cast(context.replica_id_in_sync_group, seed.dtype)
        # A large odd step keeps the replicas' streams apart from the counter in the second word.
        return seed + keras.ops.stack([replica * 1000003, keras.ops.zeros_like(replica)])


class StepSeed(keras.random.SeedGenerator):
    """Noise for one step of a compiled loop: a seed without a variable.

    JAX cannot advance a generator's variable inside a loop that it compiles. Here a key is drawn once, in
    front of the loop, and every step derives its seeds from the key and its own number.

    Args:
        key: what `StepSeed.key` gave.
        step: number of the step, an int or a tensor.
    """

    def __init__(self, key: Any, step: Any) -> None:
        # Not super().__init__: it would create the variable.
        self.shared = key
        self.step = step
        self.draws = 0

    @staticmethod
    def key(seed: Any) -> Any:
        """What a loop's steps share: a tensor, drawn from an int, a `SeedGenerator` or None."""
        words = keras.random.randint((2,), 0, 2**30, dtype="int32", seed=seed)
        return keras.ops.cast(words, "uint32") if keras.backend.backend() == "jax" else words

    @staticmethod
    def key_of(numbers: Any) -> Any:
        """The key of integers `(n,)`: another one if any of them, or their order, changes."""
        numbers = keras.ops.cast(numbers, "int32")
        position = keras.ops.cumsum(keras.ops.ones_like(numbers))
        # int32 overflows, which spreads the bits; the squares keep sums from cancelling.
        mixed = numbers * 1540483477 + position * 668265263
        words = [keras.ops.sum(mixed * (mixed + odd)) for odd in (374761393, 1274126177)]
        key = keras.ops.mod(keras.ops.stack(words), 2**30)
        return keras.ops.cast(key, "uint32") if keras.backend.backend() == "jax" else key

    def next(self, ordered: bool = True) -> Any:
        self.draws += 1
        # Primes keep apart steps, draws within a step, and the keys of calls that follow one another.
        shift = keras.ops.cast(self.step, self.shared.dtype) * 9973 + self.draws * 7368787
        return self.shared + keras.ops.stack([shift, keras.ops.zeros_like(shift)])


def export_options(file_format: str, input_signature: Any) -> dict[str, Any]:
    """Options of `keras.Model.export` for a batch of any size; for torch's own format Keras would fix it.

    Args:
        file_format: `format` of `keras.Model.export`.
        input_signature: list of one structure of `keras.InputSpec`.
    """
    if file_format != "torch" or keras.backend.backend() != "torch":
        return {}
    import torch

    def sizes(spec: Any) -> Any:
        return {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(spec.shape) if size is None}

    # In Keras' form for the `*args` of a model's `forward`.
    return {"dynamic_shapes": [tuple(keras.tree.map_structure(sizes, spec) for spec in input_signature)]}


def check_exported(filepath: str, file_format: str) -> None:
    """Check a file that Keras wrote, where Keras does not.

    Args:
        filepath: the file.
        file_format: `format` of `keras.Model.export`.

    Raises:
        onnx.checker.ValidationError: on TensorFlow, tf2onnx keeps operations that ONNX does not have.
    """
    if file_format == "onnx" and keras.backend.backend() == "tensorflow":
        import onnx

        onnx.checker.check_model(filepath)


class _UpdatesIfValid:
    """An optimizer that leaves out its updates where `total` is not finite; everything else is that of the optimizer.

    As in Keras' `LossScaleOptimizer`, with a condition on the device and no constraint on the kind of optimizer.
    """

    def __init__(self, optimizer: Any, total: Any) -> None:
        self.optimizer = optimizer
        self.total = total

    def __getattr__(self, name: str) -> Any:
        return getattr(self.optimizer, name)

    def apply(self, gradients: Any, variables: Any = None) -> None:
        if not self.optimizer.built:
            self.optimizer.build(variables)  # variables cannot be created inside of a condition

        def update() -> None:
            self.optimizer.apply(gradients, variables)

        if keras.backend.backend() == "torch":
            # What `cond` does there too, without the time that it takes in every step.
            if math.isfinite(float(self.total.value)):
                update()
        else:
            keras.ops.cond(keras.ops.isfinite(self.total), update, lambda: None)

    def apply_gradients(self, pairs: Any) -> None:
        gradients, variables = zip(*pairs, strict=True)
        self.apply(gradients, variables)


def train_step_if_valid(model: Any, step: Any, statistics: Any, *args: Any, **kwargs: Any) -> Any:
    """Keras' training step, which changes no weight from the first loss of an epoch on that is NaN or infinite.

    The sum of the epoch's losses, which Keras logs, is not finite from that batch on, so no other state is needed.
    Under `tf.distribute` the step is Keras' own: replicas exchange gradients inside of the update, which a condition on
    one of them would block.

    Args:
        model: the model, compiled.
        step: Keras' `train_step`.
        statistics: variables that layers change in the forward pass, such as the moving averages of a batch
            normalisation.
        *args: arguments of the step.
        **kwargs: likewise.

    Returns:
        The result of the step.
    """
    if model.optimizer is None or _in_strategy():
        return step(*args, **kwargs)
    total = model._loss_tracker.total
    if keras.backend.backend() == "jax":
        logs, after = step(*args, **kwargs)
        state = args[0] if args else kwargs["state"]
        index = next(index for index, variable in enumerate(model.metrics_variables) if variable is total)
        valid = keras.ops.isfinite(after[-1][index])
        kept = keras.tree.map_structure(
            lambda new, old: keras.ops.where(valid, new, old), list(after[:-1]), list(state[:-1])
        )
        return logs, (*kept, after[-1])
    before = [keras.ops.copy(variable) for variable in statistics]
    optimizer = model.optimizer
    # Not setattr, which would search the object for variables to track, in every step.
    model.__dict__["optimizer"] = _UpdatesIfValid(optimizer, total)
    try:
        logs = step(*args, **kwargs)
    finally:
        model.__dict__["optimizer"] = optimizer
    for variable, old in zip(statistics, before, strict=True):
        variable.assign(keras.ops.where(keras.ops.isfinite(total), variable, old))
    return logs
