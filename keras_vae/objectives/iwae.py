"""The importance-weighted bound."""

import math

from keras import ops

from keras_vae.hints import Tensor
from keras_vae.objectives.importance_weighted import ImportanceWeighted
from keras_vae.registry import objectives

__all__ = ["IWAE", "log_mean_exp"]


@objectives.register("iwae", package="keras_vae")
class IWAE(ImportanceWeighted):
    """-log (1/k) sum_k w_k, in nats per example, `(batch,)` (Burda et al., 2016, equation 8).

    w_k = p(x, z_k) / q(z_k | x) for k draws from q. A bound of log p(x) that rises with k, from the ELBO at k = 1; the
    decoder runs k times for each example. With more samples the gradient of the encoder becomes noise (Rainforth et
    al., 2018), which `gradient="dreg"` avoids.

    Args:
        num_samples: k, the number of latents drawn for each example.
        gradient: `"standard"`, `"stl"` or `"dreg"`, see `keras_vae.objectives.ImportanceWeighted`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, or a gradient that the latents do not allow.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> terms = kv.objectives.Terms.of(log_weights=np.log([[0.1, 0.3]]))
    >>> round(float(kv.objectives.IWAE(2).loss(terms)[0]), 4)  # -log 0.2
    1.6094
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=kv.objectives.IWAE(10, gradient="dreg"))
    """

    def bound(self, log_weights: Tensor) -> Tensor:
        return log_mean_exp(log_weights)

    def gradient_weights(self, log_weights: Tensor) -> tuple[Tensor, Tensor]:
        normalised = ops.softmax(log_weights, axis=1)
        return normalised, ops.square(normalised)


def log_mean_exp(values: Tensor) -> Tensor:
    """log of the mean of exp(values) over the last axis: `(..., n) -> (...)`.

    >>> import numpy as np
    >>> round(float(log_mean_exp(np.log([1.0, 3.0]))), 4)
    0.6931
    """
    return ops.logsumexp(values, axis=-1) - math.log(values.shape[-1])
