"""Gradients that reach the weights through the draws alone, or through the densities alone."""

import dataclasses
from typing import Any

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Tensor
from keras_vae.objectives.terms import Terms

__all__ = [
    "GRADIENTS",
    "check_gradient",
    "check_two_passes",
    "fixed_posterior",
    "path_log_ratio",
    "weighted_gradients",
    "with_value",
]

GRADIENTS = ("standard", "stl", "dreg")


def check_gradient(gradient: str, spec: dict[str, Any], name: str) -> None:
    """Refuse latents under which a posterior without the gradient of its parameters loses more than its score.

    Args:
        gradient: the argument of the objective.
        spec: see `keras_vae.objectives.Objective.build`.
        name: name of the objective.

    Raises:
        ValueError: levels of latents that depend on each other.
    """
    if gradient == "dreg":
        check_two_passes(spec, name)
    if gradient != "standard" and not spec["components"].latents.independent_levels:
        raise ValueError(
            f"Argument `gradient` of {name}: {gradient!r} needs latents that do not depend on each other. A lower "
            "level's posterior depends on the draws above it, and that part of the gradient would be lost. Received: "
            f"latents of the shapes {list(spec['latent_shapes'])}. Use gradient='standard'."
        )


def check_two_passes(spec: dict[str, Any], name: str) -> None:
    """Refuse decoders that compute other values in a second pass, or mix the rows of a batch.

    The weights of the draws belong to the first pass: with other noise in the second one the common parts would not
    cancel out, and with statistics of the batch a draw would move the densities of other rows.

    Args:
        spec: see `keras_vae.objectives.Objective.build`.
        name: name of the objective.

    Raises:
        ValueError: a decoder with dropout or another noise, or with batch normalisation.
    """
    for layer in spec["components"].decoder._flatten_layers():
        noisy = bool(getattr(layer, "_seed_generators", None)) and getattr(layer, "rate", 1.0) != 0
        if noisy or isinstance(layer, keras.layers.BatchNormalization):
            raise ValueError(
                f"{name} runs the decoder twice in a step, and needs the same values in both. Expected a decoder "
                f"without noise and statistics of the batch. Received: {type(layer).__name__} in it, {layer.name!r}. "
                "Leave that layer out, or use layer normalisation, or gradient='standard'."
            )


def fixed_posterior(posterior: Distribution) -> Distribution:
    """q with parameters that no gradient reaches, so that log q(z) is differentiated by z alone.

    Args:
        posterior: a distribution `(batch, *latent)`.

    Raises:
        NotImplementedError: a flow, whose parameters are weights of layers.
    """
    if not posterior.has_tensors:
        raise NotImplementedError(
            f"The gradients 'stl' and 'dreg' need a posterior made of tensors. Received: {type(posterior).__name__}, "
            "a flow, whose parameters are weights. Use gradient='standard', or the posterior 'gaussian'."
        )
    return dataclasses.replace(
        posterior, **{name: ops.stop_gradient(tensor) for name, tensor in posterior.tensors().items()}
    )


def path_log_ratio(terms: Terms) -> Tensor:
    """log p(z) - log q(z | x) without the gradient of q's parameters, `(batch, samples)` (Roeder et al., 2017).

    Its expected gradient is that of `terms.log_ratio`, because the expected score of q is zero.

    Args:
        terms: see `keras_vae.objectives.Terms`.
    """
    total = 0.0
    for level in terms.levels:
        log_q = fixed_posterior(level.posterior).log_prob(level.z)
        total = total + terms.by_example(level.prior.log_prob(level.z) - log_q)
    return total


def weighted_gradients(terms: Terms, of_densities: Tensor, of_draws: Tensor, *, fixed: bool) -> Tensor:
    """A sum over the draws, `(batch,)`, whose gradient has two weights for each draw; its value has no meaning.

    The log densities p(x | z) and p(z) are differentiated by their parameters with the first weights, and by z with the
    second ones. This takes a second pass through the decoder, at draws that no gradient passes: the parts by parameters
    that both passes have in common cancel out.

    Args:
        terms: see `keras_vae.objectives.Terms`.
        of_densities: weights `(batch, samples)`.
        of_draws: likewise.
        fixed: whether log q(z | x) is differentiated by z alone, and not by the parameters of q.
    """
    of_densities, of_draws = ops.stop_gradient(of_densities), ops.stop_gradient(of_draws)
    log_ratio = path_log_ratio(terms) if fixed else ops.sum(terms.log_ratio, axis=2)
    still = [ops.stop_gradient(rows) for rows in terms.latents]
    log_joint = terms.log_likelihood_of(still)
    for level in terms.levels:
        log_joint = log_joint + terms.by_example(level.prior.log_prob(ops.stop_gradient(level.z)))
    through_draws = of_draws * (terms.log_likelihood + log_ratio)
    return ops.sum(through_draws + (of_densities - of_draws) * log_joint, axis=1)


def with_value(value: Tensor, gradient: Tensor) -> Tensor:
    """A tensor with the value of one and the gradient of another, of the same shape `(batch,)`.

    Args:
        value: `(batch,)`.
        gradient: `(batch,)`.

    >>> from keras import ops
    >>> float(with_value(ops.ones(()), ops.zeros(())))
    1.0
    """
    return ops.stop_gradient(value - gradient) + gradient
