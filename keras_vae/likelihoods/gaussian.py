"""Real-valued data."""

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import Gaussian as GaussianDistribution
from keras_vae.hints import Tensor
from keras_vae.likelihoods.location_scale import LocationScale
from keras_vae.registry import likelihoods

__all__ = ["Gaussian"]


@likelihoods.register("gaussian", package="keras_vae")
class Gaussian(LocationScale):
    """p(x | z) = N(loc(z), scale^2), independent over the data's elements.

    Args:
        scale: `"learned"`, one scale for all elements, learned (the sigma-VAE of Rybkin, Daniilidis and
            Levine, 2021); `"learned_per_feature"`, one for each index of the last axis; `"predicted"`, one for
            every element, from the decoder's features; or fixed, a positive number or an array that broadcasts
            to the data's last axes. Those that are not fixed start at the standard deviation of the training data,
            which the first `fit` takes. `current_scale()` tells a learned one. A fixed scale weighs reconstruction
            against KL as beta = 2 scale^2 weighs the squared error: far from the data's own noise it blurs,
            or the KL collapses.
        min_scale: lower bound of a scale that is not fixed; without one, data that repeat exactly
            drive the density to infinity.
        min_relative_scale: lower bound of a predicted scale as a share of the typical spread of the data, see
            `LocationScale`.
        project: if False, the decoder's output is used as the parameters: the location, or
            `[loc, log_var]` where the scale is predicted.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> likelihood = kv.likelihoods.Gaussian(scale=0.5)
    >>> likelihood.build((None, 16), (3,))
    >>> p = likelihood.distribution(likelihood(ops.zeros((5, 16))))
    >>> float(p.variance()[0, 0])
    0.25
    """

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        return GaussianDistribution(params["loc"], self.log_var_of(params), event_ndims=self.event_ndims, mask=mask)
