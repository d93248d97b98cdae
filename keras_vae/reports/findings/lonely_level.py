"""A hierarchy in which one level does all the work."""

from typing import Any

import numpy as np

from keras_vae.reports.finding import Finding

__all__ = ["lonely_level"]

SHARE = 0.98


def lonely_level(measured: Any) -> Finding | None:
    """One of several levels with nearly all of the KL (Sønderby et al., 2016).

    Args:
        measured: the `Measurements`.
    """
    if measured.kl is None or len(measured.kl.levels) < 2 or measured.kl.total < 0.1:
        return None
    levels = np.asarray(measured.kl.levels)
    shares = levels / levels.sum()
    most = int(np.argmax(shares))
    if shares[most] < SHARE:
        return None
    listed = ", ".join(f"{value:.3g}" for value in levels)
    return Finding(
        "lonely_level",
        f"Level {most + 1} of {len(levels)} carries the KL alone.",
        f"The KL of the levels, top first, is {listed} nats.",
        "objective=keras_vae.objectives.FreeBits(nats, per='level'), and a longer warm-up of beta; for the upper "
        "levels, a prior that is worth its latents, such as keras_vae.priors.VampPrior. Or a single level, which is "
        "the same model.",
    )
