"""What likelihoods with a location and a scale share: where the scale comes from."""

import math
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import non_negative_number, positive_number
from keras_vae.data.moments import Moments
from keras_vae.distributions.gaussian import LOG_VAR_RANGE
from keras_vae.hints import Array, Config, Shape, Tensor
from keras_vae.likelihoods.bounds import above
from keras_vae.likelihoods.doubts import collapse_doubt, constant_doubt, few_rows
from keras_vae.likelihoods.likelihood import Likelihood

__all__ = ["LocationScale"]

LOG_VAR_SPEED = 10.0
SHARPNESS = 4.0
MIN_RELATIVE_SCALE = 0.2
SCALES = ("learned", "learned_per_feature", "predicted")


class LocationScale(Likelihood):
    """Base class: a location from the decoder's features, and a scale that is learned, predicted or fixed.

    The location is `(batch, *data_shape)`, the scale broadcasts to it. To write a likelihood of this kind,
    return a value from `distribution`, with the scale that `log_var_of` gives.

    Args:
        scale: `"learned"`, one for all elements; `"learned_per_feature"`, one for each index of the data's last
            axis: a column of a table, a channel of an image, a variable of a series; `"predicted"`, one for every
            element, from the decoder's features; or fixed: a positive number, or an array of them that broadcasts
            to the data's last axes. Those that are not fixed start at the spread of the training data, which the
            first `fit` takes.
        min_scale: lower bound of a scale that is not fixed; without one, data that repeat exactly
            drive the density to infinity.
        min_relative_scale: lower bound of a predicted scale as a share of the typical spread of the data: the root
            of the mean, over the elements, of their variances. Without one the scale of an element that hardly
            varies, such as a pixel at the edge, comes near zero, and its density then outweighs all others. 0 for
            none, for columns in different units.
        project: with False, the decoder's output is taken as the parameters: the location, or
            `[loc, log_var]` where the scale is predicted.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Attributes:
        squared_scale: the squared scale of data with variance one, at which a scale starts.
        largest_log_var: log of the largest squared scale that the distribution holds; it clips those beyond.

    Raises:
        ValueError: a scale that is neither a known name nor numbers that float32 densities can hold; when built, an
            array that does not fit the data.

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
        self,
        scale: str | float | Any = "learned",
        min_scale: float = 1e-3,
        project: bool = True,
        min_relative_scale: float = MIN_RELATIVE_SCALE,
        **kwargs: Any,
    ) -> None:
        super().__init__(project=project, **kwargs)
        if isinstance(scale, str) and scale not in SCALES:
            raise ValueError(
                f"Argument `scale` must be one of {list(SCALES)}, a positive number or an array of them. "
                f"Received: scale={scale!r}"
            )
        self.scale: Any = scale if isinstance(scale, str) else self._held_numbers(scale)
        self.min_scale = self._held("min_scale", min_scale)
        self.min_relative_scale = non_negative_number(min_relative_scale, "min_relative_scale")
        if self.min_relative_scale >= 1.0:
            raise ValueError(
                "Argument `min_relative_scale` must be below 1, the spread of the data itself. Received: "
                f"min_relative_scale={min_relative_scale!r}"
            )

    def _held_numbers(self, scale: Any) -> Any:
        """A fixed scale: a float, or a tuple, nested as an array is."""
        if np.ndim(scale) == 0:
            return self._held("scale", scale.item() if isinstance(scale, np.ndarray) else scale)
        values = np.asarray(scale)
        for value in values.ravel():
            self._held("scale", value.item())
        return nested(values.astype("float64"))

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

    @property
    def _is_bounded(self) -> bool:
        """Whether the scale is kept above a share of the data's spread."""
        return self.scale == "predicted" and self.min_relative_scale > 0

    def build(self, features_shape: Shape, data_shape: Shape | None = None) -> None:
        super().build(features_shape, data_shape)
        shape = self._scale_shape()
        if self.scale in ("learned", "learned_per_feature"):
            self.log_var = self.add_weight(name="log_var", shape=shape, initializer="zeros", autocast=False)
        options = {"trainable": False, "autocast": False}
        if isinstance(self.scale, str):
            self.initial_log_var = self.add_weight(name="initial_log_var", shape=shape, initializer="zeros", **options)
        adapted = "zeros" if isinstance(self.scale, str) else "ones"
        self.adapted = self.add_weight(name="adapted", shape=(), initializer=adapted, **options)
        if self._is_bounded:
            start = keras.initializers.Constant(2.0 * math.log(self.min_scale))
            self.lowest_log_var = self.add_weight(name="lowest_log_var", shape=(), initializer=start, **options)

    def _scale_shape(self) -> Shape:
        """Shape of a learned scale; an error for one that does not fit the data."""
        if isinstance(self.scale, tuple):
            shape, axes = np.shape(self.scale), self.data_shape[len(self.data_shape) - np.ndim(self.scale) :]
            if len(shape) > len(axes) or any(own not in (1, axis) for own, axis in zip(shape, axes, strict=True)):
                raise ValueError(
                    "Argument `scale` must be a number, or an array that broadcasts to the last axes of the data. "
                    f"Expected axes of length 1 or those of {self.data_shape}. Received: an array of shape {shape}."
                )
        if self.scale != "learned_per_feature":
            return ()
        return (self.data_shape[-1],)

    def adapt(self, x: Tensor, context: Tensor | None = None) -> None:
        """Start a learned scale at the spread of the data; `fit` does it by itself.

        Args:
            x: `(n, *data_shape)`, read in parts; NaN is taken for missing. Where all are missing, the spread is taken
                for one.
            context: is not read; conditional models hand it to every part.
        """
        if isinstance(self.scale, str):
            moments = Moments.of(x, self.measured)
            kept = 1 if self.scale == "learned_per_feature" else 0
            pooled = moments.pooled(tuple(range(np.ndim(moments.count) - kept)))
            variance = np.where(pooled.count > 0, pooled.variance, 1.0)
            log_var = np.log(self.squared_scale * variance + self.min_scale**2)
            if np.max(log_var) > self.largest_log_var:
                warnings.warn(
                    f"The data's standard deviation is {math.sqrt(np.max(variance)):.3g}, and the scale of "
                    f"{type(self).__name__} is at most {math.exp(0.5 * self.largest_log_var):.3g}. "
                    "Rescale the data, for example to variance one.",
                    stacklevel=2,
                )
            self.initial_log_var.assign(np.minimum(log_var, self.largest_log_var))
            if self._is_bounded:
                smallest = self.min_relative_scale * self._typical_spread(moments)
                lowest = self.squared_scale * smallest**2 + self.min_scale**2
                self.lowest_log_var.assign(min(math.log(lowest), self.largest_log_var))
        self.adapted.assign(1.0)

    @staticmethod
    def _typical_spread(moments: Moments) -> float:
        """Root of the mean of the elements' variances."""
        seen = moments.count > 0
        return float(np.sqrt(np.mean(moments.variance[seen]))) if np.any(seen) else 0.0

    def doubts(self, x: Tensor, name: str = "x", first: int = 0) -> list[str]:
        """What in the data does not suit the scale, a sentence each; the first `fit` warns of it.

        Args:
            x: `(n, *data_shape)`, as for `adapt`.
            name: name of the data.
            first: number of the first column, where they are columns of a table.
        """
        if not isinstance(self.scale, str):
            deviation = np.asarray(self.scale) / math.sqrt(self.squared_scale)
            return collapse_doubt(self.measured(few_rows(x)), deviation, name)
        if not self._is_bounded:
            return []
        moments = Moments.of(x, self.measured)
        unknown = tuple(axis for axis, size in enumerate(self.data_shape) if size is None)
        pooled = moments.pooled(unknown) if unknown else moments
        spread = np.where(pooled.count > 0, np.sqrt(pooled.variance), np.nan)
        return constant_doubt(spread, self._typical_spread(moments), self.min_relative_scale, name, first)

    def measured(self, x: Tensor) -> Array:
        """Data in the space of the location, a NumPy array.

        Args:
            x: `(n, *data_shape)`.
        """
        return x

    def current_scale(self) -> float | Array | None:
        """The scale in force: a float; an array `(..., features)` of several; None where it is predicted."""
        if self.scale == "predicted":
            return None
        if isinstance(self.scale, str):
            value = ops.convert_to_numpy(ops.exp(0.5 * self._bounded(self._learned_log_var())))
            return value if value.ndim else float(value)
        return np.asarray(self.scale) if isinstance(self.scale, tuple) else self.scale

    def log_var_of(self, params: dict[str, Tensor]) -> Tensor:
        """Log of the squared scale, a tensor or a float.

        Args:
            params: what `call` returned: dict of `(batch, *data_shape)`.
        """
        if self.scale == "predicted":
            return self._bounded(params["log_var"] + ops.cast(self.initial_log_var, "float32"))
        if isinstance(self.scale, str):
            return self._bounded(self._learned_log_var())
        return np.float32(2.0 * np.log(self.scale)) if isinstance(self.scale, tuple) else 2.0 * math.log(self.scale)

    def _learned_log_var(self) -> Tensor:
        # Ten times the weight: optimizers move weights by their learning rate, and a scale has far to go.
        return ops.cast(self.initial_log_var, "float32") + LOG_VAR_SPEED * ops.cast(self.log_var, "float32")

    def _bounded(self, log_var: Tensor) -> Tensor:
        # log(exp(log_var) + min_scale^2): smooth, so that the gradient never stops at the bound.
        lowest = self.lowest_log_var if self._is_bounded else 2.0 * math.log(self.min_scale)
        log_var = above(log_var, ops.cast(lowest, "float32"))
        # Likewise above, where the distribution's own clip would stop it; so sharp that nothing moves far below.
        return -above(-SHARPNESS * log_var, -SHARPNESS * self.largest_log_var) / SHARPNESS

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "scale": self.scale,
            "min_scale": self.min_scale,
            "min_relative_scale": self.min_relative_scale,
        }

    @classmethod
    def from_config(cls, config: Config) -> Any:
        # Files of versions before 0.2 have no relative bound, and load as they were.
        return super().from_config({"min_relative_scale": 0.0, **config})


def nested(values: Array) -> tuple[Any, ...]:
    """An array as nested tuples, which JSON holds as lists."""
    return tuple(nested(value) if value.ndim else float(value) for value in values)
