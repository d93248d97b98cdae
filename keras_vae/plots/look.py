"""What examples of a model's data look like: images, series, rolls or vectors."""

import dataclasses
from typing import Any

import keras
import numpy as np

from keras_vae.arguments import one_of
from keras_vae.data.streams import is_stream, peek, to_numpy, unpack
from keras_vae.hints import Array, Data, Part, Shape

__all__ = ["Look", "first_rows", "limits_of", "look_of", "values_of"]

MOST_LINES = 8
"""Series with more numbers a step are drawn as images of time and number, as piano rolls are."""


@dataclasses.dataclass(frozen=True)
class Look:
    """What one example looks like.

    Attributes:
        kind: `"image"`, `"series"` (lines over time), `"roll"` (an image over time), or `"vector"`.
        shape: of one example; None for an axis of unknown length.
        low: smallest value of the data, -inf if there is none.
        high: largest value, likewise.
        support: the `keras_vae.data.Support` of the likelihood.
        field: name of the field that is drawn, None where the data have one only.
    """

    kind: str
    shape: Shape
    low: float
    high: float
    support: Any
    field: str | None = None


def look_of(model: Part, field: str | None = None) -> Look:
    """What the data of a model, or one field of them, look like.

    Args:
        model: the `VAE`.
        field: name of the field, for data of several.

    Raises:
        ValueError: no such field, or data of which there is no picture.
    """
    shape, support = model.data_shape, model.likelihood.support
    if isinstance(shape, dict):
        one_of(field, sorted(shape), "field")
        shape, support = shape[field], support[field]
    elif field is not None:
        raise ValueError(
            f"Argument `field` is for data of several fields. Expected None for data_shape={shape}. Received: "
            f"field={field!r}"
        )
    if getattr(support, "categorical", False):
        raise ValueError(
            f"Sequences of categories, such as tokens, have no picture. Received: data of shape {shape} whose "
            "likelihood has categories. Print them: vae.generate(n) and vae.predict(x) return the categories."
        )
    if len(shape) == 3 and shape[-1] in (1, 3) and None not in shape:
        kind = "image"
    elif len(shape) == 2 and shape[1] is not None:
        kind = "series" if shape[1] <= MOST_LINES else "roll"
    elif len(shape) == 1 and shape[0] is not None:
        kind = "vector"
    else:
        raise ValueError(
            "There are pictures of images (height, width, 1) and (height, width, 3), of series (time, width) and of "
            f"vectors (width,). Received: data of shape {shape}. Draw the arrays that the model returns yourself, or "
            "parts of one of these shapes with kv.plots.images."
        )
    return Look(kind, tuple(shape), float(support.low), float(support.high), support, field)


def limits_of(look: Look, *values: Array | None) -> tuple[float, float]:
    """The smallest and the largest value to show: those of the likelihood, or, without limits, those of the values.

    Args:
        look: see `Look`.
        *values: arrays. Of images the first that is not None counts, so that data determine the grey levels; lines of
            none may leave their panel.
    """
    given = [np.ravel(array) for array in values if array is not None]
    shown = np.concatenate(given[:1] if look.kind == "image" else given) if given else np.zeros(1)
    shown = shown[np.isfinite(shown)]
    if not shown.size:
        shown = np.zeros(1)
    # Counts have no largest value, and a Gaussian no smallest.
    low = look.low if np.isfinite(look.low) else float(shown.min())
    high = look.high if np.isfinite(look.high) else float(shown.max())
    return (low, high) if high > low else (low, low + 1.0)


def first_rows(model: Part, x: Data, n: int | None) -> dict[str, Any]:
    """The first rows of data in any form, as a dict of inputs of arrays.

    Args:
        model: the `VAE`.
        x: data in any form but a generator.
        n: number of rows; None for all.

    Raises:
        ValueError: data that do not fit the model, or that can be read only once.
    """
    if is_stream(x):
        found = peek(x, float("inf") if n is None else n, model.spec)
        if found is None:
            raise ValueError(
                "Argument `x` must be data that can be read again, since training needs the rows too. Expected "
                "arrays or a dataset. Received: a generator. Take a batch of it: x=next(batches)."
            )
        inputs = found[0]
    else:
        inputs = unpack(x, model.spec)
    given = {
        name: keras.tree.map_structure(lambda array: to_numpy(array[:n]), part) for name, part in inputs.given().items()
    }
    model.checks.check_data(given, noisy=True)
    return given


def values_of(look: Look, data: Any, mask: Array | None = None) -> Array:
    """The field that is drawn, `(n, *shape)`, as float32; padded steps of a series are NaN.

    Args:
        look: see `Look`.
        data: an array, or a dict of fields.
        mask: boolean `(n, time)`, True at valid steps, or None.
    """
    values = np.asarray(data if look.field is None else data[look.field]).astype("float32")
    if isinstance(mask, dict):
        mask = mask.get(look.field)
    if mask is not None and values.ndim == 3:
        values = np.where(np.asarray(mask, bool)[..., None], values, np.nan)
    return values
