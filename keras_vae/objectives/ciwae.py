"""Between the ELBO and the importance-weighted bound."""

import numbers
from typing import Any

from keras import ops

from keras_vae.hints import Config, Tensor
from keras_vae.objectives.importance_weighted import ImportanceWeighted
from keras_vae.objectives.iwae import log_mean_exp
from keras_vae.registry import objectives

__all__ = ["CIWAE"]


@objectives.register("ciwae", package="keras_vae")
class CIWAE(ImportanceWeighted):
    """-(beta ELBO + (1 - beta) IWAE), in nats per example, `(batch,)` (Rainforth et al., 2018, equation 7).

    The ELBO gives the encoder a clear gradient, the importance-weighted bound gives the decoder a tight bound. `beta`
    is a variable, so a `keras_vae.callbacks.BetaSchedule` may move it during training.

    Args:
        beta: share of the ELBO, from 0 to 1.
        num_samples: number of latents drawn for each example; both bounds use all of them.
        gradient: `"standard"`, `"stl"` or `"dreg"`, see `keras_vae.objectives.ImportanceWeighted`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, or a gradient that the latents do not allow.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> terms = kv.objectives.Terms.of(log_weights=np.array([[-3.0, -1.0]], "float32"))
    >>> [round(float(kv.objectives.CIWAE(beta, 2).loss(terms)[0]), 4) for beta in (0.0, 0.5, 1.0)]
    [1.5662, 1.7831, 2.0]
    """

    def __init__(self, beta: float = 0.5, num_samples: int = 5, gradient: str = "standard", **kwargs: Any) -> None:
        super().__init__(num_samples, gradient, **kwargs)
        self.refuse_objective(beta)
        if isinstance(beta, bool) or not isinstance(beta, numbers.Real) or not 0 <= beta <= 1:
            raise ValueError(
                f"Argument `beta` must be a number from 0 to 1, the share of the ELBO. Received: beta={beta!r}"
            )
        self.initial_beta: float = float(beta)
        self.beta: Any = self.add_factor("beta", self.initial_beta)

    def bound(self, log_weights: Tensor) -> Tensor:
        return self.beta * ops.mean(log_weights, axis=1) + (1.0 - self.beta) * log_mean_exp(log_weights)

    def gradient_weights(self, log_weights: Tensor) -> tuple[Tensor, Tensor]:
        normalised = ops.softmax(log_weights, axis=1)
        of_densities, of_draws = (
            self.beta / self.num_samples + (1.0 - self.beta) * weights
            for weights in (normalised, ops.square(normalised))
        )
        return of_densities, of_draws

    def get_config(self) -> Config:
        return {**super().get_config(), "beta": self.initial_beta}
