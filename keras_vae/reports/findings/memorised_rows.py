"""Samples that are training rows."""

from typing import Any

import numpy as np

from keras_vae.reports.finding import Finding

__all__ = ["memorised_rows"]

TIMES = 4.0
"""How many times as many samples as held-out rows must be as close to a training row."""


def memorised_rows(measured: Any) -> Finding | None:
    """Far more samples than held-out rows next to a training row (Meehan et al., 2020).

    Args:
        measured: the `Measurements`, with training rows.
    """
    found = measured.memorised
    if found is None or found.share < TIMES * found.quantile:
        return None
    # Means of p(x|z) are smoother than data and lie between them: only samples beside a row count, far within the
    # distances of real rows.
    close = found.distances < 0.5 * found.threshold
    if close.mean() < found.quantile:
        return None
    closest = np.argsort(found.distances)[:3]
    listed = ", ".join(f"x_train[{found.nearest[index]}] at {found.distances[index]:.2g}" for index in closest)
    return Finding(
        "memorised_rows",
        "Samples repeat rows of the training data.",
        f"{close.mean():.0%} of {len(found.distances)} samples lie within {0.5 * found.threshold:.3g} of a training "
        f"row, half of what only {found.quantile:.0%} of held-out rows do: {listed}.",
        "more data or smaller networks, and earlier stopping; a prior with fewer components than rows. Do not publish "
        "such samples of private data.",
    )
