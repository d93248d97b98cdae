"""A logistic likelihood."""

from keras_vae.likelihoods import Likelihood
from vae_logistic.distribution import Logistic as LogisticDistribution

__all__ = ["Logistic"]


class Logistic(Likelihood):
    """p(x | z) = Logistic(loc, scale), for real numbers with outliers; both from the decoder's features.

    Args:
        project: if False, the decoder's output is used as `[loc, log_scale]`.
        **kwargs: `name`, `dtype`, as for every Keras layer.
    """

    parameter_names = ("loc", "log_scale")
    zero_initialised = ("log_scale",)

    def distribution(self, params, mask=None):
        return LogisticDistribution(params["loc"], params["log_scale"], event_ndims=self.event_ndims, mask=mask)
