"""Checks of what the data are conditioned on."""

from typing import Any

from keras_vae.data.arrays import check_is_array
from keras_vae.data.labels import present_labels
from keras_vae.data.masks import check_mask
from keras_vae.data.rows import check_one_row_each, check_rows, rows_of
from keras_vae.data.streams import to_numpy
from keras_vae.data.support import Support
from keras_vae.hints import Part, Shape

__all__ = ["ConditionChecks", "check_condition"]


def check_condition(
    condition: Any, shape: Shape, support: Support | None, may_miss: bool = False, advice: str = ""
) -> None:
    """Check that conditions are an array of a shape and within a support.

    Args:
        condition: `(n, *shape)`.
        shape: shape of one example's condition.
        support: the values that conditions may have, or None for any.
        may_miss: whether rows may lack theirs: NaN, or a label of -1.
        advice: what to do about missing ones, for the error.

    Raises:
        ValueError: other conditions.

    Example:

    >>> import numpy as np
    >>> check_condition(np.array([1, -1]), (), Support(0.0, 2.0, integer=True), may_miss=True)
    """
    check_is_array(condition, "condition", shape)
    given = present_labels(condition, shape, may_miss, advice)
    missing = "nan" if may_miss else None
    check_rows(given, shape, support, "condition", missing=missing, expected_by="the condition encoder")


class ConditionChecks:
    """Checks conditions against what a model was built for.

    Args:
        shape: shape of one example's condition, or None for a model without conditions.
        support: the values that conditions may have, or None for any.
        objective: the objective, which may allow rows without a label.
    """

    def __init__(self, shape: Shape | None, support: Support | None = None, objective: Part = None) -> None:
        self.shape = shape
        self.support = support
        self.objective = objective
        self.partly_labelled = getattr(objective, "partly_labelled", False)

    def check(
        self, condition: Any, rows: int, mask: Any = None, partly_labelled: bool = False, among_inputs: bool = False
    ) -> None:
        """Check a condition against `condition_shape`.

        Args:
            condition: `(rows, *condition_shape)`, or None.
            rows: number of examples.
            mask: boolean `(rows, length)` for conditions of unequal lengths, or None.
            partly_labelled: whether rows may be missing.
            among_inputs: whether it comes with the data, and not as an argument of its own.

        Raises:
            ValueError: conditions that do not fit the model, or the lack of them.
        """
        if mask is not None and condition is None:
            raise ValueError(
                "Argument `condition_mask` needs a condition. Received: only a mask. Pass the condition too, or leave "
                "the mask out."
            )
        if self.shape is None:
            if condition is not None:
                raise ValueError(
                    "Argument `condition`: this model was built without conditions. Build it with "
                    "VAE(..., condition_shape=...), or leave the condition out. If the second array holds targets, "
                    "pass it as y; a mask or an exposure is passed by name, as {'x': x, 'mask': mask}."
                )
            return
        if condition is None:
            how = f"Pass condition=..., one for each row, shape {rows_of(self.shape)}, or one for all."
            if among_inputs:
                how = (
                    "Pass [x, condition] or {'x': x, 'condition': condition}, in datasets ((x, condition),) or such "
                    "dicts. It is never `y`; labels are conditions: {'x': x, 'label': labels}." + self._label_advice
                )
            raise ValueError(
                f"Argument `condition`: this model was built with condition_shape={self.shape}. Received: no "
                f"condition. {how}"
            )
        advice = (
            "The objective allows missing labels in fit and evaluate only: elsewhere pass the label to condition on."
            + self._label_advice
            if self.partly_labelled
            else "Leave those rows out, or use an objective with partly_labelled = True, which sums over missing "
            "labels."
        )
        check_condition(condition, self.shape, self.support, partly_labelled, advice)
        if hasattr(self.objective, "check_condition"):
            self.objective.check_condition(to_numpy(condition))
        check_one_row_each(len(condition), rows, "condition")
        if mask is None:
            return
        check_is_array(mask, "condition_mask", ("length",))
        if len(condition.shape) < 2 or tuple(mask.shape) != tuple(condition.shape)[:2]:
            raise ValueError(
                "Argument `condition_mask` must have the first two axes of the condition, (batch, length). Received: "
                f"shape {tuple(mask.shape)} for a condition of shape {tuple(condition.shape)}."
            )
        check_mask(mask, "condition_mask")

    @property
    def _label_advice(self) -> str:
        objective = self.objective
        while hasattr(objective, "objective"):
            objective = objective.objective
        if not self.partly_labelled or not hasattr(objective, "predict_label"):
            return ""
        unknown = "NaN" if self.shape else "-1"
        advice = "elsewhere, vae.predict_label(x) has the probability of each."
        return f" In fit, {unknown} is a label that is not known; {advice}"
