"""Checks of the size factors of counts."""

from typing import Any

from keras_vae.data.arrays import check_is_array
from keras_vae.data.rows import check_rows
from keras_vae.data.support import Support
from keras_vae.hints import Part

__all__ = ["check_exposure"]


def check_exposure(exposure: Any, rows: int, likelihood: Part) -> None:
    """Check the size factors of counts.

    Args:
        exposure: `(rows,)`, or None.
        rows: number of examples.
        likelihood: the likelihood, which needs them or takes none.

    Raises:
        ValueError: size factors that do not fit the model, or the lack of them.
    """
    wanted, own = getattr(likelihood, "exposure", False), type(likelihood).__name__
    if exposure is None and not wanted:
        return
    if exposure is None or not wanted:
        counts = own if hasattr(likelihood, "exposure") else "NegativeBinomial"
        raise ValueError(
            "Argument `exposure`: the likelihood was created with exposure=True, so every input needs one. "
            "Received: none. Pass {'x': x, 'exposure': size_factors}, and exposure=... to generate and decode."
            if wanted
            else f"Argument `exposure`: the likelihood {own} takes none. Received: an array. For counts use "
            f"likelihood=keras_vae.likelihoods.{counts}(exposure=True), or leave the exposure out."
        )
    check_is_array(exposure, "exposure", ())
    check_rows(exposure, (), Support(0.0, open_low=True), "exposure")
    if len(exposure) != rows:
        raise ValueError(
            "Argument `exposure` must have one number for each example. "
            f"Received: {len(exposure)} numbers for {rows} examples."
        )
