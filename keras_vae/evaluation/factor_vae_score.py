"""The metric of the FactorVAE."""

import numpy as np

from keras_vae.arguments import non_negative_number, optional_seed, positive_int
from keras_vae.evaluation.codes import checked_codes
from keras_vae.hints import Array

__all__ = ["factor_vae_score"]


def factor_vae_score(
    codes: Array,
    factors: Array,
    votes: int = 800,
    batch_size: int = 64,
    threshold: float = 0.05,
    *,
    seed: int | None = 0,
) -> float:
    """The metric of the FactorVAE (Kim and Mnih, 2018, section 4): accuracy from 1/k, by chance, to 1.

    One vote: choose a factor and one of its values, draw rows that share it, and find the dimension whose variance
    among them, divided by its variance over all rows, is smallest. The score is the accuracy on half of the votes of
    the classifier that says of each dimension the factor that it was voted for most on the other half. Dimensions
    that hardly vary at all are left out: they are collapsed.

    Args:
        codes: `(n, latent_dim)`, such as `vae.encode(x)`.
        factors: whole numbers `(n, k)`, the ground truth, a column for each factor.
        votes: number of votes.
        batch_size: rows in a vote.
        threshold: dimensions with a smaller variance are collapsed, in squared units of the latents; 0.05, as by
            Locatello et al. (2019), suits a prior with variance 1.
        seed: int, chooses the rows.

    Raises:
        ValueError: arrays of other shapes, or a factor that does not vary.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> factors = np.random.default_rng(0).integers(0, 3, (500, 2))
    >>> kv.evaluation.factor_vae_score(factors, factors)
    1.0
    """
    codes, factors = checked_codes(codes, factors)
    votes, batch_size = positive_int(votes, "votes"), positive_int(batch_size, "batch_size")
    rng = np.random.default_rng(optional_seed(seed))
    variances = codes.var(axis=0)
    used = np.flatnonzero(variances > non_negative_number(threshold, "threshold"))
    if not used.size:
        return 0.0
    scaled = codes[:, used] / np.sqrt(variances[used])
    counts = np.zeros((2, len(used), factors.shape[1]))
    for vote in range(max(2, votes)):
        factor = rng.integers(factors.shape[1])
        column = factors[:, factor]
        rows = np.flatnonzero(column == column[rng.integers(len(column))])
        chosen = scaled[rows[rng.integers(len(rows), size=batch_size)]]
        counts[vote % 2, chosen.var(axis=0).argmin(), factor] += 1
    fitted, tested = counts
    return float(tested[np.arange(len(used)), fitted.argmax(axis=1)].sum() / tested.sum())
