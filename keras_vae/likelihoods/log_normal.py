"""Positive numbers over several orders of magnitude."""

import numpy as np
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.log_normal import LOG_VAR_RANGE
from keras_vae.distributions.log_normal import LogNormal as LogNormalDistribution
from keras_vae.hints import Array, Tensor
from keras_vae.likelihoods.likelihood import Support
from keras_vae.likelihoods.location_scale import LocationScale
from keras_vae.registry import likelihoods

__all__ = ["LogNormal"]

SMALLEST = 1e-30


@likelihoods.register("log_normal", package="keras_vae")
class LogNormal(LocationScale):
    """p(x | z): log x is Gaussian, so that errors are relative; for prices, durations, concentrations.

    For numbers above zero, `(batch, *data_shape)`. The encoder sees their logarithm.

    Args:
        scale: of the logarithm: `"learned"`, `"predicted"` and so on, or numbers, as for `Gaussian`.
        min_scale: lower bound of a scale that is not fixed.
        min_relative_scale: lower bound of a predicted scale, as for `Gaussian`.
        project: if False, the decoder's output is used as the location of log x, or `[loc, log_var]` where
            the scale is predicted.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x = np.random.default_rng(0).lognormal(size=(32, 6))
    >>> vae = kv.VAE((6,), 2, likelihood="log_normal")
    >>> vae.compile("adam")
    >>> _ = vae.fit(x, verbose=0)
    >>> bool((vae.generate(3) > 0).all())
    True
    """

    support = Support(0.0, open_low=True)
    largest_log_var = LOG_VAR_RANGE[1]

    def measured(self, x: Tensor) -> Array:
        return np.log(x)

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        return LogNormalDistribution(params["loc"], self.log_var_of(params), event_ndims=self.event_ndims, mask=mask)

    def to_network(self, x: Tensor) -> Tensor:
        # noise on the encoder's side may take x below zero
        return ops.log(ops.maximum(ops.cast(x, "float32"), SMALLEST))
