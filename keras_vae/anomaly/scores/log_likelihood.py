"""The log-likelihood by importance sampling."""

import math

from keras import ops

from keras_vae.anomaly.draws import over_rows
from keras_vae.anomaly.scores.score import Network, Score
from keras_vae.hints import Array, Part, Tensor

__all__ = ["LogLikelihood"]


class LogLikelihood(Score):
    """log p(x) in nats by importance sampling, log mean_k p(x | z_k) p(z_k) / q(z_k | x) (Burda et al., 2016).

    Above the ELBO, and the tighter the more samples. The elements are log p(x_j | z) averaged over p(z | x), that is,
    over the draws with their importance weights.

    Args:
        num_samples: latents drawn for each row.

    Example:

    >>> from keras_vae.anomaly import scores
    >>> scores.LogLikelihood(num_samples=64).num_samples
    64
    """

    name = "log_likelihood"

    def rows(self, network: Network, x: Array) -> Array:
        return over_rows(network.ready(), x, "log_likelihood", log_mean_weight, self.num_samples)

    def elements(self, network: Network, x: Array) -> Array:
        return over_rows(network.ready(), x, "weighted elements", weighted_elements, self.num_samples)


def log_mean_weight(terms: Part) -> Tensor:
    """log of the mean importance weight of every row, `(batch,)`."""
    return ops.logsumexp(terms.log_weights, axis=1) - math.log(terms.num_samples)


def weighted_elements(terms: Part) -> Tensor:
    """log p(x | z) of every element, averaged with the importance weights of the draws, `(batch, *data_shape)`."""
    each = terms.likelihood.log_prob_per_element(terms.forward.tiled(terms.target, terms.sample_axis))
    shape = tuple(each.shape)[1:]
    each = ops.reshape(each, (terms.num_samples, -1, *shape))
    weights = ops.transpose(ops.softmax(terms.log_weights, axis=1))
    return ops.sum(ops.reshape(weights, (terms.num_samples, -1, *(1 for _ in shape))) * each, axis=0)
