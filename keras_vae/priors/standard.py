"""The standard normal prior."""

from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.hints import Encode, Tensor
from keras_vae.priors.prior import Prior
from keras_vae.registry import priors

__all__ = ["Standard"]


@priors.register("standard", package="keras_vae")
class Standard(Prior):
    """p(z) = N(0, 1), the prior of Kingma and Welling (2014). It has no weights and ignores the context.

    Draws are `(batch, *latent_shape)`.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> prior = kv.priors.Standard()
    >>> prior.build((None, 0), (2,))
    >>> p = prior.distribution(ops.zeros((1, 0)))
    >>> round(float(p.log_prob(ops.zeros((1, 2)))[0]), 4)
    -1.8379
    """

    distribution_class = Gaussian

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        # Axes of unknown length (sequences) broadcast: the density needs no more.
        shape = (ops.shape(context)[0], *(1 if axis is None else axis for axis in self.latent_shape))
        zeros = ops.zeros(shape, dtype="float32")
        return Gaussian(zeros, zeros, event_ndims=len(self.latent_shape))
