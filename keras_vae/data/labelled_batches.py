"""Batches that all hold some rows with a label."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_vae.arguments import optional_seed, positive_int
from keras_vae.data.arrays import check_is_array
from keras_vae.data.conditions import check_condition
from keras_vae.data.forms import as_arrays, numbers_as_array
from keras_vae.data.labels import condition_support, missing_labels
from keras_vae.data.rows import check_one_row_each, count_rows
from keras_vae.data.sparse import is_sparse
from keras_vae.data.streams import Inputs, to_numpy, unpack
from keras_vae.hints import Array, Data

__all__ = ["LabelledBatches"]


class LabelledBatches(keras.utils.PyDataset):
    """A dataset for `fit` of rows of which few have a label, with some of these in every batch.

    An epoch has every row without a label once, and repeats those with one, as the minibatches of Kingma et al. (2014)
    do. Rows have weights: the loss of a batch is that of a random one in expectation, so the model of the data does not
    come to prefer the labelled rows. The objective's classifier, whose loss is a mean over the labelled rows, sees
    `labelled` of them in every step, where a random batch would often have none.

    Args:
        inputs: as for `fit`: `[x, labels]`, or a dict with the keys `"x"` and `"label"`; labels `(n,)` are -1, and rows
            of conditions `(n, k)` NaN, where they are unknown.
        batch_size: rows in a batch, all batches have as many.
        labelled: how many of them have a label; by default a quarter.
        transform: function of the x of a batch, as NumPy arrays, to what takes its place: noise, or draws of latents.
        seed: int, for batches that are reproducible.
        **kwargs: `workers`, `use_multiprocessing` and `max_queue_size`, as for every PyDataset.

    Raises:
        ValueError: bad arguments, labels that are none, or another number of them than rows of x; rows that all have a
            label, or none.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> labels = np.full(1000, -1)
    >>> labels[:10] = np.arange(10)
    >>> batches = kv.data.LabelledBatches({"x": np.zeros((1000, 4)), "label": labels}, batch_size=100, labelled=20)
    >>> inputs, target, weights = batches[0]
    >>> len(batches), int((inputs["condition"] >= 0).sum()), round(float(weights.mean()), 4)
    (13, 20, 1.0)
    """

    def __init__(
        self,
        inputs: Data,
        batch_size: int = 128,
        labelled: int | None = None,
        transform: Callable[[Any], Any] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = unpack(as_arrays(inputs))
        if given.condition is None:
            raise ValueError(
                "Argument `inputs` must hold labels. Received: none. Pass {'x': x, 'label': labels}, with -1 where a "
                "label is unknown."
            )
        given = given._replace(condition=numbers_as_array(given.condition))
        there = rows_with_label(given)
        self.arrays = keras.tree.map_structure(to_numpy, given.given())
        self.batch_size = positive_int(batch_size, "batch_size")
        self.labelled = positive_int(max(1, batch_size // 4) if labelled is None else labelled, "labelled")
        if self.labelled >= self.batch_size:
            raise ValueError(
                f"Argument `labelled` must be below batch_size, {batch_size}. Received: labelled={labelled}"
            )
        self.known, self.unknown = np.flatnonzero(there), np.flatnonzero(~there)
        if not len(self.known) or not len(self.unknown):
            raise ValueError(
                f"Argument `inputs`: some rows must have a label, and some none. Received: {len(self.known)} of "
                f"{len(there)} rows with a label. Mark unknown labels with -1, and unknown one-hot rows with NaN; if "
                "there are none, pass the arrays themselves to fit."
            )
        self.transform = transform
        self.generator = np.random.default_rng(optional_seed(seed))
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.unknown) // (self.batch_size - self.labelled))

    def __getitem__(self, index: int) -> tuple[dict[str, Any], Any, Array]:
        others = self.batch_size - self.labelled
        rows = np.concatenate(
            [
                self.of_known[index * self.labelled : (index + 1) * self.labelled],
                self.of_unknown[index * others : (index + 1) * others],
            ]
        )
        inputs = keras.tree.map_structure(lambda array: array[rows], self.arrays)
        if self.transform is not None:
            inputs["x"] = self.transform(inputs["x"])
        share = len(self.known) / (len(self.known) + len(self.unknown))
        weights = np.full(self.batch_size, (1.0 - share) * self.batch_size / others, "float32")
        weights[: self.labelled] = share * self.batch_size / self.labelled
        return inputs, inputs["x"], weights  # Keras hands on weights beside a target only

    def on_epoch_end(self) -> None:
        """Another order of the rows."""
        self.of_known = self._shuffled(self.known, self.labelled)
        self.of_unknown = self._shuffled(self.unknown, self.batch_size - self.labelled)

    def _shuffled(self, rows: Array, in_batch: int) -> Array:
        """As many rows as the batches of an epoch need: all of them in random order, as often as that takes."""
        rounds = -(-len(self) * in_batch // len(rows))
        return np.concatenate([self.generator.permutation(rows) for _ in range(rounds)])[: len(self) * in_batch]


def rows_with_label(given: Inputs) -> Array:
    """The rows that have a label, boolean `(n,)`.

    Raises:
        ValueError: arrays of unequal lengths, or labels that are none.
    """
    for name, field in (given.x if isinstance(given.x, dict) else {"": given.x}).items():
        if not is_sparse(field):
            check_is_array(field, f"x[{name!r}]" if name else "x", ("...",))
    check_is_array(given.condition, "condition", ())
    shape = tuple(given.condition.shape)[1:]
    values = to_numpy(given.condition)
    if shape == (1,) and not (values.dtype.kind == "f" and np.isnan(values).any()):
        shape = ()  # a column of labels, which is refused: -1 would be a number like any other
    check_condition(given.condition, shape, condition_support(None, shape), may_miss=True)
    for name, part in given.given().items():
        for leaf in keras.tree.flatten(part):
            check_one_row_each(leaf.shape[0], count_rows(given.x), name)
    return missing_labels(values).reshape(len(values), -1).sum(axis=1) == 0
