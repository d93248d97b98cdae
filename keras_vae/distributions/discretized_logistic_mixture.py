"""8-bit pixels: a mixture of discretised logistics whose channels depend on each other."""

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Self

import keras
from keras import ops

from keras_vae.distributions.discretized_logistic import (
    bounded_log_scale,
    draw_level,
    level_log_prob,
    mean_level,
    mode_level,
    to_unit,
)
from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.draws import at_least, log_temperature, several, with_samples
from keras_vae.hints import Seed, Tensor

__all__ = ["DiscretizedLogisticMixture"]


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class DiscretizedLogisticMixture(Independent):
    """Pixels of several channels, whole numbers 0 to num_levels - 1, as in PixelCNN++ (Salimans et al., 2017).

    A pixel's channels share the component. The location of channel c in it is `loc` plus `coefficients`
    times the channels before c, so that channels correlate (equation 3). Pixels are independent. Parameters
    are in units in which the levels span [-1, 1]. A temperature divides the components' logits, and scales
    the spread within each.

    Args:
        logits: unnormalised log weights of the K components, `(..., height, width, K)`.
        loc: locations, `(..., height, width, channels, K)`.
        log_scale: log scales, as `loc`.
        coefficients: `(..., height, width, channels * (channels - 1) / 2, K)`: of channel 1 on 0, of 2 on 0,
            of 2 on 1, and so on; None for one channel.
        num_levels: number of levels, at least 2.
        event_ndims: number of trailing axes that make up one image, the channels' axis being the last.
        mask: pixels that count, see `Independent`; it has no axis for channels.

    Raises:
        ValueError: a mask with an axis for the channels.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import DiscretizedLogisticMixture
    >>> loc = np.zeros((1, 1, 1, 1, 2))
    >>> p = DiscretizedLogisticMixture(np.zeros((1, 1, 1, 2)), loc, loc, num_levels=2)
    >>> round(float(np.exp(p.log_prob(np.ones((1, 1, 1, 1))))[0]), 6)
    0.5
    """

    has_exact_mode: ClassVar[bool] = False

    logits: Tensor
    loc: Tensor
    log_scale: Tensor
    coefficients: Tensor = None
    num_levels: int = 256
    event_ndims: int = dataclasses.field(default=3, kw_only=True)

    def __post_init__(self) -> None:
        logits, loc, log_scale, coefficients = (
            None if value is None else ops.cast(ops.convert_to_tensor(value), "float32")
            for value in (self.logits, self.loc, self.log_scale, self.coefficients)
        )
        log_scale = bounded_log_scale(log_scale, self.num_levels)
        self._set(logits=logits, loc=loc, log_scale=log_scale, coefficients=coefficients)
        if self.mask is not None and len(self.mask.shape) > self.event_ndims:
            raise ValueError(
                "The mask of a mixture says which pixels count: the channels of a pixel share the component, and "
                f"cannot be left out one by one. Received: a mask of shape {tuple(self.mask.shape)}."
            )

    @property
    def channels(self) -> int:
        """Number of channels of a pixel."""
        return self.loc.shape[-2]

    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        """Log density of every pixel, `(..., height, width, 1)`."""
        channels = [value[..., channel, None] for channel in range(self.channels)]
        # channel by channel, so that no tensor of pixels x channels x components is made
        within = sum(
            level_log_prob(channels[index], loc, log_scale, self.num_levels)
            for index, (loc, log_scale) in enumerate(self._given(channels))
        )
        pixels = ops.logsumexp(within + ops.log_softmax(self.logits, axis=-1), axis=-1)
        return pixels[..., None]

    def filler(self) -> Tensor:
        return ops.zeros((), dtype="float32")

    def _given(self, channels: list[Tensor], chosen: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Location and log scale of every channel, given those before it, which may be filled in on the way.

        Args:
            channels: levels of the channels, one tensor each; those before a channel are read when it is asked for.
            chosen: one-hot `(..., K)`, to get the parameters of one component for each pixel.
        """

        def pick(parameter: Tensor, index: int) -> Tensor:
            parameter = parameter[..., index, :]
            return parameter if chosen is None else ops.sum(parameter * chosen, axis=-1)

        first = 0
        for channel in range(self.channels):
            loc = pick(self.loc, channel)
            for before in range(channel):
                loc = loc + pick(self.coefficients, first + before) * to_unit(channels[before], self.num_levels)
            first += channel
            yield loc, pick(self.log_scale, channel)

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        seed = several(seed)
        shape = with_samples(ops.shape(self.logits), num_samples)
        uniform = keras.random.uniform(shape, 1e-7, 1.0 - 1e-7, dtype="float32", seed=seed)
        component = ops.argmax(self.logits - ops.log(-ops.log(uniform)), axis=-1)
        chosen = ops.one_hot(component, self.logits.shape[-1], dtype="float32")
        channels: list[Tensor] = []
        for loc, log_scale in self._given(channels, chosen):
            channels.append(draw_level(loc, log_scale, self.num_levels, seed, ops.shape(loc)))
        return ops.stack(channels, axis=-1)

    def tempered(self, temperature: Tensor | float) -> Self:
        return self._changed(
            logits=self.logits / at_least(temperature, 1e-6),
            log_scale=self.log_scale + log_temperature(temperature),
        )

    def mean(self) -> Tensor:
        """Expected level. Exact for one channel; else every channel is taken at the mean of those before it."""
        channels: list[Tensor] = []
        for loc, log_scale in self._given(channels):
            channels.append(mean_level(loc, log_scale, self.num_levels))
        weights = ops.softmax(self.logits, axis=-1)
        return ops.stack([ops.sum(weights * channel, axis=-1) for channel in channels], axis=-1)

    def mode(self) -> Tensor:
        """The most likely of the components' modes, pixel by pixel: the mixture's own has no closed form."""
        best = score = None
        for component in range(self.logits.shape[-1]):
            chosen = ops.one_hot(component, self.logits.shape[-1], dtype="float32")
            channels: list[Tensor] = []
            for loc, log_scale in self._given(channels, chosen):
                channels.append(mode_level(loc, log_scale, self.num_levels))
            candidate = ops.stack(channels, axis=-1)
            found = self.elementwise_log_prob(candidate)
            if best is None:
                best, score = candidate, found
            else:
                best, score = ops.where(found > score, candidate, best), ops.maximum(found, score)
        return best
