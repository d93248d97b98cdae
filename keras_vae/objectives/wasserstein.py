"""The Wasserstein autoencoder with a maximum mean discrepancy."""

from typing import Any

from keras import metrics, ops

from keras_vae.arguments import non_negative_number, one_of, positive_number
from keras_vae.hints import Config, Tensor
from keras_vae.objectives.discrepancy import KERNELS, maximum_mean_discrepancy
from keras_vae.objectives.latent_vectors import latent_vectors, width_of_latents
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["Wasserstein"]


@objectives.register("wasserstein", package="keras_vae")
class Wasserstein(Objective):
    """-log p(x|z) + mmd_weight MMD(q(z), p(z)), in nats per example: WAE-MMD (Tolstikhin et al., 2018, equation 4).

    The cost of a reconstruction is the likelihood's; under a Gaussian of fixed scale that is the squared error of the
    paper. A model with this objective has the posterior `"deterministic"` and logs no `kl_loss`, unless it is created
    with another posterior, such as `"gaussian"`: the paper allows both. The discrepancy compares the latents of the
    whole batch, `(batch, width)`, with draws from the prior, so batches should be large; it is logged as `mmd`.

    Args:
        mmd_weight: lambda, the factor of the squared discrepancy.
        kernel: `"imq"`, inverse multiquadratics of several widths, as in the paper, or `"rbf"`.
        bandwidth: typical standard deviation of a latent dimension; the prior's.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, or latents of unknown length.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, likelihood="gaussian", objective="wasserstein")
    """

    default_posterior = "deterministic"

    def __init__(self, mmd_weight: float = 10.0, kernel: str = "imq", bandwidth: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mmd_weight = non_negative_number(mmd_weight, "mmd_weight")
        self.kernel = one_of(kernel, KERNELS, "kernel")
        self.bandwidth = positive_number(bandwidth, "bandwidth")
        self.tracker = metrics.Mean(name="mmd")

    def build(self, spec: dict[str, Any]) -> None:
        width_of_latents(spec, self.name)

    def loss(self, terms: Terms) -> Tensor:
        found = maximum_mean_discrepancy(
            latent_vectors(terms.z), latent_vectors(terms.prior_z), self.kernel, self.bandwidth
        )
        self.tracker.update_state(found, sample_weight=ops.cast(ops.shape(terms.log_likelihood)[0], "float32"))
        return self.mmd_weight * found - ops.mean(terms.log_likelihood, axis=1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "mmd_weight": self.mmd_weight,
            "kernel": self.kernel,
            "bandwidth": self.bandwidth,
        }
