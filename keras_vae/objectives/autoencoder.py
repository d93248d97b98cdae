"""The reconstruction alone."""

from typing import Any

from keras import ops

from keras_vae.hints import Tensor
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["Autoencoder"]


@objectives.register("autoencoder", package="keras_vae")
class Autoencoder(Objective):
    """-log p(x | z), in nats per example, `(batch,)`: no KL, and by default no noise (Hinton and Salakhutdinov, 2006).

    A model with this objective has the posterior `"deterministic"`, unless it is created with another one, and logs no
    `kl_loss`. Nothing ties its latents to the prior, so fit a sampler after training to generate from it.

    Args:
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective="autoencoder")
    >>> vae.compile("adam")
    >>> sorted(vae.fit(np.random.default_rng(0).random((64, 4)), verbose=0).history)
    ['loss', 'reconstruction_loss']
    """

    default_posterior = "deterministic"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def loss(self, terms: Terms) -> Tensor:
        return -ops.mean(terms.log_likelihood, axis=1)
