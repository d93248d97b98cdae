"""Intensities between 0 and 1."""

from keras_vae.distributions.continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulliDistribution
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Tensor
from keras_vae.likelihoods.likelihood import Likelihood, Support
from keras_vae.registry import likelihoods

__all__ = ["ContinuousBernoulli"]


@likelihoods.register("continuous_bernoulli", package="keras_vae")
class ContinuousBernoulli(Likelihood):
    """p(x | z): `bernoulli` with the constant that makes it a density on [0, 1] (Loaiza-Ganem and Cunningham, 2019).

    For grey levels and proportions, zeros and ones included. Unlike with `bernoulli`, log-likelihoods can be compared
    with those of other densities.

    Args:
        project: if False, the decoder's output is used as the logits.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> likelihood = kv.likelihoods.ContinuousBernoulli()
    >>> likelihood.build((None, 16), (3,))
    >>> p = likelihood.distribution(likelihood(ops.zeros((5, 16))))
    >>> float(p.mean()[0, 0])
    0.5
    """

    support = Support(0.0, 1.0)
    parameter_names = ("logits",)

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        return ContinuousBernoulliDistribution(params["logits"], event_ndims=self.event_ndims, mask=mask)
