"""Callbacks for `fit`."""

from keras_vae.callbacks.beta_schedule import BetaSchedule, LinearWarmUp

__all__ = ["BetaSchedule", "LinearWarmUp"]
