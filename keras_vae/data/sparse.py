"""Sparse rows: batches of dense rows, without a dense copy of all."""

from typing import Any

import keras
import numpy as np

from keras_vae.hints import Array, Data

__all__ = ["SparseRows", "dense", "has_sparse", "is_sparse"]


def is_sparse(data: Any) -> bool:
    """Whether `data` is a sparse matrix or array of SciPy."""
    return type(data).__module__.startswith("scipy.sparse")


def has_sparse(data: Data) -> bool:
    """Whether any array of a structure is sparse."""
    return any(is_sparse(leaf) for leaf in keras.tree.flatten(data))


def dense(data: Data) -> Data:
    """A structure of arrays with the sparse ones made dense."""
    return keras.tree.map_structure(lambda leaf: leaf.toarray() if is_sparse(leaf) else leaf, data)


class SparseRows(keras.utils.PyDataset):
    """Batches of dense rows from arrays of which some are sparse, the others cut alike.

    Args:
        x: arrays `(n, ...)`, or a structure of them.
        y: likewise, or None.
        sample_weight: likewise, or None.
        batch_size: rows at a time, 32 by default.
        shuffle: whether the rows come in another order in every epoch.
        rows: numbers of the rows to take, all by default.
    """

    def __init__(
        self,
        x: Data,
        y: Data = None,
        sample_weight: Data = None,
        batch_size: int | None = None,
        shuffle: bool = False,
        rows: Array | None = None,
    ) -> None:
        super().__init__()
        given = [part for part in (x, y, sample_weight) if part is not None]
        # TensorFlow reads batches with tuples, not with lists. Only rows of CSR can be looked up.
        self.arrays = keras.tree.map_structure(
            lambda leaf: leaf.tocsr() if is_sparse(leaf) else leaf,
            tuple(tuple(part) if isinstance(part, list) else part for part in given),
        )
        self.batch_size = batch_size or 32
        self.shuffle = shuffle
        self.rows = np.arange(keras.tree.flatten(x)[0].shape[0]) if rows is None else rows
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self.rows[index * self.batch_size : (index + 1) * self.batch_size]

        def take(leaf: Any) -> Array:
            return leaf[rows].toarray() if is_sparse(leaf) else keras.ops.convert_to_numpy(leaf)[rows]

        return keras.tree.map_structure(take, self.arrays)

    def on_epoch_end(self) -> None:
        if self.shuffle:
            # NumPy's own generator, which keras.utils.set_random_seed seeds.
            self.rows = np.random.permutation(self.rows)
