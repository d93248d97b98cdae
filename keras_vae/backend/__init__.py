"""The one place that knows which backend runs.

Everything else in the package is written in `keras.ops` and `keras.random`. Some facts cannot be
expressed there, so they live here, each with the reason for it:

* importing Keras without any backend installed fails with an error that does not say how to fix it;
* under `tf.distribute` Keras leaves it to a `compute_loss` override (and to `add_loss`) to divide by
  the number of replicas, and a `SeedGenerator` gives every replica the same noise;
* TensorFlow counts the traces of all compiled functions of `predict` together, and warns of retracing
  although every inference method of a model is traced at most twice;
* JAX compiles every draw and every constant for its shape, which is most of the time that building a model takes;
* JAX compiles a function anew for every number of rows;
* a generator's variable cannot be advanced inside a loop that JAX compiles;
* `keras.ops.scan` on TensorFlow does not say how many steps its loop has, without which XLA cannot compile the
  loop's gradient, and fails on several inputs of unknown length;
* JAX compiles every operation that runs eagerly, and a loop at every call;
* `keras.ops` has no gradients, which Hamiltonian posteriors and gradient penalties need inside of a loss;
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
* XLA on CPUs computes gradients of convolutions, and all of them over three axes, many times slower than it could;
* torch computes with numbers below float32's normal range, slowly, which the others take as zero;
* a record of torch's operations cannot hold a choice by the value of a tensor, unless the choice is an operation;
* on torch Keras runs recurrent layers as a loop in Python, and torch has an operation for them;
* Keras has no distribution on torch; several processes of JAX refuse a variable whose values differ between them, and
  wait for each other wherever one is made, also while Keras saves a model;
* exported files: torch records the steps of a loop instead of the loop, and fixes the size of the batch unless it
  is told not to; only TensorFlow and JAX can take the seed of random numbers as an input; tf2onnx writes files with
  operations that do not exist.
"""

try:
    import keras  # noqa: F401
except ImportError as error:  # pragma: no cover - run in a subprocess without a backend
    raise ImportError(
        "keras_vae needs Keras 3 and one of its backends, and importing Keras failed: "
        f"{error}. Install a backend with one of `pip install keras-vae[tensorflow]`, "
        "`pip install keras-vae[jax]` or `pip install keras-vae[torch]`, and name it in the "
        "environment variable KERAS_BACKEND (tensorflow is the default)."
    ) from error

from keras_vae.backend.branches import value_or
from keras_vae.backend.calls import (
    called_by_another,
    compiles_each_size,
    forward_pass,
    plain_error,
    quiet_retracing,
    without_mask,
)
from keras_vae.backend.convolutions import conv, conv_of_upsampled, conv_transpose
from keras_vae.backend.denormals import flushed_denormals
from keras_vae.backend.devices import data_shards, divisible_batches, in_strategy, num_replicas, strategy_scope
from keras_vae.backend.exporting import check_exported, export_options, exports_loops, exports_seeds
from keras_vae.backend.gradients import gradient
from keras_vae.backend.initial_values import initial_values_on_host
from keras_vae.backend.loops import one_operation, scan_steps
from keras_vae.backend.many_steps import (
    loop_of_steps,
    loops_on_device,
    quiet_end_of_data,
    repeat_steps,
    seconds_per_step,
)
from keras_vae.backend.noise import SeedGenerator, StepSeed
from keras_vae.backend.processes import (
    by_one_process,
    copy_from_first,
    is_first_process,
    mean_over_processes,
    process_group,
    rows_of_first,
    shares_arrays,
    shift_seed,
    sum_over_processes,
)
from keras_vae.backend.recurrence import recurrence
from keras_vae.backend.resident import ResidentRows, free_memory, num_bytes, split_rows
from keras_vae.backend.state import fit_takes_weights, kept_order_of_rows, kept_state, sync_state
from keras_vae.backend.valid_steps import train_step_if_valid

__all__ = [
    "ResidentRows",
    "SeedGenerator",
    "StepSeed",
    "by_one_process",
    "called_by_another",
    "check_exported",
    "compiles_each_size",
    "conv",
    "conv_of_upsampled",
    "conv_transpose",
    "copy_from_first",
    "data_shards",
    "divisible_batches",
    "export_options",
    "exports_loops",
    "exports_seeds",
    "fit_takes_weights",
    "flushed_denormals",
    "forward_pass",
    "free_memory",
    "gradient",
    "in_strategy",
    "initial_values_on_host",
    "is_first_process",
    "kept_order_of_rows",
    "kept_state",
    "loop_of_steps",
    "loops_on_device",
    "mean_over_processes",
    "num_bytes",
    "num_replicas",
    "one_operation",
    "plain_error",
    "process_group",
    "quiet_end_of_data",
    "quiet_retracing",
    "recurrence",
    "repeat_steps",
    "rows_of_first",
    "scan_steps",
    "seconds_per_step",
    "shares_arrays",
    "shift_seed",
    "split_rows",
    "strategy_scope",
    "sum_over_processes",
    "sync_state",
    "train_step_if_valid",
    "value_or",
    "without_mask",
]
