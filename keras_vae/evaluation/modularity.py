"""Modularity."""

import numpy as np

from keras_vae.evaluation.codes import checked_codes, mutual_information_matrix
from keras_vae.hints import Array

__all__ = ["modularity"]


def modularity(codes: Array, factors: Array, bins: int = 20) -> float:
    """Modularity (Ridgeway and Mozer, 2018, equation 2), from 0 to 1.

    Does each dimension depend on one factor only? For every dimension one minus the sum of its squared mutual
    informations with all factors but its best, relative to the squared one with the best times the number of the
    others; the mean over the dimensions. A dimension that knows nothing counts as 0, as by Locatello et al. (2019). It
    does not ask whether the dimensions know the factors well.

    Args:
        codes: `(n, latent_dim)`, such as `vae.encode(x)`.
        factors: whole numbers `(n, k)`, the ground truth, at least two columns.
        bins: number of bins of equal width of each dimension.

    Raises:
        ValueError: arrays of other shapes, or a factor that does not vary.
        ImportError: scikit-learn is not installed.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> factors = np.stack(np.meshgrid(range(4), range(4)), axis=-1).reshape(-1, 2)
    >>> round(kv.evaluation.modularity(factors, factors), 3)
    1.0
    """
    codes, factors = checked_codes(codes, factors)
    if factors.shape[1] < 2:
        raise ValueError(
            f"Argument `factors` must have at least 2 columns: one factor has no others. Received: {factors.shape[1]}"
        )
    squares = np.square(mutual_information_matrix(codes, factors, bins, "modularity"))
    largest = squares.max(axis=1)
    others = (squares.sum(axis=1) - largest) / (np.where(largest > 0, largest, 1.0) * (factors.shape[1] - 1))
    return float(np.where(largest > 0, 1.0 - others, 0.0).mean())
