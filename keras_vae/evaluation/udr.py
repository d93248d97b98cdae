"""The unsupervised disentanglement ranking."""

from collections.abc import Sequence

import numpy as np

from keras_vae.arguments import one_of
from keras_vae.evaluation.codes import rows_of_codes
from keras_vae.evaluation.optional import scikit_learn
from keras_vae.hints import Array

__all__ = ["udr"]

SIMILARITIES = ("spearman", "lasso")
INFORMATIVE = 0.01


def udr(codes: Sequence[Array], kl: Sequence[Array] | None = None, similarity: str = "spearman") -> Array:
    """Unsupervised disentanglement ranking of several models (Duan et al., 2020, equations 2 to 4), from 0 to 1.

    It needs no factors: models that disentangle find the same dimensions from every seed, up to their order and sign.
    For each pair of models, how close the matrix of similarities of their dimensions is to a permutation; the score of
    a model is the median over the others. Train models of one kind with several seeds, and take the one with the
    highest score.

    Args:
        codes: for each model `(n, latent_dim)`, the codes of the same n rows, from at least two models. The number of
            dimensions may differ.
        kl: for each model the KL of every dimension in nats, `(latent_dim,)`, as in `kl_per_dimension`; those above
            0.01 are informative. By default dimensions whose codes have a variance above 0.01 are, as in
            `active_units`.
        similarity: `"spearman"`, the absolute rank correlation, or `"lasso"`, the absolute weights of a linear
            regression with an L1 penalty.

    Returns:
        `(models,)`, in the order of the models.

    Raises:
        ValueError: fewer than two models, codes of unequal numbers of rows, or an unknown similarity.
        ImportError: scikit-learn is not installed, for `"lasso"`.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> codes = np.random.default_rng(0).normal(size=(500, 2))
    >>> turned = codes @ np.array([[0.6, 0.8], [-0.8, 0.6]])
    >>> kv.evaluation.udr([codes, -codes[:, ::-1], turned]).round(1).tolist()
    [0.7, 0.7, 0.4]
    """
    one_of(similarity, SIMILARITIES, "similarity")
    arrays = [rows_of_codes(own, f"codes[{index}]") for index, own in enumerate(codes)]
    if len(arrays) < 2 or len({len(own) for own in arrays}) > 1:
        raise ValueError(
            "Argument `codes` must hold codes of the same rows from at least two models. Received: shapes "
            f"{[own.shape for own in arrays]}."
        )
    informative = [own.var(axis=0) > INFORMATIVE for own in arrays]
    if kl is not None:
        informative = [np.asarray(own).reshape(-1) > INFORMATIVE for own in kl]
        if [own.shape for own in informative] != [own.shape[1:] for own in arrays]:
            raise ValueError(
                f"Argument `kl` must hold a KL for each dimension of each model. Expected the shapes "
                f"{[own.shape[1:] for own in arrays]}. Received: {[own.shape for own in informative]}."
            )
    scores = np.zeros((len(arrays), len(arrays)))
    for first, second in np.ndindex(scores.shape):
        if first < second:
            matrix = similarities(arrays[first], arrays[second], similarity)
            scores[first, second] = scores[second, first] = of_pair(matrix, informative[first], informative[second])
    return np.array([np.median(np.delete(row, index)) for index, row in enumerate(scores)])


def similarities(first: Array, second: Array, similarity: str) -> Array:
    """Absolute similarity of every dimension of `(n, d)` with every one of `(n, e)`: `(d, e)`."""
    if similarity == "spearman":
        first, second = (np.stack([ranks(code) for code in codes.T], axis=1) for codes in (first, second))
    first, second = standardised(first), standardised(second)
    if similarity == "spearman":
        return np.abs(first.T @ second) / len(first)
    lasso = scikit_learn("linear_model", "udr").Lasso(alpha=0.1)
    return np.abs(np.atleast_2d(lasso.fit(first, second).coef_)).T


def ranks(values: Array) -> Array:
    """Ranks `(n,)` from 0 on; equal values share their mean rank.

    >>> ranks(np.array([5.0, 1.0, 5.0])).tolist()
    [1.5, 0.0, 1.5]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count + 1) / 2)[place.reshape(-1)]


def standardised(codes: Array) -> Array:
    """Codes `(n, d)` with mean 0 and variance 1; constant ones are 0."""
    codes = codes - codes.mean(axis=0)
    spread = codes.std(axis=0)
    return codes / np.where(spread > 0, spread, 1.0)


def of_pair(matrix: Array, first: Array, second: Array) -> float:
    """How close similarities `(d, e)` are to a permutation of the informative dimensions, from 0 to 1.

    >>> of_pair(np.array([[1.0, 0.0], [0.5, 0.5]]), np.ones(2, bool), np.ones(2, bool)).__round__(4)
    0.6042
    """
    informative = first.sum() + second.sum()
    if not informative:
        return 0.0

    def relative(best: Array, total: Array, counted: Array) -> float:
        return float((np.square(best) / np.where(total > 0, total, 1.0))[counted].sum())

    by_column = relative(matrix.max(axis=0), matrix.sum(axis=0), second)
    by_row = relative(matrix.max(axis=1), matrix.sum(axis=1), first)
    return (by_column + by_row) / float(informative)
