"""The evidence lower bound."""

from keras import ops

from keras_vae.anomaly.draws import over_rows
from keras_vae.anomaly.scores.score import Network, Score
from keras_vae.hints import Array, Part, Tensor

__all__ = ["ELBO"]


class ELBO(Score):
    """The evidence lower bound of a row in nats (Kingma and Welling, 2014): E_q[log p(x | z)] - KL(q(z | x) || p(z)).

    The elements are those of the first term; the KL belongs to none of them.

    Args:
        num_samples: latents drawn for each row.

    Example:

    >>> from keras_vae.anomaly import scores
    >>> scores.ELBO(num_samples=4).explains
    True
    """

    name = "elbo"

    def rows(self, network: Network, x: Array) -> Array:
        return over_rows(network.ready(), x, "elbo", elbo, self.num_samples)

    def elements(self, network: Network, x: Array) -> Array:
        return over_rows(network.ready(), x, "elements", elements, self.num_samples)


def elbo(terms: Part) -> Tensor:
    """The bound of every row, `(batch,)`."""
    return ops.mean(terms.log_likelihood, axis=1) - ops.sum(terms.kl, axis=1)


def elements(terms: Part) -> Tensor:
    """log p(x | z) of every element, averaged over the draws, `(batch, *data_shape)`."""
    return terms.log_likelihood_per_element
