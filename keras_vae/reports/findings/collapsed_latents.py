"""Latents that carry nothing."""

from typing import Any

from keras_vae.reports.finding import Finding

__all__ = ["collapsed_latents"]

SHARE = 0.5
"""Share of the latents below which fewer are active than there should be."""
NOTHING = 0.1
"""Nats below which all latents together carry nothing."""


def collapsed_latents(measured: Any) -> Finding | None:
    """Fewer than half of the latents in use (Burda, Grosse and Salakhutdinov, 2016).

    Args:
        measured: the `Measurements`.
    """
    active, total = sum(measured.active.counts), sum(measured.active.sizes)
    kl = None if measured.kl is None else measured.kl.total
    carried = "" if kl is None else f" All of them together carry {kl:.2g} nats."
    if active == 0 or (kl is not None and kl < NOTHING):
        has_scale = hasattr(measured.model.likelihood, "current_scale")
        scale = "a scale of the likelihood below the spread of the data, or a learned one; then " if has_scale else ""
        return Finding(
            "collapsed_latents",
            f"The latents have collapsed: they say {'nothing' if active == 0 else 'almost nothing'} about x.",
            f"{active} of {total} dimensions vary with the data.{carried}",
            f"{scale}a longer training, if the KL still rises; beta of at most 1, and "
            "callbacks=[keras_vae.callbacks.BetaSchedule(steps)], which warms it up; objective='free_bits'; with an "
            "autoregressive decoder, word_dropout or a smaller receptive field.",
        )
    if active < SHARE * total and len(measured.active.counts) == 1:
        return Finding(
            "collapsed_latents",
            f"{total - active} of {total} latents have collapsed.",
            f"The means of {active} vary with the data by more than {measured.active.threshold:g}.{carried}",
            "if reconstructions lack detail, callbacks.BetaSchedule or objective='free_bits'; if they do not, the data "
            f"need no more, and latent_dim={max(1, active)} gives the same model.",
        )
    return None
