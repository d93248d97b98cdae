"""Sharply peaked real-valued data."""

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.laplace import Laplace as LaplaceDistribution
from keras_vae.hints import Tensor
from keras_vae.likelihoods.location_scale import LocationScale
from keras_vae.registry import likelihoods

__all__ = ["Laplace"]


@likelihoods.register("laplace", package="keras_vae")
class Laplace(LocationScale):
    """p(x | z) = Laplace(loc(z), scale): absolute errors instead of the Gaussian's squared ones.

    Args:
        scale: `"learned"`, `"predicted"` and so on, or numbers, as for `Gaussian`. The standard deviation is
            sqrt(2) times the scale.
        min_scale: lower bound of a scale that is not fixed.
        min_relative_scale: lower bound of a predicted scale, as for `Gaussian`.
        project: if False, the decoder's output is used as the location, or `[loc, log_var]`, log_var the log
            of the squared scale, where the scale is predicted.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE((6,), likelihood=kv.likelihoods.Laplace(scale=0.5))
    >>> vae.likelihood.current_scale()
    0.5
    """

    squared_scale = 0.5

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        log_scale = 0.5 * self.log_var_of(params)
        return LaplaceDistribution(params["loc"], log_scale, event_ndims=self.event_ndims, mask=mask)
