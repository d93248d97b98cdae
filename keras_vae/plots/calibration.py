"""Whether the spread of p(x|z) is that of the data."""

import statistics
from typing import Any

import numpy as np

from keras_vae.arguments import one_of, positive_int
from keras_vae.hints import Array
from keras_vae.plots.canvas import Axes, axes_of, titled

__all__ = ["calibration"]

STYLES = ("histogram", "reliability")
NINE_IN_TEN = statistics.NormalDist().inv_cdf(0.95)


def calibration(values: Any, style: str = "histogram", *, bins: int = 20, ax: Axes | None = None) -> Axes:
    """Calibration of a density, from its probability integral transforms (Dawid, 1984; Gneiting et al., 2007).

    The transform of a value is the probability, under the model, of a smaller one. If the model is right, all
    transforms from 0 to 1 are equally frequent. More of them at both ends: the model's spread is too small; in the
    middle: it is too large; at one end: its values are too large or too small. The grey band holds nine in ten bars, or
    points of the curve, of a model that is right, if the values are independent.

    Args:
        values: what `keras_vae.evaluation.calibration` returns, for the histogram; or transforms, numbers from 0 to 1
            of any shape. NaN is left out.
        style: `"histogram"` of the transforms, or `"reliability"`: the share of the values below each quantile of the
            model, against the share that is expected.
        bins: number of bars.
        ax: matplotlib Axes; a new figure by default.

    Returns:
        The Axes.

    Raises:
        ValueError: numbers outside of [0, 1], or none.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> ax = kv.plots.calibration(np.linspace(0.0, 1.0, 1000), bins=10)
    >>> len(ax.patches) >= 10
    True
    """
    one_of(style, STYLES, "style")
    positive_int(bins, "bins")
    if hasattr(values, "histogram") and hasattr(values, "count"):
        if style != "histogram":
            raise ValueError(
                "Argument `style`: a result of `evaluation.calibration` has shares, and no single transforms. Expected "
                f"'histogram'. Received: style={style!r}"
            )
        return bars_of(np.asarray(values.histogram), values.count, ax)
    pit = transforms(values)
    if style == "histogram":
        shares = np.histogram(pit, np.linspace(0.0, 1.0, bins + 1))[0] / len(pit)
        return bars_of(shares, len(pit), ax)
    ax = axes_of(ax, 4.5, 4.2)
    expected = np.linspace(0.0, 1.0, 201)
    observed = np.searchsorted(np.sort(pit), expected, side="right") / len(pit)
    observed[0] = 0.0
    band = NINE_IN_TEN * np.sqrt(expected * (1.0 - expected) / len(pit))
    ax.fill_between(expected, expected - band, expected + band, color="0.5", alpha=0.35, lw=0)
    ax.plot([0, 1], [0, 1], color="0.2", lw=1, label="calibrated")
    ax.plot(expected, observed, color="tab:blue", label="this model")
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.set(xlabel="probability under the model", ylabel="share of the data")
    ax.legend(fontsize="small")
    return titled(ax, "Calibration: reliability")


def bars_of(shares: Array, count: int, ax: Axes | None) -> Axes:
    """The histogram, from the share of the transforms in each of equal parts of [0, 1]."""
    bins = len(shares)
    ax = axes_of(ax, 4.5, 3.2)
    ax.bar(np.arange(bins) / bins, shares * bins, width=1.0 / bins, align="edge", color="tab:blue")
    band = NINE_IN_TEN * np.sqrt((bins - 1) / count)  # of a count that is binomial, in shares of its mean
    ax.axhspan(max(0.0, 1.0 - band), 1.0 + band, color="0.5", alpha=0.35, lw=0)
    ax.axhline(1.0, color="0.2", lw=1)
    ax.set(xlim=(0, 1), ylabel="density")
    ax.set_xlabel("probability of a smaller value under the model")
    return titled(ax, "Calibration: transforms of the data")


def transforms(values: Any) -> Array:
    """The numbers of the argument `values`, in one row."""
    array = np.asarray(values, "float64").ravel()
    array = array[~np.isnan(array)]
    if not array.size or array.min() < 0.0 or array.max() > 1.0:
        received = f"from {array.min():g} to {array.max():g}" if array.size else "none"
        raise ValueError(
            "Argument `values` must hold probability integral transforms. Expected numbers from 0 to 1. Received: "
            f"{received}. Compute them as the model's cumulative distribution at the data."
        )
    return array
