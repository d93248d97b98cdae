"""Descriptions of data, the forms in which they are passed, checks, and batches."""

from keras_vae.data.batch import Batch
from keras_vae.data.field import Field
from keras_vae.data.labelled_batches import LabelledBatches
from keras_vae.data.support import ColumnSupport, Support, column_supports

__all__ = ["Batch", "ColumnSupport", "Field", "LabelledBatches", "Support", "column_supports"]
