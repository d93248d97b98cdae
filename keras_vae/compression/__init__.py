"""Codes made of a model: data as bytes without loss, and latents as bytes."""

from keras_vae.compression.lossless import CompressionResult, compress, decompress

__all__ = ["CompressionResult", "compress", "decompress"]
