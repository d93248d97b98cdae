"""Inference: functions of a model and data, which are the methods of `VAE`."""

from keras_vae.inference.clusters import responsibilities
from keras_vae.inference.decode import decode
from keras_vae.inference.encode import encode
from keras_vae.inference.evidence import elbo, log_likelihood
from keras_vae.inference.export import export
from keras_vae.inference.generate import generate
from keras_vae.inference.interpolate import interpolate
from keras_vae.inference.predict_label import predict_label
from keras_vae.inference.predict_target import predict_target
from keras_vae.inference.reconstruct import predict, reconstruct
from keras_vae.inference.samplers import fit_sampler
from keras_vae.inference.translate import translate

__all__ = [
    "decode",
    "elbo",
    "encode",
    "export",
    "fit_sampler",
    "generate",
    "interpolate",
    "log_likelihood",
    "predict",
    "predict_label",
    "predict_target",
    "reconstruct",
    "responsibilities",
    "translate",
]
