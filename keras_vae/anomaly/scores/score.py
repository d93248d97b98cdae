"""The contract of a score, and the trained network that it is taken from."""

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from keras_vae.hints import Array, Part

__all__ = ["Network", "Score"]


@dataclasses.dataclass
class Network:
    """A model with the weights of one training: those that share a model share what is compiled.

    Args:
        vae: the `VAE`.
        weights: arrays, as `get_weights` returns them.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> from keras_vae.anomaly import scores
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, likelihood="gaussian")
    >>> network = scores.Network(vae, vae.get_weights())
    >>> scores.ELBO().rows(network, np.zeros((3, 4), "float32")).shape
    (3,)
    """

    vae: Any
    weights: list[Array]

    def ready(self) -> Part:
        """The model, with these weights."""
        if getattr(self.vae, "_weights_of", None) is not self:
            self.vae.set_weights(self.weights)
            self.mark()
        return self.vae

    def mark(self) -> None:
        """Note that the model has these weights."""
        object.__setattr__(self.vae, "_weights_of", self)


class Score:
    """How normal rows are, by one network: the larger, the more.

    Args:
        num_samples: latents drawn for each row.

    Attributes:
        name: as in `VAEDetector(score_function=...)`.
        explains: whether `elements` says which elements of a row the score comes from.

    Example:

    >>> from keras_vae.anomaly import scores
    >>> sorted(scores.SCORES)
    ['elbo', 'latent_distance', 'likelihood_ratio', 'log_likelihood', 'reconstruction_probability']
    """

    name = ""
    explains = True

    def __init__(self, num_samples: int = 16) -> None:
        self.num_samples = num_samples

    def fit(self, network: Network, x: Array, retrain: Callable[[Array], Network], rng: np.random.Generator) -> Self:
        """Learn from the training rows what the score needs; nothing by default.

        Args:
            network: as trained on them.
            x: the training rows `(n, *data_shape)`, standardised.
            retrain: function of other rows that trains a network like this one on them.
            rng: for what is random.
        """
        return self

    def rows(self, network: Network, x: Array) -> Array:
        """The score of every row, `(n,)`, in nats unless the class says otherwise.

        Args:
            network: the trained network.
            x: `(n, *data_shape)`, standardised.
        """
        raise NotImplementedError

    def elements(self, network: Network, x: Array) -> Array:
        """The part of every element in the score, `(n, *data_shape)`, in nats; 0 where it is missing.

        Args:
            network: the trained network.
            x: `(n, *data_shape)`, standardised.
        """
        raise NotImplementedError
