"""The variational Rényi bound."""

import math
import numbers
from typing import Any

from keras import ops

from keras_vae.hints import Config, Tensor
from keras_vae.objectives.importance_weighted import ImportanceWeighted
from keras_vae.objectives.iwae import log_mean_exp
from keras_vae.registry import objectives

__all__ = ["Renyi"]


@objectives.register("renyi", package="keras_vae")
class Renyi(ImportanceWeighted):
    """-log((1/k) sum_k w_k^(1 - alpha)) / (1 - alpha), in nats, `(batch,)` (Li and Turner, 2016, eq. 14).

    alpha = 1 is the ELBO and alpha = 0 the IWAE bound. Above 1 the posterior covers less than the ELBO's would, below 0
    more; alpha = -inf keeps the largest weight alone (their VR-max).

    Args:
        alpha: order of the divergence, a number, or `-math.inf`.
        num_samples: k, the number of latents drawn for each example.
        gradient: `"standard"`, `"stl"` or `"dreg"`, see `keras_vae.objectives.ImportanceWeighted`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, or a gradient that the latents do not allow.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> terms = kv.objectives.Terms.of(log_weights=np.array([[-3.0, -1.0]], "float32"))
    >>> [round(float(kv.objectives.Renyi(alpha, 2).loss(terms)[0]), 4) for alpha in (-np.inf, 0.0, 1.0)]
    [1.0, 1.5662, 2.0]
    """

    def __init__(self, alpha: float = 0.5, num_samples: int = 5, gradient: str = "standard", **kwargs: Any) -> None:
        super().__init__(num_samples, gradient, **kwargs)
        self.refuse_objective(alpha)
        valid = isinstance(alpha, numbers.Real) and not isinstance(alpha, bool)
        if not valid or math.isnan(alpha) or alpha == math.inf:
            raise ValueError(f"Argument `alpha` must be a number, or -math.inf. Received: alpha={alpha!r}")
        if alpha == -math.inf and gradient == "dreg":
            raise ValueError(
                "Argument `gradient`: the largest weight alone, alpha=-inf, has no doubly reparametrised gradient. "
                "Received: gradient='dreg'. Use 'standard', or a finite alpha."
            )
        self.alpha = float(alpha)

    def bound(self, log_weights: Tensor) -> Tensor:
        if self.alpha == -math.inf:
            return ops.max(log_weights, axis=1)
        if self.alpha == 1.0:
            return ops.mean(log_weights, axis=1)
        return log_mean_exp((1.0 - self.alpha) * log_weights) / (1.0 - self.alpha)

    def gradient_weights(self, log_weights: Tensor) -> tuple[Tensor, Tensor]:
        weights = ops.softmax((1.0 - self.alpha) * log_weights, axis=1)
        return weights, self.alpha * weights + (1.0 - self.alpha) * ops.square(weights)

    def get_config(self) -> Config:
        return {**super().get_config(), "alpha": self.alpha}
