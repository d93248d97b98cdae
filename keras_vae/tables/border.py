"""What scikit-learn expects of an estimator at its border: the columns that it was fitted with, in their order."""

import warnings
from typing import Any

import numpy as np

from keras_vae.hints import Part
from keras_vae.tables.frames import Frame

__all__ = ["check_columns", "remember_columns"]


def remember_columns(estimator: Part, frame: Frame) -> None:
    """Set `n_features_in_`, and `feature_names_in_` where all columns have names that are text.

    Args:
        estimator: the estimator that is fitted.
        frame: the table that it is fitted on.

    Raises:
        TypeError: some names are text, and others are not.
    """
    estimator.n_features_in_ = len(frame.names)
    estimator._names = frame.names if frame.named else None
    texts = [isinstance(name, str) for name in frame.names]
    if frame.named and any(texts) and not all(texts):
        types = sorted({type(name).__name__ for name in frame.names})
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your input has "
            f"{types} as feature name / column name types. Rename the columns with frame.columns.astype(str)."
        )
    if frame.named and all(texts):
        estimator.feature_names_in_ = np.array(frame.names, dtype=object)
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_


def check_columns(estimator: Part, frame: Frame) -> None:
    """Refuse a table with other columns than the fitted one, or with the same in another order, as scikit-learn does.

    Args:
        estimator: a fitted estimator.
        frame: the table.

    Raises:
        ValueError: other columns, another order, or another number of columns.
    """
    name = type(estimator).__name__
    fitted: Any = getattr(estimator, "feature_names_in_", None)
    own = frame.names if frame.named and all(isinstance(item, str) for item in frame.names) else None
    if fitted is not None and own is None:
        warnings.warn(
            f"X does not have valid feature names, but {name} was fitted with feature names", UserWarning, stacklevel=4
        )
    elif fitted is None and own is not None:
        warnings.warn(f"X has feature names, but {name} was fitted without feature names", UserWarning, stacklevel=4)
    other = frame.named and (own is not None) == (fitted is not None)  # names that are numbers are compared too
    if other and estimator._names is not None and estimator._names != frame.names:
        fitted, own = estimator._names, frame.names
        unseen, lost = [item for item in own if item not in fitted], [item for item in fitted if item not in own]
        message = "The feature names should match those that were passed during fit.\n"
        if unseen:
            message += "Feature names unseen at fit time:\n" + listed(unseen)
        if lost:
            message += "Feature names seen at fit time, yet now missing:\n" + listed(lost)
        if not unseen and not lost:
            message += "Feature names must be in the same order as they were in fit.\n"
        raise ValueError(message)
    if len(frame.names) != estimator.n_features_in_:
        raise ValueError(
            f"X has {len(frame.names)} features, but {name} is expecting {estimator.n_features_in_} features as input."
        )


def listed(names: list[Any]) -> str:
    """The first names, a line each, as scikit-learn lists them."""
    names = sorted(names, key=lambda name: (not isinstance(name, str), name if isinstance(name, (int, str)) else 0))
    return "".join(f"- {name}\n" for name in names[:5]) + ("- ...\n" if len(names) > 5 else "")
