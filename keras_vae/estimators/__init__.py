"""What the estimators share: the training of the model inside, its initial weights, and batches of one size."""

from keras_vae.estimators.equal_batches import in_equal_batches
from keras_vae.estimators.seeds import seeded_weights
from keras_vae.estimators.training import check_training, train

__all__ = ["check_training", "in_equal_batches", "seeded_weights", "train"]
