"""What a code costs, and how far it is."""

import dataclasses
import os
from typing import Any, Self

import keras

__all__ = ["CompressionResult", "progress_bar"]

QUIET_ROWS = 4096


@dataclasses.dataclass(frozen=True)
class CompressionResult:
    """What a code costs. Bits per dimension are bits divided by rows times elements of a row.

    Args:
        path: the file, or None.
        rows: number of rows.
        dimensions: elements of one row.
        file_bytes: size of the file.
        code_bytes: the part of it that is the code, without the header.
        bits_per_dim: all bits of the file, per dimension.
        net_bits_per_dim: those of the code, without what the first rows cost because they found no bits to get back:
            the rate that many rows approach.
        elbo_bits_per_dim: what the model says that it should cost: -log2 p(x, z) + log2 q(z | x) at the latents of
            the code, per dimension, from the densities.

    Example:

    >>> from keras_vae.compression import CompressionResult
    >>> CompressionResult(None, 10, 8, 30, 20, 3.0, 1.9, 1.9).file_bytes
    30
    """

    path: str | None
    rows: int
    dimensions: int
    file_bytes: int
    code_bytes: int
    bits_per_dim: float
    net_bits_per_dim: float
    elbo_bits_per_dim: float

    @classmethod
    def of(
        cls,
        path: str | os.PathLike | None,
        rows: int,
        dimensions: int,
        file_bytes: int,
        code_bytes: int,
        net_bits: float,
        elbo_bits: float,
    ) -> Self:
        """The result of a code whose bits are those of all rows.

        Args:
            path: as for the class, as are the sizes.
            rows: likewise.
            dimensions: likewise.
            file_bytes: likewise.
            code_bytes: likewise.
            net_bits: bits of the code, without what the first rows cost.
            elbo_bits: bits that the model says that it should cost.
        """
        each = 1.0 / (rows * dimensions)
        name = None if path is None else os.fspath(path)
        bits = (8 * file_bytes * each, net_bits * each, elbo_bits * each)
        return cls(name, rows, dimensions, file_bytes, code_bytes, *bits)

    def __str__(self) -> str:
        return (
            f"{self.rows} rows of {self.dimensions} elements in {self.file_bytes} bytes: {self.bits_per_dim:.4f} bits "
            f"per dimension, net {self.net_bits_per_dim:.4f}, -ELBO {self.elbo_bits_per_dim:.4f}"
        )


def progress_bar(rows: int, verbose: str | int) -> Any:
    """A function that is told how many rows are done, and shows them as Keras does.

    Args:
        rows: number of rows.
        verbose: as for `compress`.
    """
    quiet = rows <= QUIET_ROWS if verbose == "auto" else not verbose
    if quiet:
        return lambda count: None
    bar = keras.utils.Progbar(rows, unit_name="row")
    return bar.add
