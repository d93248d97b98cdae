"""The score without a network: a Gaussian for each column."""

import math

import numpy as np

from keras_vae.anomaly.scores.score import Network, Score
from keras_vae.hints import Array

__all__ = ["IndependentColumns"]


class IndependentColumns(Score):
    """log p(x) of standardised columns that depend on nothing: -x^2 / 2 - log(2 pi) / 2 for each, in nats.

    It sees how far a row lies out, and nothing else, and takes no training. Networks see how columns belong together,
    and reconstruct some far rows too well: `VAEDetector` averages both.

    Args:
        num_samples: is not used: there are no latents.

    Example:

    >>> import numpy as np
    >>> from keras_vae.anomaly import scores
    >>> scores.IndependentColumns().rows(None, np.array([[0.0, 0.0], [3.0, 4.0]])).round(2).tolist()
    [-1.84, -14.34]
    """

    def rows(self, network: Network | None, x: Array) -> Array:
        return self.elements(network, x).sum(axis=1)

    def elements(self, network: Network | None, x: Array) -> Array:
        x = x.astype("float64")
        return np.where(np.isnan(x), 0.0, -0.5 * np.square(x) - 0.5 * math.log(2.0 * math.pi))
