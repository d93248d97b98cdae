"""Variational autoencoders from interchangeable components, for Keras 3 on TensorFlow, JAX and PyTorch."""

import importlib as _importlib
from typing import Any as _Any

from keras_vae import backend as _backend  # noqa: F401  (first: it explains a missing backend)
from keras_vae import (
    callbacks,
    data,
    decoders,
    distributions,
    encoders,
    evaluation,
    inference,
    latents,
    layers,
    likelihoods,
    objectives,
    plots,
    posteriors,
    priors,
    reports,
    samplers,
    testing,
)
from keras_vae.layers import KLDivergenceRegularizer, Sampling
from keras_vae.models import VAE
from keras_vae.registry import load_plugins

__version__ = "0.2.0.dev0"

__all__ = [
    "VAE",
    "KLDivergenceRegularizer",
    "Sampling",
    "callbacks",
    "data",
    "decoders",
    "distributions",
    "encoders",
    "evaluation",
    "inference",
    "latents",
    "layers",
    "likelihoods",
    "load_plugins",
    "objectives",
    "plots",
    "posteriors",
    "priors",
    "reports",
    "samplers",
    "testing",
]


def __getattr__(name: str) -> _Any:
    if name == "tuning":  # KerasTuner is optional, and loaded where it is used
        return _importlib.import_module("keras_vae.tuning")
    raise AttributeError(f"module 'keras_vae' has no attribute {name!r}")
