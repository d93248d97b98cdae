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
    optimizers,
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
    "optimizers",
    "plots",
    "posteriors",
    "priors",
    "reports",
    "samplers",
    "testing",
]


_ON_REQUEST = ("anomaly", "compression", "tables", "tuning")
"""Packages that are made for an optional library, loaded where they are first used."""


def __getattr__(name: str) -> _Any:
    if name in _ON_REQUEST:
        return _importlib.import_module(f"keras_vae.{name}")
    raise AttributeError(f"module 'keras_vae' has no attribute {name!r}")
