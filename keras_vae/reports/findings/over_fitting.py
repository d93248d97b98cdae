"""A bound that is better on the training rows than on others."""

from typing import Any

import numpy as np

from keras_vae.reports.finding import Finding

__all__ = ["over_fitting"]

SHARE = 0.5
"""Share of the spread of the ELBO over the rows that the gap must exceed, besides its noise."""


def over_fitting(measured: Any) -> Finding | None:
    """The ELBO of training rows above that of held-out rows, by more than noise and in comparison to their spread.

    Args:
        measured: the `Measurements`, with training rows.
    """
    if measured.elbo is None or measured.elbo_train is None:
        return None
    held_out, train = (np.asarray(values, "float64") for values in (measured.elbo, measured.elbo_train))
    if not (np.isfinite(held_out).all() and np.isfinite(train).all()):
        return None
    gap = train.mean() - held_out.mean()
    noise = np.sqrt(train.var() / len(train) + held_out.var() / len(held_out))
    typical = np.median(np.abs(held_out - np.median(held_out))) * 1.4826
    if gap < 4.0 * noise or gap < SHARE * typical:
        return None
    return Finding(
        "over_fitting",
        "The model over-fits: it knows the training rows better than others.",
        f"The ELBO is {train.mean():.4g} nats on training rows and {held_out.mean():.4g} on held-out rows, a gap of "
        f"{gap:.3g} with a standard error of {noise:.2g}.",
        "keras.callbacks.EarlyStopping(monitor='val_loss', patience=10, restore_best_weights=True) with "
        "validation_data; then dropout, smaller networks, or more data.",
        float(gap),
    )
