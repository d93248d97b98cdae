"""The distance of the latents from those of the training rows."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from keras import ops

from keras_vae.anomaly.draws import over_rows
from keras_vae.anomaly.scores.score import Network, Score
from keras_vae.hints import Array, Part

__all__ = ["LatentDistance"]


class LatentDistance(Score):
    """Minus the Mahalanobis distance of a row's posterior mean from the posterior means of the training rows.

    The covariance is that of Ledoit and Wolf (2004), which is invertible with few rows too. It has no unit, does not
    read the reconstruction, and says nothing on single elements. Several levels of latents are put side by side.

    Args:
        num_samples: is not used: the means are not random.

    Example:

    >>> from keras_vae.anomaly import scores
    >>> scores.LatentDistance().explains
    False
    """

    name = "latent_distance"
    explains = False

    def fit(self, network: Network, x: Array, retrain: Callable[[Array], Network], rng: np.random.Generator) -> Self:
        from sklearn.covariance import LedoitWolf

        self.estimate_: Any = LedoitWolf().fit(self.means(network, x))
        return self

    def rows(self, network: Network, x: Array) -> Array:
        return -np.sqrt(self.estimate_.mahalanobis(self.means(network, x)))

    def means(self, network: Network, x: Array) -> Array:
        """The posterior means, `(n, latents)`.

        Args:
            network: the trained network.
            x: `(n, *data_shape)`, standardised.
        """
        return over_rows(network.ready(), x, "means", flat_latents, mean=True).astype("float64")


def flat_latents(terms: Part) -> Any:
    """The latents of all levels side by side, `(batch, latents)`."""
    return ops.concatenate([ops.reshape(rows, (ops.shape(rows)[0], -1)) for rows in terms.latents], axis=1)
