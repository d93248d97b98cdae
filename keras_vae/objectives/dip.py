"""A penalty of the covariance of the latents."""

from typing import Any

from keras import metrics, ops

from keras_vae.arguments import non_negative_number, one_of
from keras_vae.hints import Component, Config, Tensor
from keras_vae.objectives.combined import Combined
from keras_vae.objectives.latent_vectors import latent_vectors, width_of_latents
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["DIP"]


@objectives.register("dip", package="keras_vae")
class DIP(Combined):
    """Another objective, plus a penalty that makes the covariance of the latents the identity (Kumar et al., 2018).

    off_diagonal sum_(i != j) C_ij^2 + diagonal sum_i (C_ii - 1)^2. In DIP-VAE-I, C is the covariance of the posterior's
    means over the data (equation 6), in DIP-VAE-II that of its draws, which adds the mean of the variances (equation
    7). Both are taken over the latents of the batch, `(batch, width)`, so batches should be large. The penalty, in
    nats, is logged as `dip_loss`.

    Args:
        objective: the other objective, a name or an instance.
        variant: `"I"` or `"II"`.
        off_diagonal: factor of the covariances, a finite number >= 0.
        diagonal: factor of the variances' distance to 1; by default ten times `off_diagonal` for variant I and the same
            for II, as in the paper.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, or latents of unknown length.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=kv.objectives.DIP(variant="II"))
    """

    def __init__(
        self,
        objective: Component = "elbo",
        variant: str = "I",
        off_diagonal: float = 10.0,
        diagonal: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(objective, **kwargs)
        self.variant = one_of(variant, ("I", "II"), "variant")
        self.off_diagonal = non_negative_number(off_diagonal, "off_diagonal")
        if diagonal is None:
            diagonal = 10.0 * self.off_diagonal if variant == "I" else self.off_diagonal
        self.diagonal = non_negative_number(diagonal, "diagonal")
        self.tracker = metrics.Mean(name="dip_loss")

    def build(self, spec: dict[str, Any]) -> None:
        super().build(spec)
        width_of_latents(spec, "dip")
        if self.num_samples > 1 and not spec["components"].latents.independent_levels:
            raise ValueError(
                "The objective 'dip' takes one draw of latents whose levels depend on each other. Received: "
                f"num_samples={self.num_samples} of {type(self.objective).__name__}"
            )

    def loss(self, terms: Terms) -> Tensor:
        covariance = self._covariance([level.posterior for level in terms.levels])
        identity = ops.eye(covariance.shape[0])
        squares = ops.square(covariance - identity)
        penalty = ops.sum(squares * (self.diagonal * identity + self.off_diagonal * (1.0 - identity)))
        self.tracker.update_state(penalty, sample_weight=ops.cast(ops.shape(terms.log_likelihood)[0], "float32"))
        return self.objective.loss(terms) + penalty

    def _covariance(self, posteriors: list[Any]) -> Tensor:
        """C, `(width, width)`."""
        means = as_vectors([posterior.mean() for posterior in posteriors])
        centred = means - ops.mean(means, axis=0)
        rows = ops.cast(ops.shape(means)[0], "float32")
        covariance = ops.matmul(ops.transpose(centred), centred) / rows
        if self.variant == "I":
            return covariance
        variances = ops.mean(as_vectors([posterior.variance() for posterior in posteriors]), axis=0)
        return covariance + variances * ops.eye(covariance.shape[0])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "variant": self.variant,
            "off_diagonal": self.off_diagonal,
            "diagonal": self.diagonal,
        }


def as_vectors(levels: list[Tensor]) -> Tensor:
    """One row for each example, from `(batch, *latent)` of every level: `(batch, width)`."""
    return latent_vectors([ops.expand_dims(level, 1) for level in levels])
