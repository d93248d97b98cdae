"""Users' data looked at, and refused where they cannot be right."""

from typing import Any

import keras
import numpy as np

from keras_vae.hints import Data, Part, Shape
from keras_vae.models.domain import check_rows, fits, rows_of
from keras_vae.models.streams import (
    is_array,
    is_stream,
    peek,
    rejoin,
    to_numpy,
    unpack,
    without_tables,
    wrap_bare_loader,
)

__all__ = ["Inputs"]


class Inputs:
    """Checks a model's data against what the model was built for.

    Args:
        data_shape: shape of one example.
        condition_shape: shape of one example's condition, or None for a model without conditions.
        likelihood: the likelihood, whose `support` and `valid_mask` say what data may be.
        decoder: the decoder, which may read x.
        compute_dtype: dtype in which the networks see x.
    """

    def __init__(
        self,
        data_shape: Shape,
        condition_shape: Shape | None,
        likelihood: Part,
        decoder: Any,
        compute_dtype: str = "float32",
    ) -> None:
        self.data_shape = data_shape
        self.condition_shape = condition_shape
        self.support = likelihood.support
        self.valid_mask = likelihood.valid_mask
        self.to_network = likelihood.to_network
        self.compute_dtype = compute_dtype
        self.decoder_reads_x = decoder.requires_target and getattr(decoder, "autoregressive", True)

    def check(self, inputs: Data, argument: str = "x", noisy: bool = False) -> None:
        """Check arrays `x`, `[x, condition]` or a dict of them.

        Args:
            noisy: x is only looked at, and its density not taken: it may lie outside the likelihood's
                support as far as noise takes it, up to the support's own width.
        """
        x, condition, mask = unpack(inputs)
        self._check_is_array(x, argument, self.data_shape)
        check_rows(x, self.data_shape, self.support, argument, noisy)
        self._check_fits_half(x, argument)
        self.check_condition(condition, len(x))
        if mask is not None:
            self._check_is_array(mask, "mask", ("time",))
            axes = len(mask.shape) - 1
            if axes < 1 or not fits(tuple(mask.shape), (len(x), *x.shape[1 : axes + 1])):
                raise ValueError(
                    "Argument `mask` must have the batch axis of x and at least its first axis after it, such as "
                    f"(batch, time). Received: shape {tuple(mask.shape)} for x of shape {tuple(x.shape)}."
                )
        self._check_steps(x, mask, argument, noisy)

    def _check_fits_half(self, x: Data, argument: str) -> None:
        """Refuse what float16 cannot hold: the networks would see infinities."""
        if self.compute_dtype != "float16" or self.support.categorical:
            return
        values = to_numpy(x)
        seen = to_numpy(self.to_network(np.array([values.min(), values.max()], dtype="float32")))
        limit = float(np.finfo("float16").max)
        if np.abs(seen).max() > limit:
            raise ValueError(
                f"Argument `{argument}`: in half precision the networks see numbers up to {limit:g}, and these data "
                f"span [{values.min():g}, {values.max():g}]. Standardise them, or use the policy 'mixed_bfloat16'."
            )

    def _check_steps(self, x: Data, mask: Any, argument: str, noisy: bool) -> None:
        """Check that every row has a step that counts: the density of nothing is 0 nats, which is never meant."""
        padding = mask is None
        mask = self.valid_mask(x) if padding else mask
        if mask is None:
            return
        mask = np.asarray(to_numpy(mask))
        empty = np.flatnonzero(~mask.reshape(len(mask), -1).astype("bool").any(axis=1))
        if len(empty):
            raise ValueError(
                f"Argument `{argument}`: row {int(empty[0])} has no valid step, {len(empty)} such rows in all: "
                f"{'it holds padding only' if padding else 'its mask is False everywhere'}. Leave those rows out."
            )
        # What is only looked at may have been corrupted to padding on purpose.
        gaps = np.flatnonzero(np.any(~mask[:, :-1] & mask[:, 1:], axis=1)) if padding and not noisy else empty
        if len(gaps):
            raise ValueError(
                f"Argument `{argument}`: row {int(gaps[0])} has padding in front of a valid step, {len(gaps)} such "
                "rows in all. Padding goes behind: keras.utils.pad_sequences(rows, padding='post')."
            )

    @staticmethod
    def _check_is_array(data: Data, argument: str, shape: Shape) -> None:
        if not is_array(data):
            hint = " Turn lists of numbers into an array with numpy.asarray." if isinstance(data, (list, tuple)) else ""
            raise ValueError(
                f"Argument `{argument}` must be an array of shape {rows_of(shape)}. "
                f"Received: {data!r:.40} of type {type(data).__name__}.{hint}"
            )

    def check_condition(self, condition: Any, rows: int) -> None:
        if self.condition_shape is None:
            if condition is not None:
                raise ValueError(
                    "Argument `condition`: this model was built without conditions. Build it with "
                    "VAE(..., condition_shape=...), or leave the condition out. If the second array holds "
                    "targets, pass it as y; if it is a mask, pass {'x': x, 'mask': mask}."
                )
            return
        if condition is None:
            raise ValueError(
                f"Argument `condition`: this model was built with condition_shape={self.condition_shape}, and no "
                "condition came. Pass condition=... to generate and decode; elsewhere "
                "[x, condition], or a dict with the keys 'x' and 'condition'; in datasets "
                "((x, condition),) or such dicts. Conditions are never `y`, and labels are conditions."
            )
        self._check_is_array(condition, "condition", self.condition_shape)
        check_rows(condition, self.condition_shape, None, "condition")
        if len(condition) != rows:
            raise ValueError(
                "Argument `condition` must have one row for each example. "
                f"Received: {len(condition)} rows for {rows} examples."
            )

    def check_target(self, y: Data, x: Data, argument: str = "y") -> None:
        """Check that `y` is something to reconstruct in place of `x`, and not labels."""
        rows = len(x)
        try:
            self._check_is_array(y, argument, self.data_shape)
            check_rows(y, self.data_shape, self.support, argument)
            if len(y) != rows:
                raise ValueError(f"Argument `{argument}` must have as many rows as x. Received: {len(y)} and {rows}.")
        except ValueError as error:
            raise ValueError(
                f"{error} `{argument}` is what is reconstructed in place of x (for denoising), and has the data's "
                "shape. Labels belong in the inputs of a conditional model: "
                "VAE(..., condition_shape=...).fit([x, labels])."
            ) from None
        if self.decoder_reads_x and not np.array_equal(to_numpy(x), to_numpy(y)):
            raise ValueError(
                f"Argument `{argument}` must equal x, or be left out: the decoder goes from step to step, and sees "
                "the steps before in x. For denoising use encoder=keras_vae.encoders.Denoising(...), whose noise "
                "the decoder does not see."
            )

    def check_weights(self, sample_weight: Data, rows: int) -> None:
        """Check that there is one weight for each example."""
        self._check_is_array(sample_weight, "sample_weight", ())
        shape = tuple(sample_weight.shape)
        if shape not in ((rows,), (rows, 1)):
            raise ValueError(
                "Argument `sample_weight` must hold one number for each example. "
                f"Received: shape {shape} for {rows} examples."
            )
        check_rows(sample_weight, shape[1:], None, "sample_weight")

    def check_stream(self, stream: Data, argument: str = "x", noisy: bool = False) -> Data:
        """Check a stream's first batch, and return the stream in a form that every backend takes."""
        if hasattr(stream, "__next__"):
            try:
                first = next(stream)
            except StopIteration:
                raise ValueError(f"Argument `{argument}`: the generator gives no batches.") from None
            self.check_stream([first], argument, noisy)
            return rejoin(first, stream)
        (x, condition, mask), y, sample_weight = peek(stream)
        self.check({"x": x, "condition": condition, "mask": mask}, argument, noisy=noisy or y is not None)
        if y is not None:
            self.check_target(y, x)
        if sample_weight is not None:
            self.check_weights(sample_weight, len(x))
        return wrap_bare_loader(stream)

    def check_data(self, x: Data, argument: str = "x", noisy: bool = False) -> Data:
        """Check data for a verb, and return it in a form that every backend takes."""
        x = without_tables(x)
        if is_stream(x):
            return self.check_stream(x, argument, noisy)
        self.check(x, argument, noisy)
        return x

    def check_fit(self, x: Data, y: Data, sample_weight: Data, argument: str = "x") -> tuple[Data, Data]:
        """Check data for `fit` or `evaluate`, and return `(x, y)`, y filled in where weights need it."""
        x, y = self.check_data(x, argument, noisy=y is not None), without_tables(y)
        if is_stream(x):
            return x, y
        data = unpack(x)[0]
        if y is not None:
            self.check_target(y, data)
        if sample_weight is not None:
            self.check_weights(without_tables(sample_weight), len(data))
            y = data if y is None else y  # Keras drops the weights where there are no targets
        return x, y

    def check_validation(self, validation_data: Data) -> Data:
        """`validation_data` in a form that Keras reads as meant."""
        if validation_data is None:
            return None
        if is_stream(validation_data):
            return self.check_stream(validation_data, "validation_data")
        if isinstance(validation_data, (list, tuple)) and self.condition_shape is not None:
            bare = bool(validation_data) and not isinstance(validation_data[0], (list, tuple, dict))
            if bare and len(validation_data) == 2:
                # To Keras [x, c] means (x, y); for a conditional model it can only mean the inputs.
                validation_data = (tuple(validation_data),)
        if isinstance(validation_data, dict):
            validation_data = (validation_data,)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(validation_data)
        x, y = self.check_fit(x, y, sample_weight, "validation_data")
        return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)
