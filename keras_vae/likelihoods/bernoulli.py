"""Binary data, and grey levels between 0 and 1."""

from keras_vae.distributions.bernoulli import Bernoulli as BernoulliDistribution
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Tensor
from keras_vae.likelihoods.likelihood import Likelihood, Support
from keras_vae.registry import likelihoods

__all__ = ["Bernoulli"]


@likelihoods.register("bernoulli", package="keras_vae")
class Bernoulli(Likelihood):
    """p(x | z) = Bernoulli(sigmoid(logits)), independent over the data's elements.

    The decoder of Kingma and Welling (2014, appendix C.1), for data `(batch, *data_shape)` in [0, 1]. Its
    negative log density is the binary cross-entropy, summed over the elements,
    while Keras' loss averages.

    Args:
        project: if False, the decoder's output is used as the logits.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> likelihood = kv.likelihoods.Bernoulli()
    >>> likelihood.build((None, 16), (8, 8, 1))
    >>> p = likelihood.distribution(likelihood(ops.zeros((5, 16))))
    >>> float(p.mean()[0, 0, 0, 0])
    0.5
    """

    support = Support(0.0, 1.0)
    parameter_names = ("logits",)

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        return BernoulliDistribution(params["logits"], event_ndims=self.event_ndims, mask=mask)
