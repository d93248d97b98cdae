"""A temperature that falls."""

import keras

from keras_vae.callbacks.variable_schedule import VariableSchedule

__all__ = ["TemperatureSchedule"]


class TemperatureSchedule(VariableSchedule):
    """Sets the temperature of categorical latents by a schedule (Jang, Gu and Poole, 2017).

    Steps and logs are those of `keras_vae.callbacks.VariableSchedule`; the value is logged as `temperature`.

    Args:
        schedule: any `keras.optimizers.schedules.LearningRateSchedule` from steps to temperatures above 0, such as
            `keras.optimizers.schedules.PolynomialDecay(1.0, 1000, end_learning_rate=0.5)`.
        variable: the variable to set; by default the `temperature` of every posterior of the model that has one.
        name: name in the logs.

    Raises:
        ValueError: a number of steps in place of a schedule; in training, if there is no variable to set.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=3, prior="uniform_categorical", posterior="categorical")
    >>> vae.compile("adam")
    >>> schedule = kv.callbacks.TemperatureSchedule(kv.callbacks.LinearWarmUp(4, start=1.0, end=0.5))
    >>> vae.fit(np.zeros((64, 4)), epochs=2, callbacks=[schedule], verbose=0).history["temperature"]
    [0.875, 0.625]
    """

    def __init__(
        self,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        variable: keras.Variable | None = None,
        name: str = "temperature",
    ) -> None:
        super().__init__(schedule, variable, name)
        if self.is_steps:
            raise ValueError(
                "Argument `schedule` must be a keras.optimizers.schedules.LearningRateSchedule: a temperature starts "
                f"and ends above 0. Received: schedule={schedule!r}. Use LinearWarmUp({schedule!r}, 1.0, 0.5)."
            )

    def variables(self) -> list[keras.Variable]:
        latents = getattr(self.model, "latents", None)
        posteriors = [] if latents is None else [posterior for _, posterior in latents.pairs]
        found = [posterior.temperature for posterior in posteriors if hasattr(posterior, "temperature")]
        if not found:
            raise ValueError(
                f"TemperatureSchedule found no posterior with a `temperature` in {type(self.model).__name__}. Use "
                "posterior='categorical' with the prior 'uniform_categorical', or pass variable=..."
            )
        return found
