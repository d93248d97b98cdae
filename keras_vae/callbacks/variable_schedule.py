"""A variable that follows a schedule during training."""

import numbers
import warnings
from typing import Any

import keras

from keras_vae.backend import sync_state
from keras_vae.callbacks.cyclical import Cyclical
from keras_vae.callbacks.linear_warm_up import LinearWarmUp

__all__ = ["VariableSchedule"]


class VariableSchedule(keras.callbacks.Callback):
    """Sets variables by a schedule before each step, and logs their value under a name (Bowman et al., 2016, anneal).

    A step is a batch, also where `gradient_accumulation_steps` batches make one update, as for Keras' schedules of the
    learning rate. The optimizer counts them and is saved with the model, so a resumed run continues the schedule. The
    value is in the logs of every epoch; callbacks that write logs, such as `keras.callbacks.TensorBoard`, must come
    behind this one in the list of callbacks to see it.

    A subclass says in `variables()` what is set; `keras_vae.callbacks.BetaSchedule`, `CapacitySchedule` and
    `TemperatureSchedule` do.

    Args:
        schedule: any `keras.optimizers.schedules.LearningRateSchedule` from steps to values, such as
            `LinearWarmUp(1000)`, or an int, short for a rise from 0 to `whole` in so many steps.
        variable: the variable to set, or None for what `variables()` finds.
        name: name in the logs.

    Raises:
        ValueError: invalid arguments; in training, if there is no variable to set.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective="free_bits")
    >>> vae.compile("adam")
    >>> rise = kv.callbacks.LinearWarmUp(4, start=1.0, end=0.0)
    >>> schedule = kv.callbacks.VariableSchedule(rise, vae.objective.nats, name="nats")
    >>> vae.fit(np.zeros((64, 4)), epochs=2, callbacks=[schedule], verbose=0).history["nats"]
    [0.75, 0.25]
    """

    whole = 1.0
    """Where the schedule that an int stands for ends."""

    def __init__(
        self,
        schedule: int | keras.optimizers.schedules.LearningRateSchedule,
        variable: keras.Variable | None = None,
        name: str = "value",
    ) -> None:
        super().__init__()
        is_steps = isinstance(schedule, numbers.Integral) and not isinstance(schedule, bool)
        if not is_steps and not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            raise ValueError(
                "Argument `schedule` must be a keras.optimizers.schedules.LearningRateSchedule or a number of steps. "
                f"Received: schedule={schedule!r}"
            )
        self.schedule: Any = LinearWarmUp(int(schedule)) if is_steps else schedule
        self.is_steps = is_steps
        self.variable = variable
        self.name = name
        self.targets: list[Any] = []
        self.value: float | None = None
        self.first_step = self.last_step = 0
        self.warned = False

    def variables(self) -> list[keras.Variable]:
        """The variables of `self.model` that are set, if none was passed.

        Raises:
            ValueError: there is none.
        """
        raise ValueError("Argument `variable` of VariableSchedule must be a keras.Variable. Received: None")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        # looked up for every model: one callback may serve several
        self.targets = self.variables() if self.variable is None else [self.variable]
        if self.is_steps:
            self.schedule = LinearWarmUp(self.schedule.steps, end=self.whole)
        self.value = None
        self.last_step = steps_of(self.model.optimizer)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        sync_state(self.model)
        self.first_step = steps_of(self.model.optimizer)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        step = self.first_step + batch
        self._warn_of_short_cycles(step - self.last_step)
        self.last_step = step
        value = float(self.schedule(step))
        if value != self.value:
            # JAX holds the variables outside of the model between steps: fetch them, or the next step overwrites this.
            sync_state(self.model)
            for target in self.targets:
                target.assign(value)
            self.value = value

    def _warn_of_short_cycles(self, steps: int) -> None:
        """With several steps in an execution, most of a short cycle is never seen."""
        if steps > 1 and isinstance(self.schedule, Cyclical) and 2 * steps > self.schedule.period and not self.warned:
            self.warned = True
            warnings.warn(
                f"The schedule has cycles of {self.schedule.period} steps, and {steps} steps run in one execution, so "
                f"{self.name} changes only every {steps} steps. Use a longer period, or compile with "
                "steps_per_execution=1.",
                stacklevel=2,
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs[self.name] = self.value


def steps_of(optimizer: Any) -> int:
    """Number of batches that an optimizer has seen; its `iterations` are updates if it accumulates gradients."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    return int(keras.ops.convert_to_numpy(optimizer._iterations))
