"""Callbacks for `fit`."""

from keras_vae.callbacks.beta_schedule import BetaSchedule, LinearWarmUp
from keras_vae.callbacks.evaluation import Evaluation
from keras_vae.callbacks.stop_on_invalid import StopOnInvalid
from keras_vae.callbacks.torch_data_parallel import TorchDataParallel

__all__ = ["BetaSchedule", "Evaluation", "LinearWarmUp", "StopOnInvalid", "TorchDataParallel"]
