"""Distributions of several fields, each of its own kind."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import keras

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import several
from keras_vae.hints import Seed, Tensor

__all__ = ["Joint"]


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class Joint(Distribution):
    """Independent fields: values are dicts, and log_prob is the sum over them.

    As experts of several modalities are given one latent (Wu and Goodman, 2018). Draws, means and modes are dicts
    with an entry for every field, `(batch, *event)` of its own event shape.

    Args:
        parts: dict from a field's name to its distribution value.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Bernoulli, Gaussian, Joint
    >>> p = Joint({"size": Gaussian(np.zeros((1, 1)), np.zeros((1, 1))), "sold": Bernoulli(np.zeros((1, 1)))})
    >>> value = {"size": np.zeros((1, 1)), "sold": np.ones((1, 1))}
    >>> round(float(p.log_prob(value)[0]), 4)
    -1.6121
    >>> sorted(p.mean())
    ['size', 'sold']
    """

    # One flat dict of tensors by the names of fields of the dataclass cannot hold those of every part.
    has_tensors: ClassVar[bool] = False

    parts: Mapping[str, Distribution]

    def __post_init__(self) -> None:
        self._set(parts=dict(self.parts))

    def log_prob(self, value: Any) -> Tensor:
        return sum(self.log_prob_per_field(value).values())

    def log_prob_per_field(self, value: Any) -> dict[str, Tensor]:
        """Log density of every field, in nats: dict of `(batch,)`.

        Args:
            value: dict of `(batch, *event)`, with an entry for every field.
        """
        return {name: part.log_prob(value[name]) for name, part in self.parts.items()}

    def log_prob_per_element(self, value: Any) -> dict[str, Any]:
        return {name: part.log_prob_per_element(value[name]) for name, part in self.parts.items()}

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Any:
        seed = several(seed)
        return {name: part.sample(seed, num_samples) for name, part in self.parts.items()}

    def tempered(self, temperature: float) -> "Joint":
        """Every field at the temperature: 1 is this distribution, 0 the mode of each field."""
        return Joint({name: part.tempered(temperature) for name, part in self.parts.items()})

    def mean(self) -> Any:
        return {name: part.mean() for name, part in self.parts.items()}

    def mode(self) -> Any:
        return {name: part.mode() for name, part in self.parts.items()}

    def variance(self) -> Any:
        return {name: part.variance() for name, part in self.parts.items()}

    def tensors(self) -> dict[str, Tensor]:
        raise NotImplementedError("A joint value's parameters are those of its parts: take each of them apart.")
