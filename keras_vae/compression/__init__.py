"""Codes made of a model: data as bytes without loss, and latents as bytes."""

from keras_vae.compression.archive import compress_npz, decompress_npz
from keras_vae.compression.lossless import compress, decompress
from keras_vae.compression.lossy import compress_latents, decompress_latents
from keras_vae.compression.result import CompressionResult

__all__ = [
    "CompressionResult",
    "compress",
    "compress_latents",
    "compress_npz",
    "decompress",
    "decompress_latents",
    "decompress_npz",
]
