"""Optimizers for models of two networks."""

from keras_vae.optimizers.encoder_decoder import EncoderDecoder

__all__ = ["EncoderDecoder"]
