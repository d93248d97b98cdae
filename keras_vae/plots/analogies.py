"""One style under every label."""

import math
from typing import Any

import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.data.batch import labelled_rows
from keras_vae.data.labels import condition_support
from keras_vae.data.streams import is_stream, peek, to_numpy, unpack
from keras_vae.hints import Array, Data, Part
from keras_vae.objectives.combined import part_with
from keras_vae.plots.canvas import Axes, titled
from keras_vae.plots.grid import draw_grid
from keras_vae.plots.look import limits_of, look_of, values_of

__all__ = ["analogies"]

MOST_LABELS = 20


def analogies(
    model: Part,
    x: Data,
    n: int | None = None,
    *,
    labels: Any = None,
    field: str | None = None,
    cmap: str = "gray",
    ax: Axes | None = None,
    **options: Any,
) -> Axes:
    """Examples, and beside each what its latents are under every label: the style is kept and the label changed.

    An example is encoded with its own label and decoded with every other one (Kingma et al., 2014, figure 1). Where the
    label is unknown, an objective such as `SemiSupervised` predicts it.

    Args:
        model: the `VAE`, whose condition is a label, or a one-hot row.
        x: `[x, labels]`, or a dict with the keys `"x"` and `"label"`; x alone, `(rows, *data_shape)`, if the model
            predicts labels. The first n are shown.
        n: number of examples, 8 by default.
        labels: the labels to decode with; by default all that the model knows, at most 20.
        field: the field to draw, for data of several.
        cmap: matplotlib's name of the colours of grey images.
        ax: matplotlib Axes; a new figure by default.
        **options: as for `VAE.decode`: `mode` and so on.

    Returns:
        The Axes. Series and vectors have small axes inside of it, `ax.child_axes`.

    Raises:
        ValueError: a model without labels, or arguments or data that do not fit it.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE((8, 8, 1), 2, encoder="mlp", decoder="mlp", condition_shape=(3,), objective="semi_supervised")
    >>> ax = kv.plots.analogies(vae, np.zeros((4, 8, 8, 1)))
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['data', '0', '1', '2']
    """
    look = look_of(model, field)
    count = number_of_labels(model)
    shown = np.arange(min(count, MOST_LABELS)) if labels is None else np.asarray(labels)
    if shown.ndim != 1 or shown.dtype.kind not in "iu" or ((shown < 0) | (shown >= count)).any() or not len(shown):
        raise ValueError(f"Argument `labels` must be whole numbers from 0 to {count - 1}. Received: labels={labels!r}")
    n = positive_int(8 if n is None else n, "n")
    given = peek(x, n, model.spec)[0] if is_stream(x) else unpack(x, model.spec)
    rows = {name: to_numpy_rows(part, n) for name, part in given.given().items()}
    rows["condition"] = own_labels(model, rows)
    originals = values_of(look, rows["x"], rows.get("mask"))
    z = model.encode(rows)
    levels = z if isinstance(z, tuple) else (z,)
    repeated = tuple(np.repeat(level, len(shown), axis=0) for level in levels)
    under = as_conditions(model, np.tile(shown, len(originals)), count)
    decoded = model.decode(repeated if isinstance(z, tuple) else repeated[0], under, **options)
    decoded = values_of(look, decoded).reshape(len(originals), len(shown), *originals.shape[1:])
    grid = np.concatenate([originals[:, None], decoded], axis=1)
    names = ["data", *map(str, shown)]
    ax = draw_grid(grid, look, limits_of(look, originals, decoded), column_labels=names, cmap=cmap, ax=ax)
    return titled(ax, "Data, and their latents under every label")


def number_of_labels(model: Part) -> int:
    """How many labels the condition of a model has.

    Raises:
        ValueError: it is no label.
    """
    shape = model.condition_shape
    if shape is not None and len(shape) == 1 and shape[0] is not None:
        return int(shape[0])
    support = None if shape is None else condition_support(model.condition_encoder, shape)
    if shape != () or support is None or math.isinf(support.high):
        raise ValueError(
            "analogies need a model whose condition is a label. Expected condition_shape=() with a condition_encoder "
            "such as keras.layers.CategoryEncoding(10, output_mode='one_hot'), or condition_shape=(10,) for one-hot "
            f"rows. Received: condition_shape={shape}"
        )
    return int(support.high) + 1


def as_conditions(model: Part, labels: Array, count: int) -> Array:
    """Labels as the model's conditions: themselves, or one-hot rows."""
    return np.eye(count, dtype="float32")[labels] if model.condition_shape else labels.astype("int32")


def to_numpy_rows(part: Any, n: int) -> Any:
    """The first rows of an array, or of each of a dict of them."""
    if isinstance(part, dict):
        return {name: to_numpy_rows(own, n) for name, own in part.items()}
    return to_numpy(part[:n])


def own_labels(model: Part, rows: dict[str, Any]) -> Array:
    """The condition of every row; where it is unknown, the label that the model predicts."""
    given = rows.get("condition")
    if given is not None:
        known, there = (to_numpy(part) for part in labelled_rows(given))
        if there.all():
            return given
    if part_with(model.objective, "predict_label") is None:
        if given is None:
            raise ValueError(
                "Argument `x`: an example is encoded with its own label. Received: only x, and a model whose objective "
                f"predicts none, {type(model.objective).__name__}. Pass {{'x': x, 'label': labels}}."
            )
        return given  # the checks say what is wrong with it
    predicted = model.predict_label(rows).argmax(axis=1)
    predicted = as_conditions(model, predicted, number_of_labels(model))
    if given is None:
        return predicted
    return np.where(there.reshape(-1, *([1] * (known.ndim - 1))), known, predicted)
