"""The diagonal Gaussian posterior."""

import math
import numbers
from typing import Any

from keras import ops

from keras_vae.arguments import positive_ints
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import LOG_VAR_RANGE
from keras_vae.distributions.gaussian import Gaussian as GaussianDistribution
from keras_vae.hints import Config, Ints, Part, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.dense_stack import DenseStack
from keras_vae.layers.projection import gaussian_heads
from keras_vae.posteriors.posterior import Posterior
from keras_vae.registry import posteriors

__all__ = ["Gaussian"]

SCALES = ("exp", "softplus", "bounded")
FLOOR = 1e-4
"""Smallest scale under "softplus": its log variance, -18.4, lies inside `LOG_VAR_RANGE`, so no gradient is clipped."""
START = math.log(math.expm1(1.0 - FLOOR))
"""Where softplus(START) + FLOOR is 1."""


@posteriors.register("gaussian", package="keras_vae")
class Gaussian(Posterior):
    """q(z | x) = N(z_mean(x), diag exp(z_log_var(x))), as in Kingma and Welling (2014).

    Both are linear in the encoder's features and in the context, or in hidden layers over these.
    The log variance starts at zero, and is clipped to `keras_vae.distributions.LOG_VAR_RANGE`.

    Args:
        project: if False, the encoder's output is used as the parameters: a list
            `[z_mean, z_log_var]`, or one tensor with both along its last axis.
        scale: parametrisation of the scale by the second head. `"exp"`: it is the log variance. `"softplus"`: the
            scale grows linearly with it, not exponentially. `"bounded"`: it is the log variance, limited
            smoothly to `log_var_range`.
        log_var_range: smallest and largest log variance under `"bounded"`, below and above zero; by default
            those of Tomczak and Welling (2018), who clip there.
        hidden_units: width of each gated dense layer between `[features, context]` and the heads, such as
            `(300,)` for the lower level q(z1 | x, z2) of Tomczak and Welling's two-level model.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments; when built on features that do not fit.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> posterior = kv.posteriors.Gaussian(scale="softplus", hidden_units=(16,))
    >>> posterior.build((None, 8), (None, 0), (3,))
    >>> q = posterior.distribution(ops.ones((5, 8)), ops.zeros((5, 0)))
    >>> tuple(q.log_var.shape)
    (5, 3)
    """

    distribution_class = GaussianDistribution

    def __init__(
        self,
        project: bool = True,
        scale: str = "exp",
        log_var_range: tuple[float, float] = (-6.0, 2.0),
        hidden_units: Ints = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if scale not in SCALES:
            raise ValueError(f"Argument `scale` must be one of {SCALES}. Received: scale={scale!r}")
        self.project = project
        self.scale = scale
        self.log_var_range = as_range(log_var_range)
        self.hidden_units = positive_ints(hidden_units, "hidden_units") if hidden_units not in ((), []) else ()
        if self.hidden_units and not project:
            raise ValueError(
                "Arguments `project` and `hidden_units`: with project=False the encoder's output is the parameters, "
                f"without layers in between. Received: project=False, hidden_units={hidden_units!r}. Leave one of "
                "the two out."
            )

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        if not self.project:
            self._check_parameters(features_shape)
            return
        features_shape = self.require_single_features(features_shape)
        input_shape = width_with_context(features_shape, context_shape)
        if self.hidden_units:
            self.hidden = DenseStack(self.hidden_units, "glu", dtype=self.dtype_policy, name="hidden")
            self.hidden.build(input_shape)
            input_shape = self.hidden.compute_output_shape(input_shape)
        self.mean_head, self.log_var_head = gaussian_heads(input_shape, self.latent_shape, dtype=self.dtype_policy)

    def _check_parameters(self, features_shape: Any) -> None:
        several = bool(features_shape) and isinstance(features_shape[0], (list, tuple))
        shapes = [tuple(shape)[1:] for shape in (features_shape if several else [features_shape])]
        doubled = (*self.latent_shape[:-1], 2 * self.latent_shape[-1])
        if shapes not in ([self.latent_shape] * 2, [doubled]):
            raise ValueError(
                "With project=False the encoder must return [z_mean, z_log_var], both of shape "
                f"{self.latent_shape} for each example, or one tensor of shape {doubled}. Received: {shapes}."
            )

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        if self.project:
            features = concatenate_context(features, context)
            features = self.hidden(features) if self.hidden_units else features
            # call, not __call__: Dense casts for itself, and eager torch feels every layer it goes through
            loc, raw = self.mean_head.call(features), self.log_var_head.call(features)
        else:
            loc, raw = features if isinstance(features, (list, tuple)) else ops.split(features, 2, axis=-1)
        return GaussianDistribution(loc, self._log_var(raw), event_ndims=len(self.latent_shape))

    def _log_var(self, raw: Tensor) -> Tensor:
        raw = ops.cast(raw, "float32")
        if self.scale == "softplus":
            return 2.0 * ops.log(ops.softplus(raw + START) + FLOOR)
        if self.scale == "bounded":
            # Each side with its own bound: slope 1 and no curvature at zero, where the two meet.
            low, high = self.log_var_range
            bound = ops.where(raw < 0.0, low, high)
            return bound * ops.tanh(raw / bound)
        return raw

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "project": self.project,
            "scale": self.scale,
            "log_var_range": self.log_var_range,
            "hidden_units": self.hidden_units,
        }


def as_range(log_var_range: tuple[float, float]) -> tuple[float, ...]:
    """The bounds as a tuple of floats around zero."""
    low, high = LOG_VAR_RANGE
    if (
        not isinstance(log_var_range, (list, tuple))
        or len(log_var_range) != 2
        or not all(isinstance(bound, numbers.Real) for bound in log_var_range)
        or not low <= log_var_range[0] < 0 < log_var_range[1] <= high
    ):
        raise ValueError(
            f"Argument `log_var_range` must be (low, high) with {low:g} <= low < 0 < high <= {high:g}. Received: "
            f"log_var_range={log_var_range!r}"
        )
    return tuple(float(bound) for bound in log_var_range)
