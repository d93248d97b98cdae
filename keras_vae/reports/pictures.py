"""The pictures of a report, as SVG or PNG inside of the page."""

import base64
import io
from typing import Any

import keras
import numpy as np

from keras_vae import plots

__all__ = ["pictures"]

WIDTH = 7.0
"""Inches, at which text in a picture is as large as that of the page."""


def pictures(measured: Any, history: Any, labels: Any) -> dict[str, str]:
    """Titles and `data:` addresses of pictures; those that a model or its data do not have are left out.

    Args:
        measured: the `Measurements`, of data `(n, *data_shape)`.
        history: what `fit` returned, or None.
        labels: `(n,)`, or None.
    """
    model, inputs, seed = measured.model, measured.inputs, measured.seed
    x = inputs["x"]
    some = keras.tree.map_structure(lambda array: array[:10], inputs)
    conditions = {name: some[name] for name in ("condition", "condition_mask") if name in some}
    condition = {"condition": conditions["condition"]} if conditions else {}
    half = measured.rows // 2
    ends = [x[: min(3, half)], x[half : half + min(3, half)]] if measured.is_array and half else None
    fields = sorted(model.data_shape) if isinstance(model.data_shape, dict) else [None]
    found: dict[str, Any] = {}
    for field in fields:
        of = "" if field is None else f": {field}"
        of_field = {} if field is None else {"field": field}
        found[f"Samples{of}"] = lambda of_field=of_field: plots.samples(
            model, x=None if conditions else inputs, seed=seed, **condition, **of_field
        )
        found[f"Reconstructions{of}"] = lambda of_field=of_field: plots.reconstructions(
            model, some, seed=seed, **of_field
        )
    if ends is not None and not conditions:
        found["Interpolation"] = lambda: plots.interpolation(model, *ends)
    found["Latents"] = lambda: plots.latents(model, inputs, labels, seed=seed, verbose=0)
    if not conditions:
        found["Latents, one at a time"] = lambda: plots.traversals(model, inputs, seed=seed)
    if measured.memorised is not None:
        found["Samples closest to training rows, and these"] = lambda: closest(measured)
    if measured.kl is not None:
        found["KL of the latents"] = lambda: plots.kl_per_dimension(model, inputs, verbose=0)
    if measured.calibration is not None:
        found["Calibration of p(x|z)"] = lambda: plots.calibration(measured.calibration)
    if history is not None:
        found["Training"] = lambda: plots.history(history)
    drawn = {}
    for title, draw in found.items():
        picture = drawn_off_screen(draw)
        if picture is not None:
            drawn[title] = picture
    return drawn


def drawn_off_screen(draw: Any) -> str | None:
    """The address of a picture; None where there is no picture of such data, which is refused with a ValueError."""
    try:
        with plots.off_screen(width=WIDTH):
            made = draw()
    except (ValueError, NotImplementedError):
        return None
    buffer = io.BytesIO()
    figure = getattr(made, "figure", made) or made
    figure.savefig(buffer, format="png", dpi=150)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def closest(measured: Any) -> Any:
    """The samples that are closest to a training row, above these rows."""
    found = measured.memorised
    indices = np.argsort(found.distances, kind="stable")[:10]
    rows = np.concatenate([found.samples[indices], np.asarray(measured.all_train)[found.nearest[indices]]])
    return plots.images(rows, columns=len(indices), row_labels=["sample", "training"])
