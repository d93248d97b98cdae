"""Rows as a detector's model sees them: float32, a last axis for channels, in units of the training rows' spread."""

import dataclasses
from typing import Any, Self

import numpy as np

from keras_vae.arguments import one_of
from keras_vae.hints import Array, Shape

__all__ = ["KINDS", "Standardisation", "kind_of"]

KINDS = ("auto", "table", "image", "series")
SQUARE = 16
"""Few series have as many steps as channels, and 16 or more of both."""
ADVICE = {
    ("series", 2): "Series of one channel need an axis for it: X[..., None].",
    ("image", 2): "Give the pixels their axes: X.reshape(-1, height, width).",
    ("table", 3): "Leave the kind out, or make each row flat: X.reshape(len(X), -1).",
    ("table", 4): "Leave the kind out, or make each row flat: X.reshape(len(X), -1).",
    ("series", 4): "Leave the kind out for images; series have two axes each.",
}
ROUNDING = {"float64": 1e-13, "float32": 2.4e-7}
"""Up to this share of its values a column varies by rounding; integers are exact."""
FARTHEST = 1e9
"""Units of the spread: squares of larger values leave float32."""


def kind_of(x: Array, kind: str) -> str:
    """What rows are: an argument `kind`, or by their shape and dtype.

    Args:
        x: `(n, columns)` for a table; `(n, height, width, channels)` for images, `(n, height, width)` too where they
            are integers of 8 bits, or squares with the values of pixels; `(n, steps, channels)` otherwise for series.
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
        by_axes = {2: "table", 3: "image" if x.ndim == 3 and has_pixels(x) else "series", 4: "image"}
        kind = by_axes.get(x.ndim, "auto")
    axes = {"table": (2,), "image": (3, 4), "series": (3,)}.get(kind, ())
    if x.ndim not in axes:
        raise ValueError(
            "Argument `X` must be a table (n, columns), images (n, height, width) or (n, height, width, channels), or "
            f"series (n, steps, channels). Received: shape {x.shape} and kind={kind!r}. "
            + ADVICE.get((kind, x.ndim), "Reshape the rows.")
        )
    return kind


def has_pixels(x: Array) -> bool:
    """Whether rows of two axes are images: of 8-bit integers, or squares with the range of pixels.

    Args:
        x: `(n, height, width)`, or series `(n, steps, channels)`.
    """
    if x.dtype == np.uint8:
        return True
    top = 1 if x.dtype.kind == "f" else 255
    square = x.shape[1] == x.shape[2] >= SQUARE
    return square and not ((x < 0) | (x > top)).any()


@dataclasses.dataclass(frozen=True)
class Standardisation:
    """Centre and spread of the training rows, of each column of a table and of each channel of other rows.

    A column that does not vary, but for rounding, has a spread of 1: it is left in its own units. Values are taken
    relative to the first one, so that times in seconds since 1970 and large integers lose no digits.

    Attributes:
        kind: `"table"`, `"image"` or `"series"`.
        shape: of a row as the user has it.
        origin: the first value, `(columns,)` or `(channels,)`.
        shift: the mean minus `origin`, likewise.
        spread: the standard deviation, likewise.
        varies: whether there is one.
    """

    kind: str
    shape: Shape
    origin: Array
    shift: Array
    spread: Array
    varies: Array

    @classmethod
    def of(cls, x: Array, kind: str) -> Self:
        """The standardisation by the rows x.

        Args:
            x: `(n, ...)`; NaN is left out.
            kind: as in the attributes.

        Raises:
            ValueError: a column, or a row, of which every value is missing.
        """
        rows = with_channels(x, kind)
        known = ~np.isnan(rows)
        axes = tuple(range(rows.ndim - 1))
        refuse_empty(known.any(axis=axes), "column" if kind == "table" else "channel", "Leave it out.")
        refuse_empty(known.any(axis=tuple(range(1, rows.ndim))), "row", "It says nothing: leave it out.")
        first = known.reshape(-1, rows.shape[-1]).argmax(axis=0)
        origin = rows.reshape(-1, rows.shape[-1])[first, np.arange(rows.shape[-1])]
        with np.errstate(over="ignore", invalid="ignore"):
            beside = less(rows, origin)
            shift, spread = np.nanmean(beside, axis=axes), np.nanstd(beside, axis=axes)
        if not (np.isfinite(shift).all() and np.isfinite(spread).all()):
            raise ValueError(
                "Argument `X` must hold values whose squares are finite. Received: values up to "
                f"{np.nanmax(np.abs(rows)):.3g}. Rescale the columns."
            )
        rounding = ROUNDING.get(x.dtype.name, 0.0) * np.abs(origin.astype("float64") + shift)
        varies = spread > np.maximum(rounding, np.finfo("float64").tiny)
        return cls(kind, x.shape[1:], origin, shift, np.where(varies, spread, 1.0), varies)

    @property
    def centre(self) -> Array:
        """The mean of the training rows, `(columns,)` or `(channels,)`."""
        return self.origin.astype("float64") + self.shift

    @property
    def model_shape(self) -> Shape:
        """The shape of a row as the model has it."""
        return (*self.shape, 1) if self.kind == "image" and len(self.shape) == 2 else self.shape

    def __call__(self, x: Array) -> Array:
        """Rows `(n, *shape)` as the model sees them, `(n, *model_shape)`, float32."""
        with np.errstate(over="ignore"):
            rows = (less(with_channels(x, self.kind), self.origin) - self.shift) / self.spread
        return np.clip(rows, -FARTHEST, FARTHEST).astype("float32")


def less(x: Array, origin: Array) -> Array:
    """x - origin in float64, without a rounding of either where both are integers.

    >>> import numpy as np
    >>> less(np.array([2**60 + 1, 0]), np.array(2**60)).tolist()
    [1.0, -1.152921504606847e+18]
    """
    difference = x.astype("float64") - origin.astype("float64")
    if x.dtype.kind not in "iu" or origin.dtype.kind not in "iu":
        return difference
    # Integers of 64 bits wrap around: their difference is right wherever it has room.
    exact = (x.astype("uint64") - origin.astype("uint64")).astype("int64")
    return np.where(np.abs(difference) < 2.0**62, exact, difference)


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
