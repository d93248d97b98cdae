"""torch: the training steps of a model, replayed from records where that is possible, and run by Keras elsewhere."""

import warnings
from typing import Any

import keras
import numpy as np

from keras_vae.backend.captured_step import CapturedStep
from keras_vae.backend.recording import NotCapturedError
from keras_vae.backend.step_parts import all_known
from keras_vae.backend.step_state import PythonState

__all__ = ["RecordedSteps"]

UNASKED_AFTER = 100
"""Steps before one is recorded that nobody asked to be: recording takes as long as some tens of steps."""
MOST_RECORDS = 8
"""Records without being asked, after which Keras runs the steps: data of many lengths, layers frozen in turns."""


class RecordedSteps:
    """Keras' `train_step` of a model, as a function of a batch.

    Args:
        model: the model, compiled, on the torch backend.
        asked: whether the user has asked for compiled steps or several in one call. If not, only steps that have run
            for a while are recorded, of models whose every part is of Keras or of this package, and without a word
            where that fails.
    """

    def __init__(self, model: Any, asked: bool) -> None:
        self.model = model
        self.asked = asked
        self.records: dict[str, CapturedStep | None] = {}
        self.seen: dict[str, int] = {}
        self.made = 0
        self.python: PythonState | None = None
        self.known: bool | None = None if not asked else True
        # The first step of a user's `train_step` may make what it needs.
        own_step = type(model).train_step.__module__.partition(".")[0] == "keras_vae"
        self.after = UNASKED_AFTER if not asked else 0 if own_step else 1

    def __call__(self, data: Any, often: bool = True, first: bool = True, last: bool = True) -> Any:
        """Run a step, and return its logs.

        Args:
            data: a batch, as `train_step` takes it.
            often: whether other batches have the same number of rows.
            first: whether other code has run since the last step, and may have changed the model.
            last: whether other code runs before the next step, and may look at the logs.
        """
        if not often or self.model._keeps_valid_weights:  # which look at the loss in Python
            return self.model.train_step(data)
        data = keras.tree.map_structure(_as_tensor, data, none_is_leaf=False)
        kind = _kind_of(data)
        if kind is None:
            return self.model.train_step(data)
        if first:
            self._forget_changed()
        if kind not in self.records:
            self.seen[kind] = self.seen.get(kind, 0) + 1
            if self.seen[kind] <= self.after or not self._may_record():
                return self.model.train_step(data)
            self.records[kind] = self._record(data)
            self.python = PythonState(self.model)
        record = self.records[kind]
        return self.model.train_step(data) if record is None else record(data, last)

    def _forget_changed(self) -> None:
        """Drop the records of what is no more: frozen layers, another learning rate schedule."""
        if not any(self.records.values()) or (self.python is not None and self.python.is_current()):
            return
        now = PythonState(self.model)
        if self.python is None or now.changes(self.python) or now.has_other_objects(self.python):
            self.records.clear()
        self.python = now

    def _may_record(self) -> bool:
        if self.known is None:
            self.known = all_known(self.model)
        return self.known and (self.asked or self.made < MOST_RECORDS)

    def _record(self, data: Any) -> CapturedStep | None:
        self.made += 1
        try:
            return CapturedStep(self.model, data)
        except NotCapturedError as error:
            if self.asked:
                warnings.warn(
                    f"The training steps run one by one, since a step cannot be recorded: {error} The guide 'Fast "
                    "training' lists what cannot be. Among optimizers, Adam and AdamW can.",
                    stacklevel=3,
                )
            return None


def _as_tensor(array: Any) -> Any:
    """What Keras makes of an array in the step: a tensor on the default device; anything else as it is."""
    if isinstance(array, np.ndarray) and array.dtype.kind in "fiub" and array.dtype != np.float64:
        return keras.ops.convert_to_tensor(array)
    return array


def _kind_of(data: Any) -> str | None:
    """What a record of a step depends on: the structure of the data, their shapes and their types.

    None for data that are not tensors, which a record would hold as they are.
    """
    import torch

    leaves = [leaf for leaf in keras.tree.flatten(data) if leaf is not None]
    if not all(isinstance(leaf, torch.Tensor) for leaf in leaves):
        return None
    return str(keras.tree.map_structure(lambda array: (tuple(array.shape), array.dtype), data, none_is_leaf=False))
