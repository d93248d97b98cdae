"""A capacity that rises."""

import keras

from keras_vae.callbacks.beta_schedule import factor_of, initial_value
from keras_vae.callbacks.variable_schedule import VariableSchedule

__all__ = ["CapacitySchedule"]


class CapacitySchedule(VariableSchedule):
    """Sets the capacity of `keras_vae.objectives.Capacity` by a schedule, in nats (Burgess et al., 2018).

    Steps and logs are those of `keras_vae.callbacks.VariableSchedule`; the value is logged as `capacity`.

    Args:
        schedule: any `keras.optimizers.schedules.LearningRateSchedule` from steps to nats, or an int, short for a
            `LinearWarmUp` from 0 to the objective's capacity.
        variable: the variable to set; by default `capacity` of the model's objective.
        name: name in the logs.

    Raises:
        ValueError: in training, if there is no variable to set.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=kv.objectives.Capacity(8.0))
    >>> vae.compile("adam")
    >>> schedule = kv.callbacks.CapacitySchedule(4)
    >>> vae.fit(np.zeros((64, 4)), epochs=2, callbacks=[schedule], verbose=0).history["capacity"]
    [2.0, 6.0]
    """

    def __init__(
        self,
        schedule: int | keras.optimizers.schedules.LearningRateSchedule,
        variable: keras.Variable | None = None,
        name: str = "capacity",
    ) -> None:
        super().__init__(schedule, variable, name)

    def variables(self) -> list[keras.Variable]:
        advice = "Use objective=keras_vae.objectives.Capacity()."
        found = factor_of(self.model, "capacity", "CapacitySchedule", advice)
        self.whole = initial_value(self.model, "capacity", 1.0)
        return [found]
