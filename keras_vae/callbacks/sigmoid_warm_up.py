"""A rise that begins and ends slowly."""

import math

from keras import ops, optimizers, saving

from keras_vae.arguments import finite_number, positive_int, positive_number
from keras_vae.hints import Config, Tensor

__all__ = ["SigmoidWarmUp"]


@saving.register_keras_serializable("keras_vae.callbacks")
class SigmoidWarmUp(optimizers.schedules.LearningRateSchedule):
    """Rises from `start` to `end` in `steps` steps along a logistic curve (Bowman et al., 2016), and stays there.

    The curve is steepest at half of the steps, and scaled so that it begins and ends exactly at the two values.

    Args:
        steps: number of steps of the rise.
        start: first value, a finite number.
        end: last value, a finite number.
        sharpness: the part of the logistic curve that is used, from minus to plus half of it: 12 begins and ends
            flat, and small numbers give a straight line.

    Raises:
        ValueError: `steps` is not a positive int, or another argument is not a number.

    Example:

    >>> import keras_vae as kv
    >>> schedule = kv.callbacks.SigmoidWarmUp(100)
    >>> [round(float(schedule(step)), 2) for step in (0, 25, 50, 75, 100, 200)]
    [0.0, 0.05, 0.5, 0.95, 1.0, 1.0]
    """

    def __init__(self, steps: int, start: float = 0.0, end: float = 1.0, sharpness: float = 12.0) -> None:
        self.steps = positive_int(steps, "steps")
        self.start = finite_number(start, "start")
        self.end = finite_number(end, "end")
        self.sharpness = positive_number(sharpness, "sharpness")

    def __call__(self, step: Tensor) -> Tensor:
        share = ops.clip(ops.cast(step, "float32") / self.steps, 0.0, 1.0)
        # a hyperbolic tangent is a logistic curve between -1 and 1
        half = 0.25 * self.sharpness
        risen = 0.5 + 0.5 * ops.tanh(half * (2.0 * share - 1.0)) / math.tanh(half)
        return self.start + (self.end - self.start) * risen

    def get_config(self) -> Config:
        return {"steps": self.steps, "start": self.start, "end": self.end, "sharpness": self.sharpness}
