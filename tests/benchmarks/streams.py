"""Rows in a file, read batch by batch through tf.data and through Grain."""

import os

import numpy as np

CHUNK = 4096


def write(path, rows, width):
    """A file of zeros and ones in float32, row by row."""
    rng = np.random.default_rng(0)
    with open(path, "wb") as file:
        for begin in range(0, rows, CHUNK):
            rng.integers(0, 2, (min(CHUNK, rows - begin), width)).astype("float32").tofile(file)


class Rows:
    """Rows of a file by index, each read when it is asked for; a source for Grain."""

    def __init__(self, path, rows, width):
        self.path, self.rows, self.width = str(path), rows, width
        self.file = os.open(self.path, os.O_RDONLY)

    def __len__(self):
        return self.rows

    def __getitem__(self, index):
        size = 4 * self.width
        return np.frombuffer(os.pread(self.file, size, int(index) * size), dtype="float32")


def with_tf_data(path, rows, width, batch_size):
    import tensorflow as tf

    records = tf.data.FixedLengthRecordDataset(str(path), 4 * width).take(rows)
    records = records.apply(tf.data.experimental.assert_cardinality(rows))
    decoded = records.batch(batch_size).map(
        lambda record: tf.reshape(tf.io.decode_raw(record, tf.float32), (-1, width))
    )
    return decoded.prefetch(2)


def with_grain(path, rows, width, batch_size):
    import grain

    return grain.MapDataset.source(Rows(path, rows, width)).shuffle(seed=0).to_iter_dataset().batch(batch_size)


READERS = {"tf.data": with_tf_data, "Grain": with_grain}
