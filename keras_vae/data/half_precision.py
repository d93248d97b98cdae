"""Checks of data that networks see in half precision."""

import warnings
from typing import Any

import numpy as np

from keras_vae.data.chunks import row_chunks
from keras_vae.data.sparse import is_sparse
from keras_vae.data.streams import to_numpy
from keras_vae.hints import Array, Part

__all__ = ["check_fits_half"]

LARGE = 1024.0
"""A gradient is a sum of products of such numbers, and overflows even where the loss is not scaled up."""


def check_fits_half(x: Any, likelihood: Part, argument: str, training: bool) -> None:
    """Refuse values beyond the range of float16, which would be infinite in the networks, and warn of large ones.

    Args:
        x: `(n, *data_shape)`; NaN is taken for missing.
        likelihood: their likelihood, whose `to_network` gives what the networks see.
        argument: name of the data.
        training: whether to warn of values that float16 holds, but not the products and sums that training makes of
            them.

    Raises:
        ValueError: a value beyond the range.
    """
    ends = _ends_of_columns(x).astype("float32")
    ends = np.where(np.isnan(ends), 1.0, ends).astype("float32")  # missing in all rows: zeros for the networks
    largest = float(np.abs(to_numpy(likelihood.to_network(ends))).max())
    limit = float(np.finfo("float16").max)
    span = f"these data span [{ends.min():g}, {ends.max():g}]"
    if largest > limit:
        raise ValueError(
            f"Argument `{argument}`: in half precision the networks see numbers up to {limit:g}, and {span}. "
            "Standardise them, or use the policy 'mixed_bfloat16'."
        )
    if training and largest > LARGE:
        warnings.warn(
            f"Argument `{argument}`: {span}. Half precision holds them, but the first layer's sums and gradients may "
            f"exceed its {limit:g}: steps are then skipped, or the loss is NaN. Standardise them, start the encoder "
            "with a keras.layers.Normalization that has been adapted to them, or use the policy 'mixed_bfloat16'.",
            stacklevel=5,
        )


def _ends_of_columns(x: Any) -> Array:
    """The smallest and the largest value of every element over the rows, `(2, *shape)`, NaN left out.

    Args:
        x: `(n, *shape)`.
    """
    if is_sparse(x):
        return np.stack([end.toarray().reshape(-1) for end in (x.nanmin(axis=0), x.nanmax(axis=0))])
    parts = [np.stack([np.fmin.reduce(part), np.fmax.reduce(part)]) for _, part in row_chunks(x)]
    return np.stack([np.fmin.reduce([low for low, _ in parts]), np.fmax.reduce([high for _, high in parts])])
