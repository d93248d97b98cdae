"""What trials are compared by: held-out bounds that do not depend on beta."""

from typing import Any

import keras
import numpy as np

from keras_vae.hints import Data

__all__ = ["HeldOut"]


class HeldOut(keras.callbacks.Callback):
    """Logs `val_elbo`, and `val_log_likelihood` if data are given, after every epoch, in nats per example.

    Args:
        x: held-out data for importance sampling, or None.
        num_samples: draws for each example.
        seed: of the draws, the same in every epoch and trial.
    """

    def __init__(self, x: Data = None, num_samples: int = 32, seed: int = 0) -> None:
        super().__init__()
        self.x, self.num_samples, self.seed = x, num_samples, seed

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is None or "val_kl_loss" not in logs:
            return
        # the two terms as they are, whatever the weight of the KL in the loss
        logs["val_elbo"] = -logs["val_reconstruction_loss"] - logs["val_kl_loss"]
        if self.x is not None:
            values = self.model.log_likelihood(self.x, num_samples=self.num_samples, seed=self.seed, verbose=0)
            logs["val_log_likelihood"] = float(np.mean(values))
