"""Real-valued data."""

import math

import numpy as np
from keras import ops

from keras_vae.arguments import positive_number
from keras_vae.distributions.gaussian import Gaussian as GaussianDistribution
from keras_vae.likelihoods.likelihood import Likelihood
from keras_vae.registry import likelihoods

__all__ = ["Gaussian"]

LOG_VAR_SPEED = 10.0


@likelihoods.register("gaussian", package="keras_vae")
class Gaussian(Likelihood):
    """p(x | z) = N(loc(z), scale^2), independent over the data's elements.

    Args:
        scale: `"learned"`, one scale for all elements, learned (the sigma-VAE of Rybkin, Daniilidis and
            Levine, 2021); `"predicted"`, one for every element, from the decoder's features; or a positive
            number, fixed. Both that are learned start at the standard deviation of the training data, which
            the first `fit` takes. `current_scale()` tells a learned one. A fixed scale weighs reconstruction
            against KL as beta = 2 scale^2 weighs the squared error: far from the data's own noise it blurs,
            or the KL collapses.
        min_scale: lower bound of a learned or predicted scale; without one, data that repeat exactly
            drive the density to infinity.
        project: with False, the decoder's output is taken as the parameters: the location, or
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

    zero_initialised = ("log_var",)
    must_adapt = False

    def __init__(self, scale="learned", min_scale=1e-3, project=True, **kwargs):
        super().__init__(project=project, **kwargs)
        if isinstance(scale, str) and scale not in ("learned", "predicted"):
            raise ValueError(
                f"Argument `scale` must be 'learned', 'predicted' or a positive number. Received: scale={scale!r}"
            )
        self.scale = scale if isinstance(scale, str) else positive_number(scale, "scale")
        self.min_scale = positive_number(min_scale, "min_scale")

    @property
    def parameter_names(self):
        return ("loc", "log_var") if self.scale == "predicted" else ("loc",)

    def build(self, features_shape, data_shape=None):
        super().build(features_shape, data_shape)
        if self.scale == "learned":
            self.log_var = self.add_weight(name="log_var", shape=(), initializer="zeros", autocast=False)
        options = {"shape": (), "trainable": False, "autocast": False}
        if isinstance(self.scale, str):
            self.initial_log_var = self.add_weight(name="initial_log_var", initializer="zeros", **options)
        adapted = "zeros" if isinstance(self.scale, str) else "ones"
        self.adapted = self.add_weight(name="adapted", initializer=adapted, **options)

    def adapt(self, x, context=None):
        """Start a learned scale at the standard deviation of data `x`; `fit` does it by itself."""
        if isinstance(self.scale, str):
            variance = float(np.var(np.asarray(ops.convert_to_numpy(x), dtype="float64")))
            self.initial_log_var.assign(math.log(variance + self.min_scale**2))
        self.adapted.assign(1.0)

    def current_scale(self):
        """The scale in force, a float; None where it is predicted for every element."""
        if self.scale == "predicted":
            return None
        if self.scale == "learned":
            return float(ops.exp(0.5 * self._bounded(self._learned_log_var())))
        return self.scale

    def _learned_log_var(self):
        # Ten times the weight: optimizers move weights by their learning rate, and a scale has far to go.
        return ops.cast(self.initial_log_var, "float32") + LOG_VAR_SPEED * ops.cast(self.log_var, "float32")

    def distribution(self, params, mask=None):
        loc = params["loc"]
        if self.scale == "predicted":
            log_var = self._bounded(params["log_var"] + ops.cast(self.initial_log_var, "float32"))
        elif self.scale == "learned":
            log_var = self._bounded(self._learned_log_var())
        else:
            log_var = 2.0 * math.log(self.scale)
        return GaussianDistribution(loc, log_var, event_ndims=self.event_ndims, mask=mask)

    def _bounded(self, log_var):
        # log(exp(log_var) + min_scale^2): smooth, so that the gradient never stops at the bound.
        return ops.logaddexp(log_var, 2.0 * math.log(self.min_scale))

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "min_scale": self.min_scale}
