"""The importance-weighted bound."""

import math

from keras import ops

from keras_vae.objectives import Objective

__all__ = ["ImportanceWeightedBound"]


class ImportanceWeightedBound(Objective):
    """-log mean_k p(x, z_k) / q(z_k | x), in nats per example (Burda, Grosse and Salakhutdinov, 2016).

    Args:
        num_samples: number of latents drawn for each example.
        **kwargs: `name`, `dtype`, as for every Keras layer.
    """

    def __init__(self, num_samples=5, **kwargs):
        super().__init__(**kwargs)
        self.num_samples = num_samples

    def loss(self, terms):
        log_weights = terms.log_likelihood + ops.sum(terms.log_ratio, axis=2)
        return math.log(self.num_samples) - ops.logsumexp(log_weights, axis=1)

    def get_config(self):
        return {**super().get_config(), "num_samples": self.num_samples}
