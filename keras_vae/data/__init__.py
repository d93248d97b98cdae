"""What data are: the shape of a field, what is missing in it, and where its values may lie."""

from keras_vae.data.field import Field
from keras_vae.data.support import ColumnSupport, Support, column_supports

__all__ = ["ColumnSupport", "Field", "Support", "column_supports"]
