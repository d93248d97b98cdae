"""The model that connects the components."""

from keras_vae.models.vae import VAE

__all__ = ["VAE"]
