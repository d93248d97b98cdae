"""The KL in three parts, of which the total correlation has a factor of its own."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import non_negative_number, one_of, positive_int
from keras_vae.distributions.distribution import Independent
from keras_vae.hints import Config, Tensor
from keras_vae.objectives.latent_vectors import width_of_latents
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["BetaTC"]


@objectives.register("beta_tc", package="keras_vae")
class BetaTC(Objective):
    """The ELBO with factors for the parts of its KL, in nats per example (Chen et al., 2018, equation 4).

    -E[log p(x|z)] + alpha I(x; z) + beta KL(q(z) || prod_j q(z_j)) + gamma sum_j KL(q(z_j) || p(z_j)), where q(z) is
    the mean of q(z | x) over the data. A factor beta above 1 of the second part, the total correlation, asks for
    dimensions that are independent of each other, for interpretable latents. q(z) is estimated from the batch, so
    batches should be large. The three parts are logged as `mutual_information`, `total_correlation` and
    `dimension_wise_kl`.

    Args:
        beta: factor of the total correlation, a variable.
        alpha: factor of the mutual information.
        gamma: factor of the KL of the single dimensions.
        weighting: `"minibatch"` or `"stratified"` (Chen et al., 2018, appendix C), how the batch stands for the data.
        dataset_size: number of training examples. With `"minibatch"` it only shifts the three parts against each other
            by constants, and is the batch's by default; `"stratified"` needs it.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, levels of latents that depend on each other, or a posterior whose dimensions do.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(64, 64, 1), latent_dim=10, objective=kv.objectives.BetaTC(6.0))
    """

    def __init__(
        self,
        beta: float = 6.0,
        alpha: float = 1.0,
        gamma: float = 1.0,
        weighting: str = "minibatch",
        dataset_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.initial_beta = non_negative_number(beta, "beta")
        self.alpha = non_negative_number(alpha, "alpha")
        self.gamma = non_negative_number(gamma, "gamma")
        self.weighting = one_of(weighting, ("minibatch", "stratified"), "weighting")
        self.dataset_size = None if dataset_size is None else positive_int(dataset_size, "dataset_size")
        if weighting == "stratified" and dataset_size is None:
            raise ValueError(
                "Argument `dataset_size` must be the number of training examples: weighting='stratified' needs it. "
                "Received: dataset_size=None"
            )
        self.beta = self.add_factor("beta", self.initial_beta)
        names = ("mutual_information", "total_correlation", "dimension_wise_kl")
        self.part_trackers = [keras.metrics.Mean(name=name) for name in names]

    def build(self, spec: dict[str, Any]) -> None:
        width_of_latents(spec, "beta_tc")
        if not spec["components"].latents.independent_levels:
            raise ValueError(
                "The objective 'beta_tc' needs latents that do not depend on each other, for which the total "
                f"correlation is defined. Received: latents of the shapes {list(spec['latent_shapes'])}. Use a single "
                "level."
            )

    def parts(self, terms: Terms) -> tuple[Tensor, Tensor, Tensor]:
        """Mutual information, total correlation and KL of the dimensions, each `(batch,)`, in nats.

        Args:
            terms: see `keras_vae.objectives.Terms`.
        """
        densities, log_p = [], 0.0
        for level in terms.levels:
            densities.append(pairwise_log_prob(level.posterior, level.z))
            log_p = log_p + level.prior.log_prob(level.z)
        pairwise = ops.concatenate(densities, axis=2)  # log q of dimension j at the draw of row i, given row k
        log_q = ops.diagonal(ops.sum(pairwise, axis=2))
        log_weights = self._log_weights(ops.shape(pairwise)[0])
        log_q_z = ops.logsumexp(ops.sum(pairwise, axis=2) + log_weights, axis=1)
        log_q_each = ops.sum(ops.logsumexp(pairwise + log_weights[..., None], axis=1), axis=1)
        return log_q - log_q_z, log_q_z - log_q_each, log_q_each - log_p

    def _log_weights(self, size: Any) -> Tensor:
        """log of the weight of row k's posterior in q(z) at the draw of row i, `(batch, batch)`."""
        rows = ops.arange(size)
        count = ops.cast(size, "float32")
        if self.weighting == "minibatch":
            total = count if self.dataset_size is None else count * self.dataset_size
            return ops.zeros((size, size)) - ops.log(ops.cast(total, "float32"))
        # The own row stands for itself, one other for all rows outside of the batch, and the rest for the data.
        others = ops.maximum(count - 1.0, 1.0)
        data = float(self.dataset_size)  # type: ignore[arg-type]
        own = ops.equal(rows[:, None], rows[None])
        next_one = ops.equal((rows[:, None] + 1) % size, rows[None])
        beyond = ops.log(ops.maximum((data - others) / (data * others), 1e-30))
        return ops.where(own, -math.log(data), ops.where(next_one, beyond, -ops.log(others)))

    def loss(self, terms: Terms) -> Tensor:
        parts = self.parts(terms)
        for tracker, values in zip(self.part_trackers, parts, strict=True):
            tracker.update_state(values)
        information, correlation, single = parts
        regularizer = self.alpha * information + self.beta * correlation + self.gamma * single
        return regularizer - ops.mean(terms.log_likelihood, axis=1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "beta": self.initial_beta,
            "alpha": self.alpha,
            "gamma": self.gamma,
            "weighting": self.weighting,
            "dataset_size": self.dataset_size,
        }


def pairwise_log_prob(posterior: Any, z: Tensor) -> Tensor:
    """log q(z_j of row i | x of row k) for all pairs of rows, `(batch, batch, dimensions)`.

    Args:
        posterior: q(z | x) of the batch, with independent dimensions.
        z: draws, `(batch, *latent)`.
    """
    if not isinstance(posterior, Independent):
        raise ValueError(
            "The objective 'beta_tc' needs a posterior with independent dimensions. Received: "
            f"{type(posterior).__name__}. Use the posterior 'gaussian'."
        )
    pairs = posterior.elementwise_log_prob(z[:, None])
    size = ops.shape(z)[0]
    return ops.reshape(pairs, (size, size, math.prod(pairs.shape[2:])))
