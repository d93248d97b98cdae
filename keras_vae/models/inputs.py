"""Users' data looked at, and refused where they cannot be right."""

import keras
import numpy as np

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

__all__ = ["Inputs", "check_rows", "fits"]


def fits(received, expected):
    """Whether a shape is another, whose axes may be None."""
    return len(received) == len(expected) and all(
        axis is None or axis == got for axis, got in zip(expected, received, strict=True)
    )


def rows_of(shape):
    """How the shape of many examples of `shape` is written in a message."""
    return "(" + ", ".join(["batch", *("any" if axis is None else str(axis) for axis in shape)]) + ")"


def check_rows(array, shape, support, argument, noisy=False):
    """Check that `array` holds rows of `shape` within `support`.

    Raises:
        ValueError: it does not; the message names the argument, what was expected, what came, and what
            to do about it.
    """
    received = tuple(array.shape)
    if not fits(received, (None, *shape)):
        raise ValueError(
            f"Argument `{argument}` must have shape {rows_of(shape)}. Received: shape {received}."
            f"{_shape_hint(received, shape, argument)}"
        )
    if received[0] == 0:
        raise ValueError(f"Argument `{argument}` must have at least one row. Received: shape {received}.")
    if isinstance(array, np.ma.MaskedArray):
        raise ValueError(
            f"Argument `{argument}` must be a plain array, because what a masked array hides would be trained on. "
            "Received: a numpy.ma.MaskedArray. Fill it with array.filled(...), or leave those rows out."
        )
    values = to_numpy(array)
    if values.dtype.kind not in "fiub" and values.dtype.name != "bfloat16":
        raise ValueError(
            f"Argument `{argument}` must hold numbers. Received: dtype {values.dtype}. Columns of "
            "text or of mixed types must be turned into numbers first, e.g. with astype('float32')."
        )
    if values.dtype.kind not in "iub" and not fits_float32(values):
        bad = np.argwhere(~np.isfinite(values.astype("float32")))
        if len(bad):
            index = tuple(int(axis) for axis in bad[0])
            raise ValueError(
                f"Argument `{argument}` must be finite. Received: {values[index]} at index {index}, {len(bad)} such "
                "values in all. Remove those rows or fill the gaps before training."
            )
    if support is not None:
        _check_support(values, support, argument, noisy)


def fits_float32(values):
    """Whether all values are finite in float32, in one pass over the data."""
    limit = float(np.finfo("float32").max)
    return bool(-limit <= values.min() and values.max() <= limit)  # False for NaN


def _check_support(values, support, argument, noisy):
    low, high = float(values.min()), float(values.max())
    # Noise may take the values out of the support, by as much as it is wide.
    room = support.high - support.low if noisy else 0.0
    if low < support.low - room or high > support.high + room:
        bad = np.argwhere((values < support.low - room) | (values > support.high + room))[0]
        hint = " Rescale the data to that range, or choose a likelihood for this one, such as 'gaussian'."
        if (support.low, support.high) == (0.0, 1.0) and low >= 0 and 1 < high <= 255:
            hint = (
                " These look like 8-bit pixels: pass x.astype('float32') / 255, or choose another likelihood, "
                "such as 'gaussian'."
            )
        raise ValueError(
            f"Argument `{argument}`: the likelihood expects values in [{support.low:g}, {support.high:g}]. Received: "
            f"values in [{low:g}, {high:g}], the first outside at index {tuple(int(axis) for axis in bad)}.{hint}"
        )
    if support.integer and not noisy and values.dtype.kind not in "iub":
        fractional = np.argwhere(values != np.round(values))
        if len(fractional):
            index = tuple(int(axis) for axis in fractional[0])
            raise ValueError(
                f"Argument `{argument}`: the likelihood expects whole numbers. Received: {values[index]} at index "
                f"{index}."
            )


def _shape_hint(received, shape, argument):
    if received[1:] == tuple(shape[:-1]) and shape and shape[-1] == 1:
        return f" Add the channel axis: {argument}[..., None]."
    if fits(received, shape):
        return f" Add the batch axis: {argument}[None], or dataset.batch(32)."
    if argument == "condition" and len(received) == 1:
        return (
            " For integer labels build the model with condition_shape=() and a condition_encoder, such as "
            "keras.layers.Embedding(10, 16), or pass one-hot rows."
        )
    if len(received) > 1:
        name = "condition_shape" if argument == "condition" else "data_shape"
        return f" For such data build the model with {name}={received[1:]}."
    return ""


