"""One training by several torch processes."""

from typing import Any

import keras
import numpy as np

from keras_vae.backend import (
    copy_from_first,
    mean_over_processes,
    process_group,
    shift_seed,
    sum_over_processes,
)

__all__ = ["TorchDataParallel"]


class TorchDataParallel(keras.callbacks.Callback):
    """Trains one model in several torch processes, each on rows of its own (Li et al., 2020).

    Keras has no `keras.distribution` on torch. With this callback `fit` starts in every process from the weights of
    process 0, averages the gradients of a step over the processes, and draws other noise in each. Metrics, and what
    `fit` and `evaluate` return, are those of all rows; the logs of a single batch, and the progress bar until the end
    of an epoch, are those of the process. It works with any Keras model on torch.

    Every process must make the same model, and call `fit` with the same arguments and equally many rows. Write files in
    one process alone. `StopOnInvalid` and `keras.callbacks.TerminateOnNaN` decide by the logs of a batch, so one
    process would stop and the others wait for it: use neither.

    Args:
        statistics: True to average at the end of an epoch, and before an evaluation, what layers such as batch
            normalisation gather; False to leave every process its own.

    Raises:
        RuntimeError: in `fit` and `evaluate`, another backend, or no process group.
        ValueError: in `fit`, processes with different numbers of batches, or a callback that stops one process alone.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x = np.random.default_rng(0).random((64, 6))
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, encoder="mlp", decoder="mlp")
    >>> vae.compile("adam")
    >>> if keras.backend.backend() == "torch":  # started by torchrun --nproc-per-node 4 train.py
    ...     import torch.distributed as distributed
    ...
    ...     store = distributed.HashStore()  # a group of one process; with torchrun leave out the three arguments
    ...     distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    ...     rows = x[distributed.get_rank() :: distributed.get_world_size()]
    ...     history = vae.fit(rows, verbose=0, callbacks=[kv.callbacks.TorchDataParallel()])
    ...     distributed.destroy_process_group()
    """

    def __init__(self, statistics: bool = True) -> None:
        super().__init__()
        self.statistics = bool(statistics)
        self.rank, self.size = 0, 1
        self.joined: list[tuple[Any, str]] = []
        self.training = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.rank, self.size = process_group()
        self._check()
        self._leave()
        model, optimizer = self.model, self.model.optimizer
        copy_from_first([*model.variables, *optimizer.variables])
        self._join()
        apply = optimizer.apply

        def apply_mean(gradients: Any, trainable_variables: Any = None) -> Any:
            return apply(mean_over_processes(list(gradients)), trainable_variables)

        self._replace(optimizer, "apply", apply_mean)
        self.training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._average_statistics()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Give the model back its own optimizer and metrics.

        Args:
            logs: not used.
        """
        self.training = False
        self._leave()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self.training:
            self._average_statistics()
            return
        self.rank, self.size = process_group()
        self._leave()
        self._join()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """As `on_train_end`, after an evaluation.

        Args:
            logs: not used.
        """
        if not self.training:
            self._leave()

    def _check(self) -> None:
        if getattr(self.model, "_keeps_valid_weights", False):
            raise ValueError(
                "StopOnInvalid decides by the loss of its own process, and the others would wait for its gradients. "
                "Expected TorchDataParallel without it. Received: both."
            )
        own = np.zeros(self.size, dtype="int32")
        own[self.rank] = self.params.get("steps") or 0
        counts = keras.ops.convert_to_numpy(sum_over_processes([keras.ops.convert_to_tensor(own)])[0]).tolist()
        if len(set(counts)) > 1:
            raise ValueError(
                "Every process must train on equally many batches, since each waits for the gradients of the others. "
                f"Expected {counts[0]} batches, as in process 0. Received: {counts} in the processes."
            )

    def _join(self) -> None:
        """Make noise differ between processes, and results of metrics those of all of them."""
        model = self.model
        for state in self._seeds():
            shift_seed(state, self.rank)
        own_result = model.get_metrics_result

        def result_of_all() -> Any:
            if getattr(model, "_in_step", False):
                return own_result()  # what a step returns is the process' own: no exchange that nobody asked for
            variables = model.metrics_variables
            own = [keras.ops.copy(variable.value) for variable in variables]
            for variable, total in zip(variables, sum_over_processes(own), strict=True):
                variable.assign(total)
            result = keras.tree.map_structure(keras.ops.copy, own_result())
            for variable, value in zip(variables, own, strict=True):
                variable.assign(value)
            return result

        self._replace(model, "get_metrics_result", result_of_all)

    def _leave(self) -> None:
        """Undo `_join`; also that of a call that an error ended."""
        if not self.joined:
            return
        while self.joined:
            owner, name = self.joined.pop()
            del owner.__dict__[name]
        for state in self._seeds():
            shift_seed(state, -self.rank)

    def _replace(self, owner: Any, name: str, function: Any) -> None:
        # Not setattr, which would search the function for variables to track.
        owner.__dict__[name] = function
        self.joined.append((owner, name))

    def _seeds(self) -> list[keras.Variable]:
        return [variable for variable in self.model.variables if variable.name == "seed_generator_state"]

    def _average_statistics(self) -> None:
        """Average the numbers that layers change in the forward pass; scalars such as beta are set by callbacks."""
        if not self.statistics:
            return
        found = [
            variable
            for variable in self.model.non_trainable_variables
            if keras.backend.is_float_dtype(variable.dtype) and variable.shape
        ]
        if found:
            for variable, mean in zip(found, mean_over_processes([each.value for each in found]), strict=True):
                variable.assign(mean)
