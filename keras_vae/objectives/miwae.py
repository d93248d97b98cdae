"""The mean of several importance-weighted bounds."""

from typing import Any

from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.hints import Config, Tensor
from keras_vae.objectives.importance_weighted import ImportanceWeighted
from keras_vae.objectives.iwae import log_mean_exp
from keras_vae.registry import objectives

__all__ = ["MIWAE", "in_groups", "number_of_groups"]


@objectives.register("miwae", package="keras_vae")
class MIWAE(ImportanceWeighted):
    """-(1/M) sum_m log (1/K) sum_k w_mk, in nats per example, `(batch,)` (Rainforth et al., 2018, equation 6).

    The mean of M bounds of K weights each. It lies between the ELBO (K = 1) and the IWAE bound of all samples (M = 1):
    more groups give the encoder a clearer gradient, more samples in each a tighter bound.

    Args:
        num_samples: M K, the number of latents drawn for each example.
        groups: M, the number of bounds that are averaged; it divides `num_samples`.
        gradient: `"standard"`, `"stl"` or `"dreg"`, see `keras_vae.objectives.ImportanceWeighted`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, or a gradient that the latents do not allow.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> terms = kv.objectives.Terms.of(log_weights=np.log([[0.1, 0.3, 0.2, 0.2]]))
    >>> round(float(kv.objectives.MIWAE(4, groups=2).loss(terms)[0]), 4)  # both have a mean of 0.2
    1.6094
    """

    def __init__(self, num_samples: int = 8, groups: int = 2, gradient: str = "standard", **kwargs: Any) -> None:
        super().__init__(num_samples, gradient, **kwargs)
        self.groups = number_of_groups(groups, self.num_samples)

    def bound(self, log_weights: Tensor) -> Tensor:
        return ops.mean(log_mean_exp(in_groups(log_weights, self.groups)), axis=1)

    def gradient_weights(self, log_weights: Tensor) -> tuple[Tensor, Tensor]:
        normalised = ops.softmax(in_groups(log_weights, self.groups), axis=2)
        of_densities, of_draws = (
            ops.reshape(weights / self.groups, (-1, self.num_samples))
            for weights in (normalised, ops.square(normalised))
        )
        return of_densities, of_draws

    def get_config(self) -> Config:
        return {**super().get_config(), "groups": self.groups}


def number_of_groups(groups: int, num_samples: int) -> int:
    """The argument `groups`, which divides the number of samples.

    Raises:
        ValueError: it does not.
    """
    if num_samples % positive_int(groups, "groups"):
        raise ValueError(f"Argument `groups` must divide num_samples={num_samples}. Received: groups={groups!r}")
    return int(groups)


def in_groups(values: Tensor, groups: int) -> Tensor:
    """`(batch, samples)` as `(batch, groups, samples / groups)`.

    >>> import numpy as np
    >>> tuple(in_groups(np.zeros((3, 8)), 2).shape)
    (3, 2, 4)
    """
    return ops.reshape(values, (-1, groups, values.shape[1] // groups))
