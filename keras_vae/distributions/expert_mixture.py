"""A mixture of diagonal Gaussians, another one for every row."""

import dataclasses
from collections.abc import Sequence
from typing import Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import NEVER, log_temperature, other_noise
from keras_vae.distributions.gaussian import LOG_VAR_RANGE, Gaussian
from keras_vae.hints import Seed, Tensor

__all__ = ["ExpertMixture"]


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class ExpertMixture(Distribution):
    """sum_c weight_c N(z | loc_c, exp(log_var_c)), with components of its own in every row (Shi et al., 2019).

    The posterior of several experts, of which some rows lack some. Several draws are stratified: of `n` draws each
    component gets `n` times its weight, rounded up or down, in a random order, so that each draw by itself is one from
    the mixture. Their average has less noise than that of independent ones, and is as unbiased. But the draws depend on
    each other, which the doubly reparametrised gradient does not allow: for it they are independent. Which component a
    draw comes from does not depend on the parameters, so draws pass gradients to all of them. A temperature multiplies
    the components' scales.

    Args:
        loc: means, `(..., components, *event)`.
        log_var: log variances, likewise; clipped to `LOG_VAR_RANGE`.
        logits: unnormalised log weights, `(..., components)`; -1e30 for a component that has none.
        event_ndims: number of trailing axes that make up one event.
        stratified: whether several draws are stratified, or independent.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import ExpertMixture
    >>> q = ExpertMixture(np.array([[[-1.0], [1.0]]]), np.zeros((1, 2, 1)), np.zeros((1, 2)))
    >>> round(float(q.log_prob(np.zeros((1, 1)))[0]), 4)
    -1.4189
    """

    loc: Tensor
    log_var: Tensor
    logits: Tensor
    event_ndims: int = dataclasses.field(default=1, kw_only=True)
    stratified: bool = dataclasses.field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        loc, log_var, logits = (
            ops.cast(ops.convert_to_tensor(value), "float32") for value in (self.loc, self.log_var, self.logits)
        )
        self._set(loc=loc, log_var=ops.clip(log_var, *LOG_VAR_RANGE), logits=logits)

    @classmethod
    def of(cls, components: Sequence[Gaussian], counted: Tensor, stratified: bool = True) -> Self:
        """The mixture, with equal weights, of the components that count in each row.

        Args:
            components: Gaussians `(batch, *event)`.
            counted: boolean `(batch, components)`, True for at least one in every row.
            stratified: whether several draws are stratified, or independent.
        """
        first = components[0]
        axis = -first.event_ndims - 1
        return cls(
            ops.stack([own.mean() for own in components], axis=axis),
            ops.stack([own.log_var + ops.zeros_like(own.loc) for own in components], axis=axis),
            ops.where(counted, 0.0, NEVER),
            event_ndims=first.event_ndims,
            stratified=stratified,
        )

    @property
    def _axis(self) -> int:
        """The axis of the components."""
        return -self.event_ndims - 1

    def log_weights(self) -> Tensor:
        """Normalised log weights, `(..., components)`."""
        return ops.log_softmax(self.logits, axis=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        value = ops.expand_dims(ops.cast(value, "float32"), self._axis)
        each = Gaussian(self.loc, self.log_var, event_ndims=self.event_ndims).log_prob(value)
        return ops.logsumexp(each + self.log_weights(), axis=-1)

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        weights = ops.softmax(self.logits, axis=-1)
        leading = ops.shape(weights)[:-1]
        several = num_samples is not None
        own = (num_samples, *leading) if several and not self.stratified else leading
        start = keras.random.uniform(own, dtype="float32", seed=seed)
        if several and self.stratified:
            # Points at equal distances on a circle, turned at random: stratified, and each is uniform by itself.
            steps = ops.reshape(ops.arange(num_samples, dtype="float32") / num_samples, (-1, *([1] * len(leading))))
            start = start + steps
            start = start - ops.floor(start)
        ends = ops.cumsum(weights, axis=-1)
        index = ops.sum(ops.cast(start[..., None] >= ends, "int32"), axis=-1)
        # Weights may add up to a little less than one: no draw from behind the last component that has any.
        last = ops.sum(ops.cast(ends < ends[..., -1:], "int32"), axis=-1)
        chosen = ops.one_hot(ops.minimum(index, last), self.logits.shape[-1], dtype="float32")
        loc, scale = self._weighted(self.loc, chosen), self._weighted(ops.exp(0.5 * self.log_var), chosen)
        return loc + scale * keras.random.normal(ops.shape(loc), dtype="float32", seed=other_noise(seed, 1))

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(log_var=self.log_var + 2.0 * log_temperature(temperature))

    def _weighted(self, values: Tensor, weights: Tensor | None = None) -> Tensor:
        """The sum over components of weights `(..., components)`, by default the mixture's, times values."""
        weights = ops.softmax(self.logits, axis=-1) if weights is None else weights
        weights = ops.reshape(weights, (*ops.shape(weights), *([1] * self.event_ndims)))
        return ops.sum(weights * values, axis=self._axis)

    def mean(self) -> Tensor:
        return self._weighted(self.loc)

    def point_estimate(self) -> Tensor:
        """The mean of the sharpest component, of those with a weight: of a product of all experts, if there is one.

        The mean of the mixture may lie between its components, where it has no mass, and vague components move it.
        """
        axes = tuple(range(-self.event_ndims, 0))
        width = ops.sum(self.log_var, axis=axes)
        there = self.logits > 0.5 * NEVER
        # The last one of those that are equally sharp, as all are whose variances are clipped: products of more experts
        # stand behind those of fewer.
        backwards = ops.flip(ops.where(there, width, float("inf")), axis=-1)
        sharpest = self.logits.shape[-1] - 1 - ops.argmin(backwards, axis=-1)
        return self._weighted(self.loc, ops.one_hot(sharpest, self.logits.shape[-1], dtype="float32"))

    def variance(self) -> Tensor:
        # Around the mean, where squares of large locations would cancel.
        centred = self.loc - ops.expand_dims(self.mean(), self._axis)
        return self._weighted(ops.exp(self.log_var) + ops.square(centred))
