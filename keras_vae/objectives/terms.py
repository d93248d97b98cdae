"""The terms that an objective is made of."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_vae.distributions.kl_divergence import (
    has_kl_divergence,
    kl_divergence,
    kl_divergence_per_dimension,
)
from keras_vae.hints import Tensor

__all__ = ["OPTIONAL_TERMS", "latent_terms", "split_samples"]

OPTIONAL_TERMS = ("kl_per_dimension", "log_ratio", "posterior", "prior_z", "z")


def split_samples(tensor: Tensor, num_samples: int) -> Tensor:
    """`(batch * samples, ...)` to `(batch, samples, ...)`."""
    return ops.reshape(tensor, (-1, num_samples, *tensor.shape[1:]))


def latent_terms(
    levels: Sequence[Any], requires: Sequence[str], num_samples: int, *, exact_kl: bool = True
) -> dict[str, Any]:
    """Terms of the latents, from every level's posterior, prior and draw.

    The samples of one example lie next to each other in the levels' batch axis.

    Args:
        levels: list of `keras_vae.priors.LatentLevel`, top first.
        requires: names of the optional terms to compute.
        num_samples: number of latents for each example.
        exact_kl: use closed forms of the KL where there are any.

    Returns:
        Dict with `kl` `(batch, levels)` and the required of `OPTIONAL_TERMS` (`prior_z` apart), as
        described in `keras_vae.objectives.Objective`; `posterior` holds the tensors of each value.
    """
    log_ratios = {}

    def log_ratio(index: int) -> Tensor:
        if index not in log_ratios:
            level = levels[index]
            log_q = level.posterior.log_prob(level.z) if level.log_q is None else level.log_q
            log_ratios[index] = split_samples(level.prior.log_prob(level.z) - log_q, num_samples)
        return log_ratios[index]

    def kl(index: int) -> Tensor:
        q, p = levels[index][:2]
        if exact_kl and has_kl_divergence(q, p):
            return ops.mean(split_samples(kl_divergence(q, p), num_samples), axis=1)
        return -ops.mean(log_ratio(index), axis=1)

    indices = range(len(levels))
    terms = {"kl": ops.stack([kl(index) for index in indices], axis=1)}
    if "log_ratio" in requires:
        terms["log_ratio"] = ops.stack([log_ratio(index) for index in indices], axis=2)
    if "kl_per_dimension" in requires:
        terms["kl_per_dimension"] = [
            ops.mean(split_samples(kl_divergence_per_dimension(q, p), num_samples), axis=1) for q, p, *_ in levels
        ]
    if "z" in requires:
        terms["z"] = [split_samples(level.z, num_samples) for level in levels]
    if "posterior" in requires:
        terms["posterior"] = [level.posterior.tensors() for level in levels]
    return terms
