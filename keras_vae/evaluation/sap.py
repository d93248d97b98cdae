"""The separated attribute predictability score."""

import numpy as np

from keras_vae.arguments import optional_seed
from keras_vae.evaluation.codes import checked_codes, gap, split
from keras_vae.evaluation.optional import scikit_learn
from keras_vae.hints import Array

__all__ = ["sap"]


def sap(codes: Array, factors: Array, *, ordered: bool = False, seed: int | None = 0) -> float:
    """Separated attribute predictability (Kumar, Sattigeri and Balakrishnan, 2018), from 0 to 1.

    How well each single dimension predicts each factor: the accuracy of a linear support vector machine on the half
    of the rows that it was not fitted on, or, for ordered factors, the squared correlation. The score is the
    difference of the best dimension and the second, averaged over the factors.

    Args:
        codes: `(n, latent_dim)`, such as `vae.encode(x)`.
        factors: whole numbers `(n, k)`, the ground truth, a column for each factor.
        ordered: whether the values of factors are amounts, such as positions, and not names of classes.
        seed: int, chooses the rows to fit on.

    Raises:
        ValueError: arrays of other shapes, or a factor that does not vary.
        ImportError: scikit-learn is not installed.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> factors = np.random.default_rng(0).integers(0, 2, (400, 2))
    >>> round(kv.evaluation.sap(factors, factors), 1)  # 1 from the best dimension, 1/2 from the other
    0.5
    """
    codes, factors = checked_codes(codes, factors, two_dimensions=True)
    if ordered:
        return float(gap(squared_correlations(codes, factors)).mean())
    machines = scikit_learn("svm", "sap")
    fit, test = split(len(codes), optional_seed(seed))
    spread = codes[fit].std(axis=0)
    rows = (codes - codes[fit].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    scores = np.zeros((codes.shape[1], factors.shape[1]))
    for place in np.ndindex(scores.shape):
        code, factor = rows[:, [place[0]]], factors[:, place[1]]
        machine = machines.LinearSVC(C=0.01, class_weight="balanced", random_state=seed)
        scores[place] = machine.fit(code[fit], factor[fit]).score(code[test], factor[test])
    return float(gap(scores).mean())


def squared_correlations(codes: Array, factors: Array) -> Array:
    """Squared correlation of every dimension `(n, d)` and factor `(n, k)`: `(d, k)`; 0 for constant dimensions."""
    first, second = (array - array.mean(axis=0) for array in (codes, factors))
    spread = np.outer(np.square(first).sum(axis=0), np.square(second).sum(axis=0))
    return np.square(first.T @ second) / np.where(spread > 0, spread, 1.0)
