"""`steps_per_execution`: several training steps in one call, over data that stay on the device."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras

from keras_vae.backend import (
    ResidentRows,
    free_memory,
    loop_of_steps,
    loops_on_device,
    num_bytes,
    repeat_steps,
    seconds_per_step,
    split_rows,
)
from keras_vae.data.sparse import has_sparse
from keras_vae.data.streams import is_stream

__all__ = ["Executions"]

SECONDS = 0.1
"""How long one execution takes with `steps_per_execution="auto"`; what it costs by itself is about a millisecond."""
SHARE = 0.5
"""The largest share of the free memory that the data may take."""


class Executions(keras.Model):
    """What `steps_per_execution` does: Keras' own steps, several in one call, on all backends.

    Data in memory stay on the device during `fit`, and the training steps take their rows by number. Other data, and
    all data on several devices, go Keras' way, which sends every batch from the host.
    """

    _picks_steps = False
    _runs_resident = False
    train_function: Any

    if TYPE_CHECKING:  # what the model has
        _untracked: Any
        _keeps_valid_weights: bool

    @property
    def resident(self) -> ResidentRows | None:
        """The data on the device, during a `fit` that keeps them there."""
        return self._untracked.items.get("resident")

    def keep_on_device(self, arguments: dict[str, Any]) -> None:
        """Move the data of a `fit` to the device and change its arguments, where that is asked for and possible.

        Args:
            arguments: the arguments of `keras.Model.fit`, with checked data.
        """
        rows = self._untracked.items["resident"] = self._resident_rows(arguments)
        if self._runs_resident != (rows is not None):
            self._runs_resident, self.train_function = rows is not None, None  # another function to compile
        if rows is None:
            if self._picks_steps:
                self.steps_per_execution = 1
            return
        self._symbolic_build()
        if self._picks_steps:
            self.steps_per_execution = rows.steps_per_execution = self._pick_steps(rows)

    def _pick_steps(self, rows: ResidentRows) -> int:
        if not rows.num_whole:
            return 1
        self.make_train_function()
        return max(1, min(rows.num_batches, round(SECONDS / seconds_per_step(self, rows, slow=SECONDS))))

    @contextlib.contextmanager
    def one_step(self) -> Iterator[None]:
        """Take batches from the host, as `train_on_batch` gives them, also between and during fits on the device."""
        items = self._untracked.items
        resident, ours, steps = items.get("resident"), self.train_function, self.steps_per_execution
        kept = self._keeps_valid_weights, self.optimizer
        held, function = items.get("one_step", (None, None))
        items["resident"], self.steps_per_execution = None, 1
        self.train_function = function if held == kept else None
        try:
            yield
        finally:
            items["one_step"] = kept, self.train_function
            items["resident"], self.train_function, self.steps_per_execution = resident, ours, steps

    def leave_device(self) -> None:
        """Let go of the data on the device."""
        self._untracked.items["resident"] = None

    def _resident_rows(self, arguments: dict[str, Any]) -> ResidentRows | None:
        x, y, sample_weight = (arguments.get(name) for name in ("x", "y", "sample_weight"))
        asked = self.steps_per_execution > 1 or self._picks_steps
        if not asked or is_stream(x) or has_sparse((x, y)) or arguments.get("steps_per_epoch"):
            return None
        if not loops_on_device(self):
            return None
        needed, free = num_bytes((x, y, sample_weight)), free_memory()
        if free is not None and needed > SHARE * free:
            warnings.warn(
                f"The data take {needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free on the device, of which they "
                "may take half. So they stay where they are, and Keras sends every batch to the device.",
                stacklevel=4,
            )
            return None
        split = arguments.pop("validation_split", None)
        if split and arguments.get("validation_data") is None:
            (x, y, sample_weight), arguments["validation_data"] = split_rows((x, y, sample_weight), split)
        rows = ResidentRows(
            x,
            y,
            steps_per_execution=self.steps_per_execution,
            sample_weight=sample_weight,
            batch_size=arguments.get("batch_size"),
            shuffle=arguments.get("shuffle", True),
            class_weight=arguments.pop("class_weight", None),
        )
        arguments.update(x=rows, y=None, sample_weight=None)
        # Keras takes the size of the validation's batches from that of the training's.
        if arguments.get("validation_batch_size") is None and arguments.get("batch_size") is not None:
            arguments["validation_batch_size"] = arguments["batch_size"]
        return rows

    def make_train_function(self, force: bool = False) -> Any:
        """As `keras.Model.make_train_function`, for data on the device too.

        Args:
            force: whether to make it again.
        """
        if self.train_function is not None and not force:
            return self.train_function
        if self.resident is not None:
            self.train_function = loop_of_steps(self, lambda: self.resident)
            return self.train_function
        return self._repeating(super().make_train_function, "train_function", force)

    def make_test_function(self, force: bool = False) -> Any:
        """As `keras.Model.make_test_function`, on torch for several steps too.

        Args:
            force: whether to make it again.
        """
        return self._repeating(super().make_test_function, "test_function", force)

    def make_predict_function(self, force: bool = False) -> Any:
        """As `keras.Model.make_predict_function`, on torch for several steps too.

        Args:
            force: whether to make it again.
        """
        return self._repeating(super().make_predict_function, "predict_function", force)

    def _repeating(self, make: Any, name: str, force: bool) -> Any:
        if force:
            setattr(self, name, None)
        with repeat_steps(self, name):
            make()
        return getattr(self, name)

    def _symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        if self.resident is not None:
            iterator, data_batch = None, self.resident.first_batch
        super()._symbolic_build(iterator=iterator, data_batch=data_batch)
