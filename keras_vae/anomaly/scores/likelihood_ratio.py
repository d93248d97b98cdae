"""The likelihood ratio to a background model."""

from collections.abc import Callable
from typing import Self

import numpy as np

from keras_vae.anomaly.scores.elbo import ELBO
from keras_vae.anomaly.scores.score import Network
from keras_vae.hints import Array

__all__ = ["LikelihoodRatio", "perturbed"]

MUTATION_RATE = 0.2


class LikelihoodRatio(ELBO):
    """The ELBO minus that of a background model, in nats (Ren et al., 2019).

    The background model is trained on the same rows with a fifth of their elements replaced by chance, uniformly
    between the smallest and the largest value of the column or channel. What both explain, such as large areas of one
    grey, cancels; what is left is the structure of normal rows. It trains two models in place of one.

    Args:
        num_samples: latents drawn for each row.

    Example:

    >>> from keras_vae.anomaly import scores
    >>> scores.LikelihoodRatio().name
    'likelihood_ratio'
    """

    name = "likelihood_ratio"

    def fit(self, network: Network, x: Array, retrain: Callable[[Array], Network], rng: np.random.Generator) -> Self:
        self.background_ = retrain(perturbed(x, rng))
        return self

    def rows(self, network: Network, x: Array) -> Array:
        return super().rows(network, x) - super().rows(self.background_, x)

    def elements(self, network: Network, x: Array) -> Array:
        return super().elements(network, x) - super().elements(self.background_, x)


def perturbed(x: Array, rng: np.random.Generator, rate: float = MUTATION_RATE) -> Array:
    """Rows with some elements replaced by uniform draws from the range of their column or channel.

    Args:
        x: `(n, ..., channels)`; missing elements stay missing.
        rng: of the draws.
        rate: share of the elements that are replaced.

    >>> import numpy as np
    >>> x = np.array([[0.0, 5.0], [1.0, 9.0]] * 500)
    >>> changed = perturbed(x, np.random.default_rng(0), rate=0.3) != x
    >>> bool(abs(changed.mean() - 0.3) < 0.03)
    True
    """
    axes = tuple(range(x.ndim - 1))
    drawn = rng.uniform(np.nanmin(x, axis=axes), np.nanmax(x, axis=axes), x.shape).astype(x.dtype)
    return np.where((rng.random(x.shape) < rate) & ~np.isnan(x), drawn, x)
