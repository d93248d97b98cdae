"""Proportions."""

import math

from keras import ops

from keras_vae.distributions.beta import Beta as BetaDistribution
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Tensor
from keras_vae.likelihoods.likelihood import Likelihood, Support
from keras_vae.registry import likelihoods

__all__ = ["Beta"]


@likelihoods.register("beta", package="keras_vae")
class Beta(Likelihood):
    """p(x | z) = Beta(alpha(z), beta(z)): for proportions between 0 and 1, both excluded.

    For data with zeros or ones use `continuous_bernoulli`, or move them off the ends:
    (x * (n - 1) + 0.5) / n for n examples (Smithson and Verkuilen, 2006). alpha and beta are
    (1 + exp(raw)) / 2: below a half, much of the mass is closer to one than float32 can represent.

    Args:
        project: if False, the decoder's output is used as the raw values `[alpha, beta]`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> likelihood = kv.likelihoods.Beta()
    >>> likelihood.build((None, 16), (3,))
    >>> p = likelihood.distribution(likelihood(ops.zeros((5, 16))))
    >>> float(p.mean()[0, 0])
    0.5
    """

    support = Support(0.0, 1.0, open_low=True, open_high=True)
    parameter_names = ("alpha", "beta")

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        log_alpha, log_beta = (ops.softplus(params[name]) - math.log(2.0) for name in self.parameter_names)
        return BetaDistribution(log_alpha, log_beta, event_ndims=self.event_ndims, mask=mask)
