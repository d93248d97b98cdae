"""Callbacks for `fit`."""

from keras_vae.callbacks.aggressive_encoder import AggressiveEncoder
from keras_vae.callbacks.beta_schedule import BetaSchedule
from keras_vae.callbacks.capacity_schedule import CapacitySchedule
from keras_vae.callbacks.cyclical import Cyclical
from keras_vae.callbacks.evaluation import Evaluation
from keras_vae.callbacks.linear_warm_up import LinearWarmUp
from keras_vae.callbacks.picture_logger import PictureLogger
from keras_vae.callbacks.sigmoid_warm_up import SigmoidWarmUp
from keras_vae.callbacks.stop_on_invalid import StopOnInvalid
from keras_vae.callbacks.temperature_schedule import TemperatureSchedule
from keras_vae.callbacks.torch_data_parallel import TorchDataParallel
from keras_vae.callbacks.variable_schedule import VariableSchedule

__all__ = [
    "AggressiveEncoder",
    "BetaSchedule",
    "CapacitySchedule",
    "Cyclical",
    "Evaluation",
    "LinearWarmUp",
    "PictureLogger",
    "SigmoidWarmUp",
    "StopOnInvalid",
    "TemperatureSchedule",
    "TorchDataParallel",
    "VariableSchedule",
]
