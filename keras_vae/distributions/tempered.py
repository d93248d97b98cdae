"""Draws at a temperature for which there is no density in closed form."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import at_least, at_temperature
from keras_vae.hints import Config, Seed, Tensor

__all__ = ["Tempered"]


@dataclasses.dataclass(frozen=True, eq=False)
class Tempered(Distribution):
    """What `tempered` gives where draws at a temperature follow no distribution of the same class: draws alone.

    Counts are such: `Poisson`, `NegativeBinomial`, `BetaBinomial` and `Multinomial` pull a draw towards the
    mode, in proportion, and round it. `log_prob` says so and raises. `mean` and `mode` are those of the distribution
    itself, the mean as a point of reference.

    Args:
        distribution: the distribution, at temperature one.
        draw: function `(seed, num_samples) -> draws`, `(..., *event)` or `(num_samples, ..., *event)`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Poisson
    >>> cold = Poisson(np.full((1, 1), np.log(3.5))).tempered(0.0)
    >>> type(cold).__name__, float(cold.sample(seed=0)[0, 0])
    ('Tempered', 3.0)
    """

    has_tensors: ClassVar[bool] = False

    distribution: Distribution
    draw: Callable

    @classmethod
    def towards(
        cls,
        distribution: Distribution,
        centre: Callable,
        temperature: Any,
        *,
        whole_numbers: bool = False,
        highest: float = math.inf,
    ) -> "Tempered":
        """Draws whose distance to a centre is multiplied by the temperature.

        Args:
            distribution: the distribution, at temperature one.
            centre: function without arguments, the centre `(..., *event)`: its `mean` or `mode`.
            temperature: a number or a scalar tensor.
            whole_numbers: round the distance, for counts from 0 on.
            highest: largest count.
        """
        temperature = at_least(temperature, 0.0)

        def draw(seed: Seed, num_samples: int | None) -> Tensor:
            drawn = distribution.sample(seed, num_samples=num_samples)
            middle = ops.convert_to_tensor(centre())
            if whole_numbers:
                return at_temperature(drawn, middle, temperature, highest)
            # at one exactly as drawn, which the sum would round
            return ops.where(temperature == 1.0, drawn, middle + temperature * (drawn - middle))

        return cls(distribution, draw)

    def log_prob(self, value: Tensor) -> NoReturn:
        raise NotImplementedError(
            f"A {type(self.distribution).__name__} at a temperature has draws and no density in closed form. Take "
            "log_prob of the distribution itself, before tempered(temperature)."
        )

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        return self.draw(seed, num_samples)

    def tempered(self, temperature: Any) -> NoReturn:
        raise NotImplementedError(
            f"These draws of a {type(self.distribution).__name__} have a temperature already. Take "
            "tempered(temperature) of the distribution itself, with the product of both."
        )

    def mean(self) -> Tensor:
        return self.distribution.mean()

    def mode(self) -> Tensor:
        return self.distribution.mode()

    def tensors(self) -> dict[str, Tensor]:
        raise NotImplementedError("Draws at a temperature have no parameters of their own to take apart.")

    def get_config(self) -> Config:
        raise NotImplementedError(
            "Draws at a temperature cannot be saved in a config. Save the distribution itself, and take "
            "tempered(temperature) of what is loaded."
        )
