"""A scale of the likelihood that is far from the spread of the residuals."""

from typing import Any

import numpy as np

from keras_vae.reports.finding import Finding
from keras_vae.reports.findings.over_fitting import over_fitting

__all__ = ["scale_of_likelihood"]

NARROW, WIDE = 0.7, 0.85
"""Share of the data in central intervals of 90 % below which p(x|z) is too narrow, and of 50 % above which too wide."""


def scale_of_likelihood(measured: Any) -> Finding | None:
    """p(x|z) much wider or narrower than the data around its mean, for likelihoods with a scale.

    Args:
        measured: the `Measurements`, whose data are `(n, *data_shape)`.
    """
    likelihood = measured.model.likelihood
    if not hasattr(likelihood, "current_scale") or measured.calibration is None or measured.residuals is None:
        return None
    inside = measured.calibration.coverage
    if inside[0.9] >= NARROW and inside[0.5] <= WIDE:
        return None
    wide = inside[0.5] > WIDE
    if not wide and isinstance(likelihood.scale, str) and over_fitting(measured) is not None:
        return None  # the scale fits the training rows, so it is not the cause
    scale = likelihood.current_scale()
    spread = float(np.sqrt(np.nanmean(np.square(measured.residuals))))
    known = "predicted for each element" if scale is None else f"{float(np.mean(scale)):.3g}"
    share, level = (inside[0.5], 50) if wide else (inside[0.9], 90)
    return Finding(
        "scale_of_likelihood",
        f"The scale of the likelihood is too {'large' if wide else 'small'}.",
        f"It is {known}; the reconstructions are off by {spread:.3g}. {share:.0%} of the data lie in central intervals "
        f"of {level} %.",
        "let it be learned, scale='learned', the default: a scale that is too large takes structure for noise, and "
        "the latents collapse."
        if wide
        else "let it be learned, scale='learned', the default; where it is, more regularization.",
        None if scale is None else nats_of_scale(scale, spread, measured.residuals[0].size),
    )


def nats_of_scale(scale: Any, spread: float, elements: int) -> float:
    """What a Gaussian gains per example with the scale of its residuals, in nats.

    >>> round(nats_of_scale(1.0, 1.0, 10), 3), round(nats_of_scale(1.0, 0.1, 10), 1)
    (0.0, 18.1)
    """
    squares = np.square(spread / np.asarray(scale, "float64"))
    return float(elements * np.mean(0.5 * squares - 0.5 - 0.5 * np.log(np.maximum(squares, 1e-12))))
