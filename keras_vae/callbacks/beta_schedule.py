"""Annealing of the KL's weight."""

from typing import Any

import keras

from keras_vae.callbacks.variable_schedule import VariableSchedule
from keras_vae.objectives.combined import parts_of

__all__ = ["BetaSchedule"]


class BetaSchedule(VariableSchedule):
    """Sets the weight of the KL by a schedule: warm-up against posterior collapse (Bowman et al., 2016).

    A step is a batch, also where `gradient_accumulation_steps` batches make one update, as for Keras' schedules of the
    learning rate. The optimizer counts them and is saved with the model, so a resumed run continues the schedule. The
    current value is logged as `beta` at the end of every epoch.

    Args:
        schedule: any `keras.optimizers.schedules.LearningRateSchedule` from steps to weights, such as
            `LinearWarmUp(1000)`, `SigmoidWarmUp(1000)` or `Cyclical(500)`, or an int, short for a `LinearWarmUp` from 0
            to the objective's own beta, such as 4 of `ELBO(beta=4.0)`; to 1 with `variable`.
        variable: the variable to set; by default `beta` of the model's objective. For a functional model,
            pass `layer.weight` of its `KLDivergenceRegularizer`.
        name: name in the logs.

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
        self,
        schedule: int | keras.optimizers.schedules.LearningRateSchedule,
        variable: keras.Variable | None = None,
        name: str = "beta",
    ) -> None:
        super().__init__(schedule, variable, name)

    def variables(self) -> list[keras.Variable]:
        advice = "Pass variable=..., such as the `weight` of a layer, or use VariableSchedule for another number."
        found = factor_of(self.model, "beta", "BetaSchedule", advice)
        self.whole = initial_value(self.model, "beta", 1.0)
        return [found]


def initial_value(model: Any, name: str, default: float) -> float:
    """What the constructor of a model's objective was given for a variable."""
    given = (getattr(part, f"initial_{name}", None) for part in parts_of(model.objective))
    return next((float(value) for value in given if value is not None), default)


def factor_of(model: Any, name: str, schedule: str, advice: str) -> Any:
    """A variable of a model's objective, or of the objective that it is made from.

    Raises:
        ValueError: there is none.
    """
    for part in parts_of(getattr(model, "objective", None)):
        if isinstance(getattr(part, name, None), keras.Variable):
            return getattr(part, name)
    raise ValueError(f"{schedule} found no objective with a `{name}` in {type(model).__name__}. {advice}")
