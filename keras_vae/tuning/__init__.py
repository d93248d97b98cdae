"""Choosing components and sizes with KerasTuner. It needs the extra `tuning`, and is loaded where it is first used."""

from keras_vae.tuning.hyper_vae import HyperVAE
from keras_vae.tuning.trials import trials

__all__ = ["HyperVAE", "trials"]
