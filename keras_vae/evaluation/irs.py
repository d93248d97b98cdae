"""The interventional robustness score."""

import numpy as np

from keras_vae.evaluation.codes import checked_codes
from keras_vae.hints import Array

__all__ = ["irs"]


def irs(codes: Array, factors: Array, quantile: float = 0.99) -> float:
    """Interventional robustness score (Suter et al., 2019, section 4), from 0 to 1.

    How far a dimension moves while one factor is fixed and all others change: for every value of the factor the
    quantile of the distances of its codes to their mean, averaged over the values, relative to the largest distance
    of any code. One minus that, for the best factor of each dimension, averaged with the largest distances as
    weights. The quantile stands for the maximum, as by Locatello et al. (2019), so that single rows do not decide.

    Args:
        codes: `(n, latent_dim)`, such as `vae.encode(x)`.
        factors: whole numbers `(n, k)`, the ground truth; every combination of values should be there, as on a grid.
        quantile: which of the distances counts, above 0 and at most 1; 1 is the largest.

    Raises:
        ValueError: arrays of other shapes, a factor that does not vary, or a quantile outside of its range.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> factors = np.stack(np.meshgrid(range(4), range(4)), axis=-1).reshape(-1, 2)
    >>> kv.evaluation.irs(factors, factors)
    1.0
    """
    if not 0.0 < quantile <= 1.0:
        raise ValueError(f"Argument `quantile` must lie above 0, and be at most 1. Received: quantile={quantile!r}")
    codes, factors = checked_codes(codes, factors)
    furthest = np.abs(codes - codes.mean(axis=0)).max(axis=0)
    varies = furthest > 0
    if not varies.any():
        return 0.0
    codes, furthest = codes[:, varies], furthest[varies]
    moved = np.zeros((codes.shape[1], factors.shape[1]))
    for index, factor in enumerate(factors.T):
        groups = [codes[factor == value] for value in np.unique(factor)]
        distances = [np.quantile(np.abs(group - group.mean(axis=0)), quantile, axis=0) for group in groups]
        moved[:, index] = np.mean(distances, axis=0)
    robustness = 1.0 - (moved / furthest[:, None]).min(axis=1)
    return float(np.average(robustness, weights=furthest))
