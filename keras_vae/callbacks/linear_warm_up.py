"""A straight rise."""

from keras import ops, optimizers, saving

from keras_vae.arguments import finite_number, positive_int
from keras_vae.hints import Config, Tensor

__all__ = ["LinearWarmUp"]


@saving.register_keras_serializable("keras_vae.callbacks")
class LinearWarmUp(optimizers.schedules.LearningRateSchedule):
    """Rises from `start` to `end` in `steps` steps, and stays there.

    Args:
        steps: number of steps of the rise.
        start: first value, a finite number.
        end: last value, a finite number.

    Raises:
        ValueError: `steps` is not a positive int, or another argument is not a number.

    Example:

    >>> import keras_vae as kv
    >>> schedule = kv.callbacks.LinearWarmUp(100)
    >>> [round(float(schedule(step)), 2) for step in (0, 50, 100, 200)]
    [0.0, 0.5, 1.0, 1.0]
    """

    def __init__(self, steps: int, start: float = 0.0, end: float = 1.0) -> None:
        self.steps = positive_int(steps, "steps")
        self.start = finite_number(start, "start")
        self.end = finite_number(end, "end")

    def __call__(self, step: Tensor) -> Tensor:
        share = ops.clip(ops.cast(step, "float32") / self.steps, 0.0, 1.0)
        return self.start + (self.end - self.start) * share

    def get_config(self) -> Config:
        return {"steps": self.steps, "start": self.start, "end": self.end}
