"""A mixture of diagonal Gaussians, shared by the whole batch."""

import dataclasses
import math
from typing import Any, Self

import keras
from keras import ops

from keras_vae.backend import value_or
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import log_temperature
from keras_vae.distributions.gaussian import LOG_VAR_RANGE
from keras_vae.hints import Seed, Shape, Tensor

__all__ = ["GaussianMixture"]

FLOAT32_EPSILON = 2.0**-23
TOLERANCE = 1e-3
"""Largest error of `log_prob`, in nats, that the fast path may have before the direct path replaces it."""


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class GaussianMixture(Distribution):
    """sum_k weight_k N(z | loc_k, exp(log_var_k)), with the same components for every example.

    `log_prob` never builds a tensor of (batch, components, latent). Its fast path expands the squares
    into two matrix products. In float32 that cancels badly where components are narrow and far from
    their centre, so it comes with an estimate of its own rounding error; where that exceeds
    1e-3 nats, a direct path accumulates the squares over the dimensions. The gradient is written out
    in matrix products in both cases. A temperature multiplies the components' scales.

    Args:
        loc: means, `(components, *event)`.
        log_var: log variances, `(components, *event)`, clipped to `LOG_VAR_RANGE`.
        logits: unnormalised log weights `(components,)`, or None for equal weights.
        batch_size: number of draws that `sample` makes; None for one draw without a batch axis.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import GaussianMixture
    >>> p = GaussianMixture(np.array([[-1.0], [1.0]]), np.zeros((2, 1)))
    >>> round(float(p.log_prob(np.zeros((1, 1)))[0]), 4)
    -1.4189
    """

    loc: Tensor
    log_var: Tensor
    logits: Tensor = None
    batch_size: Tensor | int | None = None

    def __post_init__(self) -> None:
        loc = ops.cast(ops.convert_to_tensor(self.loc), "float32")
        log_var = ops.clip(ops.cast(ops.convert_to_tensor(self.log_var), "float32"), *LOG_VAR_RANGE)
        logits = ops.zeros((loc.shape[0],)) if self.logits is None else self.logits
        self._set(loc=loc, log_var=log_var, logits=ops.cast(ops.convert_to_tensor(logits), "float32"))

    @property
    def event_shape(self) -> Shape:
        """Shape of one draw, without the batch axis."""
        return tuple(self.loc.shape[1:])

    @property
    def _width(self) -> int:
        return math.prod(self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        value = ops.cast(value, "float32")
        leading = ops.shape(value)[: len(value.shape) - len(self.event_shape)]
        flat = ops.reshape(value, (-1, self._width))
        components = ops.shape(self.loc)[0]
        densities = mixture_log_prob(
            flat,
            ops.reshape(self.loc, (components, self._width)),
            ops.reshape(self.log_var, (components, self._width)),
            self.log_weights(),
        )
        return ops.reshape(densities, leading)

    def log_weights(self) -> Tensor:
        """Normalised log weights, `(components,)`."""
        return ops.log_softmax(self.logits)

    def responsibilities(self, value: Tensor) -> Tensor:
        """p(component | z), `(..., components)`: the share of each component in the density at z.

        Args:
            value: `(..., *event)`.
        """
        value = ops.cast(value, "float32")
        leading = ops.shape(value)[: len(value.shape) - len(self.event_shape)]
        z = ops.reshape(value, (-1, 1, self._width))
        components = ops.shape(self.loc)[0]
        loc, log_var = (ops.reshape(part, (1, components, self._width)) for part in (self.loc, self.log_var))
        squares = ops.sum(ops.square(z - loc) * ops.exp(-log_var) + log_var, axis=-1)
        return ops.reshape(ops.softmax(self.log_weights() - 0.5 * squares), (*leading, components))

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        batch = 1 if self.batch_size is None else self.batch_size
        draws = batch if num_samples is None else num_samples * batch
        logits = ops.broadcast_to(ops.expand_dims(self.logits, 0), (1, ops.shape(self.loc)[0]))
        index = keras.random.categorical(logits, draws, dtype="int32", seed=seed)[0]
        loc, log_var = ops.take(self.loc, index, axis=0), ops.take(self.log_var, index, axis=0)
        # An int gives every draw the same randomness: without another one, the noise would follow the component.
        noise_seed = (seed + 1_000_003) % 2**31 if isinstance(seed, int) else seed
        noise = keras.random.normal(ops.shape(loc), dtype="float32", seed=noise_seed)
        values = loc + ops.exp(0.5 * log_var) * noise
        if num_samples is None:
            return values[0] if self.batch_size is None else values
        leading = (num_samples,) if self.batch_size is None else (num_samples, self.batch_size)
        return ops.reshape(values, (*leading, *self.event_shape))

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(log_var=self.log_var + 2.0 * log_temperature(temperature))

    def _weighted(self, values: Tensor) -> Tensor:
        weights = ops.reshape(ops.exp(self.log_weights()), (-1, *([1] * len(self.event_shape))))
        mean = ops.sum(weights * values, axis=0)
        if self.batch_size is None:
            return mean
        return ops.broadcast_to(ops.expand_dims(mean, 0), (self.batch_size, *self.event_shape))

    def mean(self) -> Tensor:
        return self._weighted(self.loc)

    def variance(self) -> Tensor:
        second = self._weighted(ops.exp(self.log_var) + ops.square(self.loc))
        return second - ops.square(self.mean())


@ops.custom_gradient
def mixture_log_prob(z: Tensor, loc: Tensor, log_var: Tensor, log_weights: Tensor) -> Any:
    """Log density of rows `z (n, width)` under components `(components, width)`: `(n,)`."""
    centre = ops.mean(loc, axis=0)
    given_z, given_loc = z, loc
    z, loc = z - centre, loc - centre
    precision = ops.exp(-log_var)
    scaled_loc = loc * precision
    constant = log_weights - 0.5 * (ops.sum(log_var, axis=1) + loc.shape[1] * math.log(2 * math.pi))

    def normalise(squares: Tensor) -> tuple[Tensor, Tensor]:
        joint = constant - 0.5 * squares
        return joint, ops.logsumexp(joint, axis=1)

    z_term = ops.matmul(ops.square(z), ops.transpose(precision))
    loc_term = ops.sum(loc * scaled_loc, axis=1)
    fast = z_term - 2.0 * ops.matmul(z, ops.transpose(scaled_loc)) + loc_term
    joint, density = normalise(fast)
    # Rounding of sums this large, weighted by how much each component may matter: by what it would weigh if
    # its squares were as much too large as they can be. 2.5 was found by comparison with float64 over log
    # variances in [-8, 4] and 2 to 100 dimensions.
    error = 2.5 * FLOAT32_EPSILON * (z_term + loc_term)
    accurate = ops.max(ops.sum(ops.softmax(joint + error, axis=1) * error, axis=1)) < TOLERANCE

    # Of the values as they were given: taking the centre off costs digits.
    joint, density = normalise(value_or(accurate, fast, _added_up, given_z, given_loc, precision))
    responsibilities = ops.exp(joint - density[:, None])

    def gradient(*args: Any, upstream: Any = None) -> tuple[Tensor, ...]:
        upstream = args[0] if upstream is None else upstream
        weighted = responsibilities * upstream[:, None]
        mass = ops.sum(weighted, axis=0)
        z_gradient = ops.matmul(weighted, scaled_loc) - z * ops.matmul(weighted, precision)
        first = ops.matmul(ops.transpose(weighted), z) - mass[:, None] * loc
        loc_gradient = precision * first
        # The weighted sum of (z - loc)^2 over the rows.
        second = ops.matmul(ops.transpose(weighted), ops.square(z)) - mass[:, None] * ops.square(loc)
        spread = value_or(accurate, second - 2.0 * loc * first, _spread, weighted, given_z, given_loc)
        log_var_gradient = 0.5 * (precision * spread - mass[:, None])
        return z_gradient, loc_gradient, log_var_gradient, mass

    return density, gradient


def _added_up(z: Tensor, loc: Tensor, precision: Tensor) -> Tensor:
    """Squared distances in units of the scales, one dimension after another: `(n, components)`."""
    z_rows, loc_rows, precision_rows = (ops.transpose(rows) for rows in (z, loc, precision))

    def add_dimension(index: Tensor, total: Tensor) -> Tensor:
        difference = ops.take(z_rows, index, axis=0)[:, None] - ops.take(loc_rows, index, axis=0)
        return total + ops.square(difference) * ops.take(precision_rows, index, axis=0)

    start = ops.zeros((ops.shape(z)[0], ops.shape(loc)[0]), dtype=loc.dtype)
    return ops.fori_loop(0, loc.shape[1], add_dimension, start)


def _spread(weighted: Tensor, z: Tensor, loc: Tensor) -> Tensor:
    """The weighted sum of (z - loc)^2 over the rows, one dimension after another: `(components, width)`."""
    rows = ops.map(
        lambda pair: ops.sum(weighted * ops.square(pair[0][:, None] - pair[1]), axis=0),
        (ops.transpose(z), ops.transpose(loc)),
    )
    return ops.transpose(rows)
