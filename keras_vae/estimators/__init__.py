"""What the estimators share: the training of the model inside."""

from keras_vae.estimators.training import train

__all__ = ["train"]
