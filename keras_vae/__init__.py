"""Variational autoencoders from interchangeable components, for Keras 3 on TensorFlow, JAX and PyTorch."""

from keras_vae import backend as _backend  # noqa: F401  (first: it explains a missing backend)
from keras_vae import (
    callbacks,
    data,
    decoders,
    distributions,
    encoders,
    inference,
    latents,
    layers,
    likelihoods,
    objectives,
    posteriors,
    priors,
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
    "inference",
    "latents",
    "layers",
    "likelihoods",
    "load_plugins",
    "objectives",
    "posteriors",
    "priors",
    "samplers",
    "testing",
]
