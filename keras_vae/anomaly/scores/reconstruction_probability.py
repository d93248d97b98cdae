"""The reconstruction probability."""

from keras import ops

from keras_vae.anomaly.draws import over_rows
from keras_vae.anomaly.scores.elbo import elements
from keras_vae.anomaly.scores.score import Network, Score
from keras_vae.hints import Array, Part, Tensor

__all__ = ["ReconstructionProbability"]


class ReconstructionProbability(Score):
    """E_q[log p(x | z)] in nats, how well the latents of a row explain it (An and Cho, 2015).

    It has no KL, so that unusual latents cost nothing. It is the sum of its elements.

    Args:
        num_samples: latents drawn for each row.

    Example:

    >>> from keras_vae.anomaly import scores
    >>> scores.ReconstructionProbability().name
    'reconstruction_probability'
    """

    name = "reconstruction_probability"

    def rows(self, network: Network, x: Array) -> Array:
        return over_rows(network.ready(), x, "reconstruction", reconstruction, self.num_samples)

    def elements(self, network: Network, x: Array) -> Array:
        return over_rows(network.ready(), x, "elements", elements, self.num_samples)


def reconstruction(terms: Part) -> Tensor:
    """log p(x | z), averaged over the draws, `(batch,)`."""
    return ops.mean(terms.log_likelihood, axis=1)
