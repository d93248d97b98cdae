"""The ELBO with a maximum mean discrepancy in place of a part of its KL."""

from typing import Any

from keras import ops

from keras_vae.arguments import non_negative_number, positive_int
from keras_vae.hints import Config, Tensor
from keras_vae.objectives.terms import Terms
from keras_vae.objectives.wasserstein import Wasserstein
from keras_vae.registry import objectives

__all__ = ["InfoVAE"]


@objectives.register("info_vae", package="keras_vae")
class InfoVAE(Wasserstein):
    """-E[log p(x|z)] + beta KL(q(z|x) || p(z)) + mmd_weight MMD(q(z), p(z)), in nats (Zhao, Song and Ermon, 2019).

    Their equation 8, with beta = 1 - alpha and mmd_weight = alpha + lambda - 1. The discrepancy compares the latents of
    the whole batch, `(batch, width)`, with draws from the prior, so, unlike the KL, it does not ask every example to
    look like the prior: against posterior collapse. With beta = 0 it is their MMD-VAE. The discrepancy is logged as
    `mmd`.

    Args:
        beta: factor of the KL, a variable.
        mmd_weight: factor of the squared discrepancy, which is of the order of 1 or below; the reconstruction loss is
            in nats.
        kernel: `"imq"`, inverse multiquadratics of several widths, or `"rbf"`.
        bandwidth: typical standard deviation of a latent dimension; the prior's.
        num_samples: number of latents drawn for each example in a training step.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, or latents of unknown length.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=kv.objectives.InfoVAE(beta=0.0, kernel="rbf"))
    """

    default_posterior = "gaussian"

    def __init__(
        self,
        beta: float = 0.5,
        mmd_weight: float = 10.0,
        kernel: str = "imq",
        bandwidth: float = 1.0,
        num_samples: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(mmd_weight, kernel, bandwidth, **kwargs)
        self.initial_beta = non_negative_number(beta, "beta")
        self.num_samples = positive_int(num_samples, "num_samples")
        self.beta = self.add_factor("beta", self.initial_beta)

    def loss(self, terms: Terms) -> Tensor:
        return self.beta * ops.sum(terms.kl, axis=1) + super().loss(terms)

    def get_config(self) -> Config:
        return {**super().get_config(), "beta": self.initial_beta, "num_samples": self.num_samples}
