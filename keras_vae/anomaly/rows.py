"""Rows as a detector's model sees them: float32, a last axis for channels, in units of the training rows' spread."""

import dataclasses
from typing import Any, Self

import numpy as np

from keras_vae.arguments import one_of
from keras_vae.hints import Array, Shape

__all__ = ["KINDS", "Standardisation", "kind_of"]

KINDS = ("auto", "table", "image", "series")
ROUNDING = 1e-6
FARTHEST = 1e9
"""Units of the spread: squares of larger values leave float32."""


def kind_of(x: Array, kind: str) -> str:
    """What rows are: an argument `kind`, or by their shape and dtype.

    Args:
        x: `(n, columns)` for a table; `(n, height, width, channels)` for images, `(n, height, width)` too where they
            are integers of 8 bits; `(n, steps, channels)` otherwise for series.
        kind: one of `KINDS`.

    Raises:
        ValueError: an unknown kind, or rows whose shape does not fit it.

    >>> import numpy as np
    >>> kind_of(np.zeros((5, 3)), "auto"), kind_of(np.zeros((5, 8, 8), "uint8"), "auto")
    ('table', 'image')
    >>> kind_of(np.zeros((5, 8, 8)), "auto")
    'series'
    """
    one_of(kind, KINDS, "kind")
    if kind == "auto":
        by_axes = {2: "table", 3: "image" if x.dtype == np.uint8 else "series", 4: "image"}
        kind = by_axes.get(x.ndim, "auto")
    axes = {"table": (2,), "image": (3, 4), "series": (3,)}.get(kind, ())
    if x.ndim not in axes:
        raise ValueError(
            "Argument `X` must be a table (n, columns), images (n, height, width) or (n, height, width, channels), or "
            f"series (n, steps, channels). Received: shape {x.shape} and kind={kind!r}. Reshape the rows, or name "
            "their kind: VAEDetector(kind=...)."
        )
    return kind


@dataclasses.dataclass(frozen=True)
class Standardisation:
    """Centre and spread of the training rows, of each column of a table and of each channel of other rows.

    A column that does not vary, but for rounding, has a spread of 1: it is left in its own units.

    Attributes:
        kind: `"table"`, `"image"` or `"series"`.
        shape: of a row as the user has it.
        centre: `(columns,)` or `(channels,)`.
        spread: likewise.
    """

    kind: str
    shape: Shape
    centre: Array
    spread: Array

    @classmethod
    def of(cls, x: Array, kind: str) -> Self:
        """The standardisation by the rows x.

        Args:
            x: `(n, ...)`; NaN is left out.
            kind: as in the attributes.

        Raises:
            ValueError: a column, or a row, of which every value is missing.
        """
        rows = with_channels(x, kind).astype("float64")
        known = ~np.isnan(rows)
        axes = tuple(range(rows.ndim - 1))
        refuse_empty(known.any(axis=axes), "column" if kind == "table" else "channel", "Leave it out.")
        refuse_empty(known.any(axis=tuple(range(1, rows.ndim))), "row", "It says nothing: leave it out.")
        with np.errstate(over="ignore"):
            centre, spread = np.nanmean(rows, axis=axes), np.nanstd(rows, axis=axes)
        if not (np.isfinite(centre).all() and np.isfinite(spread).all()):
            raise ValueError(
                "Argument `X` must hold values whose squares are finite. Received: values up to "
                f"{np.nanmax(np.abs(rows)):.3g}. Rescale the columns."
            )
        varies = spread > np.maximum(ROUNDING * np.abs(centre), np.finfo("float64").tiny)
        return cls(kind, x.shape[1:], centre, np.where(varies, spread, 1.0))

    @property
    def model_shape(self) -> Shape:
        """The shape of a row as the model has it."""
        return (*self.shape, 1) if self.kind == "image" and len(self.shape) == 2 else self.shape

    def __call__(self, x: Array) -> Array:
        """Rows `(n, *shape)` as the model sees them, `(n, *model_shape)`, float32."""
        rows = (with_channels(x, self.kind).astype("float64") - self.centre) / self.spread
        return np.clip(rows, -FARTHEST, FARTHEST).astype("float32")


def with_channels(x: Array, kind: str) -> Array:
    """Grey images with an axis for their one channel; other rows as they are."""
    return x[..., None] if kind == "image" and x.ndim == 3 else x


def refuse_empty(known: Any, what: str, advice: str) -> None:
    """Raise for columns or rows without any value.

    Args:
        known: boolean, whether there is a value.
        what: one of them.
        advice: what to do.
    """
    if not known.all():
        raise ValueError(
            f"Argument `X` must have a value in every {what}. Received: only NaN in {what} "
            f"{', '.join(map(str, np.flatnonzero(~known)[:5]))}. {advice}"
        )
