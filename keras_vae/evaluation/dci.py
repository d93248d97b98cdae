"""Disentanglement, completeness and informativeness."""

import dataclasses
from typing import Any

import numpy as np

from keras_vae.arguments import one_of, optional_seed
from keras_vae.evaluation.codes import checked_codes, split
from keras_vae.evaluation.optional import scikit_learn
from keras_vae.evaluation.result import Result
from keras_vae.hints import Array

__all__ = ["DCI", "dci"]

PREDICTORS = ("boosting", "forest", "lasso")


@dataclasses.dataclass(frozen=True, eq=False)
class DCI(Result):
    """Disentanglement, completeness and informativeness of codes (Eastwood and Williams, 2018), each from 0 to 1.

    Args:
        disentanglement: whether each dimension is important for one factor only.
        completeness: whether each factor has one important dimension only.
        informativeness: mean accuracy of the factors' predictions on rows that were not fitted on.
        importance: of every dimension for every factor, `(latent_dim, k)`; columns sum to 1.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> print(kv.evaluation.DCI(1.0, 1.0, 0.9, np.eye(2)))
    dci_disentanglement: 1
    dci_completeness: 1
    dci_informativeness: 0.9
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance: Array

    def summary(self) -> dict[str, float]:
        return {f"dci_{name}": getattr(self, name) for name in ("disentanglement", "completeness", "informativeness")}


def dci(codes: Array, factors: Array, predictor: str = "boosting", *, seed: int | None = 0) -> DCI:
    """Disentanglement, completeness and informativeness (Eastwood and Williams, 2018).

    A predictor of each factor from the codes says how important each dimension is for it. *Disentanglement* is one
    minus the entropy of a dimension's importances over the factors, *completeness* one minus that of a factor's over
    the dimensions, both with logarithms to the base of their number; dimensions are weighted by their importance.

    Args:
        codes: `(n, latent_dim)`, such as `vae.encode(x)`.
        factors: whole numbers `(n, k)`, the ground truth, a column for each factor.
        predictor: `"boosting"` of trees, as Locatello et al. (2019), which takes minutes for many rows and classes; a
            random `"forest"`, which takes seconds; or `"lasso"`, a logistic regression with an L1 penalty, which
            sees linear dependence alone. Compare values of the same.
        seed: int, chooses the rows to fit on, and the randomness of the predictor.

    Returns:
        `DCI`, with the matrix of importances, `(latent_dim, k)`.

    Raises:
        ValueError: an unknown predictor, arrays of other shapes, or a factor that does not vary.
        ImportError: scikit-learn is not installed.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> factors = np.random.default_rng(0).integers(0, 3, (200, 2))
    >>> found = kv.evaluation.dci(factors, factors, "lasso")
    >>> found.disentanglement > 0.95, found.informativeness
    (True, 1.0)
    """
    one_of(predictor, PREDICTORS, "predictor")
    codes, factors = checked_codes(codes, factors)
    fit, test = split(len(codes), optional_seed(seed))
    columns, accuracies = [], []
    for factor in factors.T:
        if len(np.unique(factor[fit])) < 2:
            raise ValueError(
                "Argument `factors`: a factor has one value in the half of the rows that predictors are fitted on. "
                "Expected at least two. Received: too few rows of its other values. Pass more rows."
            )
        model = make_predictor(predictor, seed).fit(codes[fit], factor[fit])
        columns.append(importances(model))
        accuracies.append(model.score(codes[test], factor[test]))
    importance = np.stack(columns, axis=1)
    return DCI(disentanglement(importance), completeness(importance), float(np.mean(accuracies)), importance)


def make_predictor(predictor: str, seed: int | None) -> Any:
    """A scikit-learn classifier that knows how important its features are."""
    if predictor == "boosting":
        return scikit_learn("ensemble", "dci").GradientBoostingClassifier(random_state=seed)
    if predictor == "forest":
        # Every split may choose among all dimensions: one that had to take another would call that important.
        return scikit_learn("ensemble", "dci").RandomForestClassifier(max_features=None, random_state=seed)
    scaler = scikit_learn("preprocessing", "dci").StandardScaler()
    linear = scikit_learn("linear_model", "dci").LogisticRegression(
        l1_ratio=1.0, C=0.1, solver="saga", max_iter=1000, random_state=seed
    )
    return scikit_learn("pipeline", "dci").make_pipeline(scaler, linear)


def importances(model: Any) -> Array:
    """How important each dimension is to a fitted predictor, `(d,)`, with a sum of 1, or of 0 if none is."""
    if hasattr(model, "feature_importances_"):
        values = np.asarray(model.feature_importances_, "float64")
    else:
        values = np.abs(model[-1].coef_).sum(axis=0)
    return values / (values.sum() or 1.0)


def disentanglement(importance: Array) -> float:
    """One minus the entropy of each row of `(d, k)`, weighted by its sum.

    >>> disentanglement(np.array([[1.0, 1.0], [0.0, 2.0]]))
    0.5
    """
    total = importance.sum()
    return float((one_minus_entropy(importance) * importance.sum(axis=1)).sum() / total) if total > 0 else 0.0


def completeness(importance: Array) -> float:
    """One minus the entropy of each column of `(d, k)`, the mean weighted by its sum.

    >>> completeness(np.array([[1.0, 1.0], [0.0, 1.0]])) < completeness(np.eye(2))
    True
    """
    return disentanglement(importance.T)


def one_minus_entropy(rows: Array) -> Array:
    """One minus the entropy of rows of weights `(m, k)`, with logarithms to the base k: `(m,)`."""
    if rows.shape[1] < 2:
        return np.ones(len(rows))
    total = rows.sum(axis=1, keepdims=True)
    shares = rows / np.where(total > 0, total, 1.0)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return 1.0 + (shares * logs).sum(axis=1) / np.log(rows.shape[1])
