"""Means and variances of arrays that need not fit into memory."""

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np

from keras_vae.data.chunks import row_chunks
from keras_vae.hints import Array

__all__ = ["Moments"]


class Moments(NamedTuple):
    """Number, mean and sum of squared deviations of the values of every element of the data, float64.

    NaN is left out. Parts are merged by the formula of Chan, Golub and LeVeque (1983), which loses no digits
    where the mean is far from zero.

    Attributes:
        count: number of values, `(*data_shape)`.
        mean: likewise; zero where there are none.
        squares: sum of the squared deviations from the mean, likewise.

    >>> import numpy as np
    >>> from keras_vae.data.moments import Moments
    >>> Moments.of(np.array([[1.0, 2.0], [3.0, np.nan]])).variance.tolist()
    [1.0, 0.0]
    """

    count: Any
    mean: Any
    squares: Any

    @classmethod
    def of(cls, x: Any, measured: Callable[[Array], Array] = lambda values: values) -> Self:
        """The moments of the rows of `x`, read in chunks.

        Args:
            x: `(n, *data_shape)`.
            measured: function of a float64 chunk: the values whose moments are taken.
        """
        total = cls(0.0, 0.0, 0.0)
        for _, part in row_chunks(x):
            total = total.merged(cls._of_chunk(measured(np.asarray(part, dtype="float64"))))
        return total

    @classmethod
    def _of_chunk(cls, values: Array) -> Self:
        missing = np.isnan(values)
        if not missing.any():
            mean = values.mean(axis=0)
            return cls(np.full(mean.shape, float(len(values))), mean, np.square(values - mean).sum(axis=0))
        count = np.sum(~missing, axis=0, dtype="float64")
        known = np.where(missing, 0.0, values)
        mean = known.sum(axis=0) / np.maximum(count, 1.0)
        return cls(count, mean, np.square(np.where(missing, 0.0, known - mean)).sum(axis=0))

    def merged(self, other: "Moments") -> Self:
        """The moments of both sets of rows together."""
        count = self.count + other.count
        shift = other.mean - self.mean
        share = other.count / np.maximum(count, 1.0)
        squares = self.squares + other.squares + np.square(shift) * self.count * share
        return type(self)(count, self.mean + shift * share, squares)

    def pooled(self, axes: tuple[int, ...] | None = None) -> Self:
        """The moments of the values of several elements taken together.

        Args:
            axes: axes of `data_shape` to take together; None for all.
        """
        count = np.sum(self.count, axis=axes, keepdims=True)
        mean = np.sum(self.count * self.mean, axis=axes, keepdims=True) / np.maximum(count, 1.0)
        squares = np.sum(self.squares + self.count * np.square(self.mean - mean), axis=axes, keepdims=True)
        return type(self)(*(np.squeeze(value, axis=axes) for value in (count, mean, squares)))

    @property
    def variance(self) -> Array:
        """Variance of every element, `(*data_shape)`; zero without values."""
        return self.squares / np.maximum(self.count, 1.0)
