"""A prior that draws latents which the decoder has not met."""

from typing import Any

from keras import ops

from keras_vae.data.description import describe
from keras_vae.latents.single import Single
from keras_vae.objectives.combined import part_with
from keras_vae.priors.flow import Flow
from keras_vae.priors.vamp import VampPrior
from keras_vae.reports.finding import Finding

__all__ = ["samples_unlike_data"]

AUC = 0.9
"""Of a classifier that tells latents of the data from draws of the prior."""


def samples_unlike_data(measured: Any) -> Finding | None:
    """The aggregated posterior far from the prior, so that samples are decoded from elsewhere (Makhzani et al., 2016).

    Args:
        measured: the `Measurements`.
    """
    gap = measured.prior_gap
    if gap.auc < AUC:
        return None
    information = measured.information
    nats = None if information is None or information.conditional else float(information.marginal_kl)
    apart = "" if nats is None else f" KL(q(z) || p(z)) is {nats:.3g} nats."
    overlap = measured.overlap
    seen = "" if overlap is None else f" {overlap.precision:.0%} of the samples lie among the data."
    model = measured.model
    fitted = sorted(getattr(model, "samplers", {}))
    change = "vae.fit_sampler('mixture', x_train) and vae.generate(n, sampler='mixture'), without training again"
    if fitted:
        change = f"draw with vae.generate(n, sampler={fitted[0]!r}), which is fitted already"
    learned = learned_priors(model) if measured.has_density else []
    if learned:
        change += f"; or train with {' or '.join(f'prior={name!r}' for name in learned)}"
    beta = getattr(part_with(model.objective, "beta"), "beta", None)
    if beta is not None and float(ops.convert_to_numpy(beta)) < 1.0:
        change += f"; or raise beta, which is {float(ops.convert_to_numpy(beta)):.3g}"
    return Finding(
        "samples_unlike_data",
        "Samples are unlike the data: the prior does not fit the latents.",
        f"A classifier tells latents of the data from draws of the prior with an AUC of {gap.auc:.2f}; 0.5 is "
        f"chance.{apart}{seen}",
        f"{change}.",
        nats,
    )


def learned_priors(model: Any) -> list[str]:
    """Names of the learned priors that could take the place of a model's, given its posterior, latents and data."""
    if not isinstance(model.latents, Single):
        return []
    data = describe(model.data_shape, model.likelihood.support, model.condition_shape, None)
    found = []
    for name, prior in (("vamp", VampPrior(1, seed=0)), ("flow", Flow(1, (1,)))):
        if isinstance(model.prior, type(prior)):
            continue
        try:
            prior.check_posterior(model.posterior)
            model.posterior.check_prior(prior)
            prior.build((None, 0), model.prior.latent_shape, data)
        except ValueError:
            continue
        found.append(name)
    return found
