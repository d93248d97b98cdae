"""Data that do not suit the scale of a likelihood."""

import math
from typing import Any

import numpy as np

from keras_vae.data.chunks import blocks_of_rows, take_blocks
from keras_vae.data.streams import to_numpy
from keras_vae.hints import Array

__all__ = ["collapse_doubt", "constant_doubt", "few_rows", "widest_spread"]

NAMED = 6
"""Elements that a warning names; it counts the others."""
NUMBERS = 2**22
"""Numbers that the largest eigenvalue is computed from."""


def constant_doubt(spread: Array, typical: float, share: float, name: str, first: int = 0) -> list[str]:
    """A sentence that names the elements whose spread lies below a share of the typical one; none if there are none.

    Args:
        spread: standard deviation of every element, `(*data_shape)`; NaN where nothing was seen.
        typical: the standard deviation that is typical of them.
        share: the bound of the scale, as a share of the typical one.
        name: name of the data.
        first: number of the first column.
    """
    flat = [tuple(int(axis) for axis in place) for place in np.argwhere(spread < share * typical)]
    if not flat:
        return []
    named = [
        f"{name}[:, {', '.join(str(axis) for axis in (*place[:-1], place[-1] + first))}]" for place in flat[:NAMED]
    ]
    others = f" and {len(flat) - NAMED} more" if len(flat) > NAMED else ""
    return [
        f"Argument `{name}`: {len(flat)} of {np.size(spread)} elements hardly vary: {', '.join(named)}{others}. Their "
        f"standard deviation is below {share:g} times the typical one, {typical:.3g}, where the likelihood keeps its "
        "scale, so that they do not outweigh the others. Leave them out, or standardise columns of different units; "
        "`min_relative_scale` of the likelihood sets the bound, 0 for none."
    ]


def collapse_doubt(x: Array, scale: Any, name: str) -> list[str]:
    """A sentence if a fixed standard deviation lies above the spread of the data in every direction.

    A linear VAE then has no optimum but the collapsed one (Lucas et al., 2019).

    Args:
        x: `(n, *data_shape)`, in the space of the location, as from `few_rows`; NaN is taken for missing.
        scale: the standard deviation, broadcastable to `data_shape`.
        name: name of the data.
    """
    widest = widest_spread(x, scale)
    if widest is None or widest >= 1.0:
        return []
    return [
        f"Argument `{name}`: the fixed scale of the likelihood is {1.0 / max(widest, 1e-9):.3g} times the spread of "
        "the data along the direction in which they spread most. The model will take all structure for noise, and its "
        "KL will collapse to zero. Use scale='learned', the default, or a scale well below that spread."
    ]


def few_rows(x: Any) -> Array:
    """As many rows of `x` as a largest eigenvalue takes little time for, in float32."""
    rows = max(1, NUMBERS // max(1, math.prod(x.shape[1:])))
    return np.asarray(to_numpy(take_blocks(x, blocks_of_rows(x.shape[0], rows))), dtype="float32")


def widest_spread(x: Array, scale: Any) -> float | None:
    """Root of the largest eigenvalue of the covariance of `x / scale`, by power iteration; None for a single row.

    >>> import numpy as np
    >>> from keras_vae.likelihoods.doubts import widest_spread
    >>> x = np.random.default_rng(0).normal(size=(1000, 1)) * [[3.0, 4.0]]
    >>> round(widest_spread(x, 1.0))
    5
    """
    some = (x / np.float32(scale)).reshape(len(x), -1)
    missing = np.isnan(some)
    observed = 1.0 - float(missing.mean())
    if observed == 0.0 or len(some) < 2:
        return None
    mean = np.where(missing, 0.0, some).sum(axis=0) / np.maximum((~missing).sum(axis=0), 1)
    centred = np.where(missing, 0.0, some - mean)
    direction: Any = np.random.default_rng(0).normal(size=centred.shape[1])
    for _ in range(30):
        direction = centred.T @ (centred @ direction)
        length = float(np.linalg.norm(direction))
        if length == 0.0:
            return 0.0
        direction = direction / length
    # Zeros for what is missing shrink a covariance by at most the square of the observed share.
    return float(np.linalg.norm(centred @ direction)) / math.sqrt(len(centred)) / observed
