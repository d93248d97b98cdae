"""Annealing of the KL's weight."""

import numbers
from typing import Any

import keras

from keras_vae.arguments import positive_int
from keras_vae.backend import sync_state
from keras_vae.hints import Config, Tensor

__all__ = ["BetaSchedule", "LinearWarmUp"]


@keras.saving.register_keras_serializable("keras_vae.callbacks")
class LinearWarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Rises from `start` to `end` in `steps` steps, and stays there.

    Args:
        steps: number of steps of the rise.
        start: first value.
        end: last value.

    Raises:
        ValueError: `steps` is not a positive int.

    Example:

    >>> import keras_vae as kv
    >>> schedule = kv.callbacks.LinearWarmUp(100)
    >>> [round(float(schedule(step)), 2) for step in (0, 50, 100, 200)]
    [0.0, 0.5, 1.0, 1.0]
    """

    def __init__(self, steps: int, start: float = 0.0, end: float = 1.0) -> None:
        self.steps = positive_int(steps, "steps")
        self.start = start
        self.end = end

    def __call__(self, step: Tensor) -> Tensor:
        share = keras.ops.clip(keras.ops.cast(step, "float32") / self.steps, 0.0, 1.0)
        return self.start + (self.end - self.start) * share

    def get_config(self) -> Config:
        return {"steps": self.steps, "start": self.start, "end": self.end}


class BetaSchedule(keras.callbacks.Callback):
    """Sets the weight of the KL by a schedule: warm-up against posterior collapse (Bowman et al., 2016).

    A step is a batch, also where `gradient_accumulation_steps` batches make one update, as for Keras' schedules of the
    learning rate. The optimizer counts them and is saved with the model, so a resumed run continues the schedule. The
    current value is logged as `beta` at the end of every epoch.

    Args:
        schedule: any `keras.optimizers.schedules.LearningRateSchedule` from steps to weights, such as
            `LinearWarmUp(1000)`, or an int, short for that warm-up from 0 to 1.
        variable: the variable to set; by default the model's `objective.beta`. For a functional model,
            pass `layer.weight` of its `KLDivergenceRegularizer`.

    Raises:
        ValueError: in training, if there is no variable to set.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.compile("adam")
    >>> history = vae.fit(
    ...     np.random.default_rng(0).random((64, 4)), epochs=2, callbacks=[kv.callbacks.BetaSchedule(4)], verbose=0
    ... )
    >>> [round(beta, 2) for beta in history.history["beta"]]
    [0.25, 0.75]
    """

    def __init__(
        self, schedule: int | keras.optimizers.schedules.LearningRateSchedule, variable: keras.Variable | None = None
    ) -> None:
        super().__init__()
        if isinstance(schedule, numbers.Integral):
            schedule = LinearWarmUp(int(schedule))
        if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            raise ValueError(
                "Argument `schedule` must be a keras.optimizers.schedules.LearningRateSchedule or a number of steps. "
                f"Received: schedule={schedule!r}"
            )
        self.schedule = schedule
        self.variable = variable
        self.target: keras.Variable = None
        self.value: float | None = None
        self.first_step = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        # looked up for every model: one callback may serve several
        self.target = self.variable
        if self.target is None:
            self.target = getattr(getattr(self.model, "objective", None), "beta", None)
        if self.target is None:
            raise ValueError(
                f"BetaSchedule found no objective with a `beta` in {type(self.model).__name__}. Pass variable=..., "
                "such as the `weight` of a KLDivergenceRegularizer."
            )
        self.value = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        sync_state(self.model)
        self.first_step = steps_of(self.model.optimizer)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        value = float(self.schedule(self.first_step + batch))
        if value != self.value:
            # JAX holds the variables outside of the model between steps: fetch them, or the next step overwrites this.
            sync_state(self.model)
            self.target.assign(value)
            self.value = value

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["beta"] = self.value


def steps_of(optimizer: Any) -> int:
    """Number of batches that an optimizer has seen; its `iterations` are updates if it accumulates gradients."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    return int(keras.ops.convert_to_numpy(optimizer._iterations))
