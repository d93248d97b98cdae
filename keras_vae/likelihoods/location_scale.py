"""What likelihoods with a location and a scale share: where the scale comes from."""

import math
import warnings
from typing import Any

import numpy as np
from keras import ops

from keras_vae.arguments import positive_number
from keras_vae.distributions.gaussian import LOG_VAR_RANGE
from keras_vae.hints import Array, Config, Shape, Tensor
from keras_vae.likelihoods.likelihood import Likelihood

__all__ = ["LocationScale"]

LOG_VAR_SPEED = 10.0
SHARPNESS = 4.0


class LocationScale(Likelihood):
    """Base class: a location from the decoder's features, and a scale that is learned, predicted or fixed.

    The location is `(batch, *data_shape)`, the scale too, or one number. To write a likelihood of this kind,
    return a value from `distribution`, with the scale that `log_var_of` gives.

    Args:
        scale: `"learned"`, one for all elements; `"predicted"`, one for every element, from the decoder's
            features; or a positive number, fixed. The first two start at the spread of the training data,
            which the first `fit` takes.
        min_scale: lower bound of a learned or predicted scale; without one, data that repeat exactly
            drive the density to infinity.
        project: with False, the decoder's output is taken as the parameters: the location, or
            `[loc, log_var]` where the scale is predicted.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Attributes:
        squared_scale: the squared scale of data with variance one, at which a scale starts.
        largest_log_var: log of the largest squared scale that the distribution holds; it clips those beyond.

    Raises:
        ValueError: a scale that is neither a known name nor a number that float32 densities can hold.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> class Gaussian(kv.likelihoods.LocationScale):
    ...     def distribution(self, params, mask=None):
    ...         loc, log_var = params["loc"], self.log_var_of(params)
    ...         return kv.distributions.Gaussian(loc, log_var, event_ndims=self.event_ndims, mask=mask)
    >>> likelihood = Gaussian(scale=0.5)
    >>> likelihood.build((None, 16), (3,))
    >>> float(likelihood.distribution(likelihood(ops.zeros((5, 16)))).variance()[0, 0])
    0.25
    """

    zero_initialised = ("log_var",)
    must_adapt = False
    squared_scale = 1.0
    largest_log_var = LOG_VAR_RANGE[1]

    def __init__(
        self, scale: str | float = "learned", min_scale: float = 1e-3, project: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(project=project, **kwargs)
        if isinstance(scale, str) and scale not in ("learned", "predicted"):
            raise ValueError(
                f"Argument `scale` must be 'learned', 'predicted' or a positive number. Received: scale={scale!r}"
            )
        self.scale: Any = scale if isinstance(scale, str) else self._held("scale", scale)
        self.min_scale = self._held("min_scale", min_scale)

    def _held(self, name: str, value: float) -> float:
        """A scale that the distribution does not clip."""
        low, high = math.exp(0.5 * LOG_VAR_RANGE[0]), math.exp(0.5 * self.largest_log_var)
        if not low <= positive_number(value, name) <= high:
            raise ValueError(
                f"Argument `{name}` must lie between {low:.2g} and {high:.4g}, which float32 densities are kept to. "
                f"Received: {name}={value!r}. Rescale the data."
            )
        return float(value)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return ("loc", "log_var") if self.scale == "predicted" else ("loc",)

    def build(self, features_shape: Shape, data_shape: Shape | None = None) -> None:
        super().build(features_shape, data_shape)
        if self.scale == "learned":
            self.log_var = self.add_weight(name="log_var", shape=(), initializer="zeros", autocast=False)
        options = {"shape": (), "trainable": False, "autocast": False}
        if isinstance(self.scale, str):
            self.initial_log_var = self.add_weight(name="initial_log_var", initializer="zeros", **options)
        adapted = "zeros" if isinstance(self.scale, str) else "ones"
        self.adapted = self.add_weight(name="adapted", initializer=adapted, **options)

    def adapt(self, x: Tensor, context: Tensor | None = None) -> None:
        """Start a learned scale at the spread of the data; `fit` does it by itself.

        Args:
            x: `(n, *data_shape)`; NaN is taken for missing. Where all are missing, the spread is taken for one.
            context: is not read; conditional models hand it to every part.
        """
        if isinstance(self.scale, str):
            x = self.measured(np.asarray(ops.convert_to_numpy(x), dtype="float64"))
            x = x[~np.isnan(x)]
            variance = float(np.var(x)) if x.size else 1.0
            log_var = math.log(self.squared_scale * variance + self.min_scale**2)
            if log_var > self.largest_log_var:
                warnings.warn(
                    f"The data's standard deviation is {math.sqrt(variance):.3g}, and the scale of "
                    f"{type(self).__name__} is at most {math.exp(0.5 * self.largest_log_var):.3g}. "
                    "Rescale the data, for example to variance one.",
                    stacklevel=2,
                )
            self.initial_log_var.assign(min(log_var, self.largest_log_var))
        self.adapted.assign(1.0)

    def measured(self, x: Tensor) -> Array:
        """Data in the space of the location, a NumPy array.

        Args:
            x: `(n, *data_shape)`.
        """
        return x

    def current_scale(self) -> float | None:
        """The scale in force, a float; None where it is predicted for every element."""
        if self.scale == "predicted":
            return None
        if self.scale == "learned":
            return float(ops.exp(0.5 * self._bounded(self._learned_log_var())))
        return self.scale

    def log_var_of(self, params: dict[str, Tensor]) -> Tensor:
        """Log of the squared scale, a tensor or a float.

        Args:
            params: what `call` returned: dict of `(batch, *data_shape)`.
        """
        if self.scale == "predicted":
            return self._bounded(params["log_var"] + ops.cast(self.initial_log_var, "float32"))
        if self.scale == "learned":
            return self._bounded(self._learned_log_var())
        return 2.0 * math.log(self.scale)

    def _learned_log_var(self) -> Tensor:
        # Ten times the weight: optimizers move weights by their learning rate, and a scale has far to go.
        return ops.cast(self.initial_log_var, "float32") + LOG_VAR_SPEED * ops.cast(self.log_var, "float32")

    def _bounded(self, log_var: Tensor) -> Tensor:
        # log(exp(log_var) + min_scale^2): smooth, so that the gradient never stops at the bound.
        log_var = ops.logaddexp(log_var, 2.0 * math.log(self.min_scale))
        # Likewise above, where the distribution's own clip would stop it; so sharp that nothing moves far below.
        return -ops.logaddexp(-SHARPNESS * log_var, -SHARPNESS * self.largest_log_var) / SHARPNESS

    def get_config(self) -> Config:
        return {**super().get_config(), "scale": self.scale, "min_scale": self.min_scale}
