"""Callbacks for `fit`."""

from keras_vae.callbacks.beta_schedule import BetaSchedule, LinearWarmUp
from keras_vae.callbacks.stop_on_invalid import StopOnInvalid

__all__ = ["BetaSchedule", "LinearWarmUp", "StopOnInvalid"]