class Inputs:
    """Checks a model's data against what the model was built for.

    Args:
        data_shape: shape of one example.
        condition_shape: shape of one example's condition, or None for a model without conditions.
        support: the likelihood's `Support`.
    """

    def __init__(self, data_shape, condition_shape, support):
        self.data_shape = data_shape
        self.condition_shape = condition_shape
        self.support = support

    def check(self, inputs, argument="x", noisy=False):
        """Check arrays `x`, `[x, condition]` or a dict of them.

        Args:
            noisy: x is only looked at, and its density not taken: it may lie outside the likelihood's
                support as far as noise takes it, up to the support's own width.
        """
        x, condition, mask = unpack(inputs)
        self._check_is_array(x, argument, self.data_shape)
        check_rows(x, self.data_shape, self.support, argument, noisy)
        self.check_condition(condition, len(x))
        if mask is not None:
            self._check_is_array(mask, "mask", ("time",))
            axes = len(mask.shape) - 1
            if axes < 1 or not fits(tuple(mask.shape), (len(x), *x.shape[1 : axes + 1])):
                raise ValueError(
                    "Argument `mask` must have the batch axis of x and at least its first axis after it, such as "
                    f"(batch, time). Received: shape {tuple(mask.shape)} for x of shape {tuple(x.shape)}."
                )

    @staticmethod
    def _check_is_array(data, argument, shape):
        if not is_array(data):
            hint = " Turn lists of numbers into an array with numpy.asarray." if isinstance(data, (list, tuple)) else ""
            raise ValueError(
                f"Argument `{argument}` must be an array of shape {rows_of(shape)}. "
                f"Received: {data!r:.40} of type {type(data).__name__}.{hint}"
            )

    def check_condition(self, condition, rows):
        if self.condition_shape is None:
            if condition is not None:
                raise ValueError(
                    "Argument `condition`: this model was built without conditions. Build it with "
                    "VAE(..., condition_shape=...), or leave the condition out. If the second array holds "
                    "targets, pass it as y."
                )
            return
        if condition is None:
            raise ValueError(
                f"Argument `condition`: this model was built with condition_shape={self.condition_shape}, and no "
                "condition came. Pass [x, condition], or a dict with the keys 'x' and 'condition'; in datasets "
                "((x, condition),) or such dicts."
            )
        self._check_is_array(condition, "condition", self.condition_shape)
        check_rows(condition, self.condition_shape, None, "condition")
        if len(condition) != rows:
            raise ValueError(
                "Argument `condition` must have one row for each example. "
                f"Received: {len(condition)} rows for {rows} examples."
            )

    def check_target(self, y, rows, argument="y"):
        """Check that `y` is something to reconstruct, and not labels."""
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

    def check_weights(self, sample_weight, rows):
        """Check that there is one weight for each example."""
        self._check_is_array(sample_weight, "sample_weight", ())
        shape = tuple(sample_weight.shape)
        if shape not in ((rows,), (rows, 1)):
            raise ValueError(
                "Argument `sample_weight` must hold one number for each example. "
                f"Received: shape {shape} for {rows} examples."
            )
        check_rows(sample_weight, shape[1:], None, "sample_weight")

    def check_stream(self, stream, argument="x", noisy=False):
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
            self.check_target(y, len(x))
        if sample_weight is not None:
            self.check_weights(sample_weight, len(x))
        return wrap_bare_loader(stream)

    def check_data(self, x, argument="x", noisy=False):
        """Check data for a verb, and return it in a form that every backend takes."""
        x = without_tables(x)
        if is_stream(x):
            return self.check_stream(x, argument, noisy)
        self.check(x, argument, noisy)
        return x

    def check_fit(self, x, y, sample_weight, argument="x"):
        """Check data for `fit` or `evaluate`, and return `(x, y)`, y filled in where weights need it."""
        x, y = self.check_data(x, argument, noisy=y is not None), without_tables(y)
        if is_stream(x):
            return x, y
        data = unpack(x)[0]
        if y is not None:
            self.check_target(y, len(data))
        if sample_weight is not None:
            self.check_weights(without_tables(sample_weight), len(data))
            y = data if y is None else y  # Keras drops the weights where there are no targets
        return x, y

    def check_validation(self, validation_data):
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
