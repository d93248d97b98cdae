"""All of the probability at one point."""

import dataclasses
from typing import ClassVar, Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import repeated
from keras_vae.hints import Seed, Tensor

__all__ = ["Deterministic"]


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class Deterministic(Distribution):
    """The point `loc`: every draw is the same, and there is no density.

    It is the q(z | x) of an autoencoder without noise (Ghosh et al., 2020). A Kullback-Leibler divergence from it is
    infinite, so `log_prob` raises an error, and with it everything that needs a density: the ELBO, and importance
    sampling.

    Args:
        loc: the point, `(..., *event)`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Deterministic
    >>> tuple(Deterministic(np.zeros((3, 2))).sample(num_samples=5).shape)
    (5, 3, 2)
    """

    has_temperature: ClassVar[bool] = False

    loc: Tensor

    def __post_init__(self) -> None:
        self._set(loc=ops.cast(ops.convert_to_tensor(self.loc), "float32"))

    def log_prob(self, value: Tensor) -> Tensor:
        raise NotImplementedError(
            "A deterministic posterior has no density, and so neither a KL, nor an ELBO, nor a log-likelihood. Use the "
            "objective 'autoencoder', 'regularized', 'wasserstein' or 'adversarial' to train with it, and a posterior "
            "with a density, such as 'gaussian', for the others."
        )

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        return repeated(self.loc, num_samples)

    def tempered(self, temperature: Tensor | float) -> Self:
        return self

    def mean(self) -> Tensor:
        return self.loc

    def mode(self) -> Tensor:
        return self.loc

    def variance(self) -> Tensor:
        return ops.zeros_like(self.loc)
