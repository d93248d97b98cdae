"""Arrays read a part at a time, so that data on disk are never whole in memory."""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_vae.data.sparse import dense, is_sparse
from keras_vae.data.streams import to_numpy
from keras_vae.hints import Array, Data

__all__ = ["blocks_of_rows", "row_chunks", "take_blocks"]

CHUNK_NUMBERS = 2**19
"""Numbers in a chunk: 4 MB in float64, which the caches of a processor hold."""
BLOCKS = 512


def row_chunks(array: Any) -> Iterator[tuple[int, Array]]:
    """The rows of an array in parts, as NumPy arrays: pairs of the first row and the part.

    >>> import numpy as np
    >>> from keras_vae.data.chunks import row_chunks
    >>> [(start, part.shape) for start, part in row_chunks(np.zeros((3, 2**18)))]
    [(0, (2, 262144)), (2, (1, 262144))]
    """
    if not hasattr(array, "__getitem__") and not is_sparse(array):
        yield 0, to_numpy(array)
        return
    rows = array.tocsr() if is_sparse(array) else array
    size = max(1, CHUNK_NUMBERS // max(1, math.prod(array.shape[1:])))
    for start in range(0, array.shape[0], size):
        yield start, to_numpy(dense(rows[start : start + size]))


def blocks_of_rows(rows: int, limit: int) -> list[slice] | None:
    """Slices of at most `limit` rows in all, at random places that are the same every time; None for all rows.

    Neighbouring rows are read together: an HDF5 file would take minutes for as many single ones.

    Args:
        rows: number of rows of the data.
        limit: number of rows wanted.
    """
    if rows <= limit:
        return None
    size = max(1, limit // BLOCKS)
    places = np.random.default_rng(0).choice(rows // size, limit // size, replace=False)
    return [slice(int(place) * size, (int(place) + 1) * size) for place in np.sort(places)]


def take_blocks(data: Data, blocks: list[slice] | None) -> Data:
    """The rows in the blocks, of every array of a structure; the structure itself where `blocks` is None."""
    if blocks is None:
        return data

    def take(array: Any) -> Array | None:
        if array is None:
            return None
        parts = [to_numpy(array[block]) for block in blocks]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    return keras.tree.map_structure(take, data)
