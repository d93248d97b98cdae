"""What a detector accepts: scikit-learn's checks of rows, and the errors that it has no words for."""

import numbers
import warnings
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from keras_vae.anomaly.rows import Standardisation
from keras_vae.hints import Array, Data, Part

__all__ = ["checked_rows", "warn_of_other_units"]

ROWS_WITH_A_SPREAD = 10
"""Fewer rows of a table, or series, may be alike."""


def checked_rows(detector: Part, x: Data, fitted: Standardisation | None) -> Array:
    """Rows as an array of numbers.

    Args:
        detector: the estimator; its `n_features_in_` and the names of the columns are set when it is fitted.
        x: arrays or frames.
        fitted: the standardisation of the rows of `fit`; None in `fit`.

    Raises:
        ValueError: no numbers, missing or infinite values, too few rows, or another shape or order than in `fit`.
    """
    columns = list(x.columns) if hasattr(x, "columns") and hasattr(x, "dtypes") else None
    if columns is not None:
        refuse_dates(x, columns)
        check_order(detector, columns, fitted)
    elif fitted is None:
        detector._columns = None
    shape = np.shape(x) if isinstance(x, list | tuple) else getattr(x, "shape", None)
    if fitted is None and detector.kind == "series" and shape is not None and len(shape) == 1:
        raise ValueError(
            f"Argument `X` must hold series (n, steps, channels). Received: shape {tuple(shape)}, one signal. Cut it "
            "into windows: numpy.lib.stride_tricks.sliding_window_view(X, 64)[..., None] has 64 steps and one channel."
        )
    if fitted is not None and shape is not None and (fitted.kind != "table" or len(shape) > 2):
        x = of_shape(np.asarray(x), fitted)
    whole = (columns is not None or hasattr(x, "dtype")) and np.asarray(x).dtype.kind in "iu"
    try:
        array = validate_data(
            detector,
            x,
            reset=fitted is None,
            accept_sparse=False,
            allow_nd=True,
            dtype=None if whole else ["float64", "float32"],  # integers of 64 bits do not fit into floats
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if fitted is None else 1,
        )
    except (ValueError, TypeError) as error:
        if columns is not None:
            refuse_text(x, columns, error)
        raise
    if not detector.allow_nan and np.isnan(array).any():
        refuse_holes(array, columns)
    return array if fitted is None else of_shape(array, fitted)


def check_order(detector: Part, columns: list[Any], fitted: Standardisation | None) -> None:
    """Compare names of columns that are not text, which scikit-learn does not look at; in `fit`, note them."""
    named = columns if not any(isinstance(name, str) for name in columns) else None
    if fitted is None:
        detector._columns = named
    elif named is not None and detector._columns is not None and named != detector._columns:
        raise ValueError(
            "Argument `X` must have the columns of `fit`, in their order. Expected "
            f"{shown(detector._columns)}. Received: {shown(named)}. Select them by name: X[{shown(detector._columns)}]."
        )


def of_shape(x: Array, fitted: Standardisation) -> Array:
    """Rows of the shape of those in `fit`: images may have an axis for their one channel, or none."""
    shape = fitted.shape
    if fitted.kind == "image" and x.shape[1:] == (*shape, 1):
        return x[..., 0]
    if fitted.kind == "image" and (*x.shape[1:], 1) == shape:
        return x[..., None]
    if x.shape[1:] == shape:
        return x
    advice = "Cut or resize them, or fit the detector again."
    if x.shape == shape:
        advice = "For a single row pass X[None]."
    elif (*x.shape[1:], 1) == shape:
        advice = "A series of one channel has an axis for it: X[..., None]."
    elif fitted.kind == "series" and x.ndim == 3 and x.shape[2] == shape[1]:
        advice = f"They have {x.shape[1]} steps in place of {shape[0]}: cut windows of {shape[0]} steps, or fit again."
    raise ValueError(
        f"Argument `X` must hold rows of the shape of those in `fit`, {shape}. Received: rows of shape {x.shape[1:]}. "
        f"{advice}"
    )


def refuse_dates(x: Part, columns: list[Any]) -> None:
    """Raise for columns of dates or durations, which would pass for their counts of nanoseconds."""
    for name, dtype in zip(columns, x.dtypes, strict=True):
        if str(dtype).lower().startswith(("date", "time", "duration")):
            raise ValueError(other_columns(name, str(dtype)))


def refuse_text(x: Part, columns: list[Any], error: Exception) -> None:
    """Raise with the name of the first column that holds anything but numbers."""
    for index, name in enumerate(columns):
        values = np.asarray(x.iloc[:, index] if hasattr(x, "iloc") else x[name])
        if values.dtype.kind in "biufc":
            continue
        for value in values.tolist():
            if not is_number(value):
                raise ValueError(other_columns(name, f"{value!r}")) from error


def is_number(value: Any) -> bool:
    """Whether a cell is a number, text of one, or a hole."""
    if value is None or isinstance(value, numbers.Number) or type(value).__name__ == "NAType":
        return True
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def other_columns(name: Any, received: str) -> str:
    """The message for a column without numbers."""
    return (
        f"Argument `X` must hold numbers: could not convert column {name!r}. Received: {received}. For categories, "
        "dates and text use keras_vae.tables.VAETable, whose score_samples ranks rows too, or leave the column out."
    )


def refuse_holes(x: Array, columns: list[Any] | None) -> None:
    """Raise for missing elements."""
    where = ""
    if x.ndim == 2:
        found = np.flatnonzero(np.isnan(x).any(axis=0))
        where = f" in column {shown([index if columns is None else columns[index] for index in found])[1:-1]}"
    raise ValueError(
        f"Argument `X` must have no missing values. Received: {int(np.isnan(x).sum())} NaN{where}. With "
        "VAEDetector(allow_nan=True) they are missing elements, which the model leaves out."
    )


def shown(names: list[Any], most: int = 5) -> str:
    """A list of names, the first of them where there are many."""
    text = ", ".join(repr(name) for name in names[:most])
    return f"[{text}, ...]" if len(names) > most else f"[{text}]"


def warn_of_other_units(x: Array, whole: bool, standardisation: Standardisation) -> None:
    """Warn of new rows that vary by less than 1 percent of the training rows, or images by 100 times as much.

    Args:
        x: standardised rows, of spread 1 if they are like the training rows.
        whole: whether they were integers, which nobody has divided.
        standardisation: that of the training rows.
    """
    kind = standardisation.kind
    if not standardisation.varies.any() or (kind != "image" and len(x) < ROWS_WITH_A_SPREAD):
        return
    rows = x.reshape(-1, x.shape[-1])[:, standardisation.varies].astype("float64")
    rows = rows - np.nan_to_num(rows[0])  # equal rows have a spread of exactly 0
    known = ~np.isnan(rows)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, rows, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(known, np.square(rows - mean), 0.0).sum(axis=0) / count)
    if not whole and ((spread > 0) & (spread < 0.01)).all():
        factor, direction = 1.0 / spread.max(), "less"
    elif kind == "image" and (spread > 100.0).all():
        factor, direction = spread.min(), "more"
    else:
        return
    warnings.warn(
        f"The rows of `X` vary {factor:.0f} times {direction} than the training rows. Pass them in the units of `fit`, "
        "such as 0 to 255 or 0 to 1 for pixels: the scores are of other rows otherwise.",
        UserWarning,
        stacklevel=4,
    )
