"""Training steps that change no weight where the loss is not finite."""

import math
from typing import Any

import keras

from keras_vae.backend.devices import in_strategy

__all__ = ["train_step_if_valid"]


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
    if model.optimizer is None or in_strategy():
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
