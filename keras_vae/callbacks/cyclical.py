"""A rise that is repeated."""

from keras import ops, optimizers, saving

from keras_vae.arguments import finite_number, positive_int
from keras_vae.hints import Config, Tensor

__all__ = ["Cyclical"]


@saving.register_keras_serializable("keras_vae.callbacks")
class Cyclical(optimizers.schedules.LearningRateSchedule):
    """Rises from `start` to `end` again and again (Fu et al., 2019, equation 6).

    Every cycle of `period` steps rises during the first part and stays at `end` for the rest. Latents that collapsed
    get another chance whenever the weight of their KL starts over.

    Args:
        period: number of steps of a cycle.
        ramp: share of a cycle in which the value rises, above 0 and at most 1.
        start: first value of a cycle, a finite number.
        end: last value of a cycle, a finite number.
        cycles: number of cycles, after which the value stays at `end`; None never ends.

    Raises:
        ValueError: invalid arguments.

    Example:

    >>> import keras_vae as kv
    >>> schedule = kv.callbacks.Cyclical(100, cycles=2)
    >>> [round(float(schedule(step)), 2) for step in (0, 25, 50, 99, 100, 125, 200)]
    [0.0, 0.5, 1.0, 1.0, 0.0, 0.5, 1.0]
    """

    def __init__(
        self, period: int, ramp: float = 0.5, start: float = 0.0, end: float = 1.0, cycles: int | None = None
    ) -> None:
        self.period = positive_int(period, "period")
        self.ramp = finite_number(ramp, "ramp")
        if not 0.0 < self.ramp <= 1.0:
            raise ValueError(f"Argument `ramp` must be above 0 and at most 1. Received: ramp={ramp!r}")
        self.start = finite_number(start, "start")
        self.end = finite_number(end, "end")
        self.cycles = None if cycles is None else positive_int(cycles, "cycles")

    def __call__(self, step: Tensor) -> Tensor:
        # in whole numbers: in float32 the position in a late cycle would be rounded
        step = ops.cast(step, "int32")
        share = ops.cast(step % self.period, "float32") / (self.ramp * self.period)
        share = ops.minimum(share, 1.0)
        if self.cycles is not None:
            share = ops.where(step >= self.cycles * self.period, 1.0, share)
        return self.start + (self.end - self.start) * share

    def get_config(self) -> Config:
        return {
            "period": self.period,
            "ramp": self.ramp,
            "start": self.start,
            "end": self.end,
            "cycles": self.cycles,
        }
