"""What users pass as data: unpacked, looked at, and refused where it cannot be right."""

import keras
import numpy as np

__all__ = ["Inputs", "check_rows", "is_stream", "peek", "unpack"]


def unpack(inputs):
    """`(x, condition, mask)` from an array, `[x, condition]`, or a dict with those keys."""
    if isinstance(inputs, dict):
        unknown = set(inputs) - {"x", "condition", "mask"}
        if "x" not in inputs or unknown:
            raise ValueError(
                "A dict of inputs must have the key 'x', and may have 'condition' and 'mask'. "
                f"Received the keys {sorted(map(str, inputs))}."
            )
        return inputs["x"], inputs.get("condition"), inputs.get("mask")
    if isinstance(inputs, (list, tuple)):
        if len(inputs) not in (1, 2):
            raise ValueError(
                f"Inputs must be one array x, or [x, condition]. Received a {type(inputs).__name__} of "
                f"{len(inputs)} items. Stack single examples with numpy.stack."
            )
        return (*inputs, None) if len(inputs) == 2 else (inputs[0], None, None)
    return inputs, None, None


def is_array(data):
    return hasattr(data, "shape") and hasattr(data, "dtype") and not callable(data)


def is_stream(data):
    """Whether `data` gives batches (a dataset, a loader, a generator) rather than being arrays."""
    return not all(leaf is None or is_array(leaf) for leaf in keras.tree.flatten(data))


def to_numpy(data):
    return keras.tree.map_structure(
        lambda leaf: leaf if isinstance(leaf, np.ndarray) else keras.ops.convert_to_numpy(leaf), data
    )


def batches(stream):
    """Iterator over a stream's batches that loses none of them, or None where there can be no such."""
    if isinstance(stream, keras.utils.PyDataset):
        length = stream.num_batches
        return (stream[index] for index in range(length)) if length else iter([stream[0]])
    if hasattr(stream, "__next__"):
        return None  # a generator: what is looked at is gone
    return iter(stream)


def peek(stream, rows=1):
    """The first rows of a stream as `(x, condition, mask)` arrays, with y and the weights of batch one.

    Returns:
        `(inputs, y, sample_weight)`, or None for a one-shot generator.
    """
    iterator = batches(stream)
    if iterator is None:
        return None
    collected, first, count = [], None, 0
    for batch in iterator:
        batch = tuple(batch) if isinstance(batch, list) else batch
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        first = (y, sample_weight) if first is None else first
        collected.append(tuple(None if part is None else to_numpy(part) for part in unpack(x)))
        count += len(collected[-1][0])
        if count >= rows:
            break
    if not collected:
        raise ValueError("Argument `x`: the dataset gives no batches. Expected at least one.")
    joined = (None if parts[0] is None else np.concatenate(parts) for parts in zip(*collected, strict=True))
    return tuple(joined), to_numpy(first[0]), to_numpy(first[1])


def check_rows(array, shape, support, argument):
    """Check that `array` holds rows of `shape` within `support`.

    Raises:
        ValueError: it does not; the message names the argument, what was expected, what came, and what
            to do about it.
    """
    received = tuple(array.shape)
    expected = "(batch, " + ", ".join("any" if axis is None else str(axis) for axis in shape) + ")"
    if len(received) != len(shape) + 1 or any(
        axis is not None and axis != got for axis, got in zip(shape, received[1:], strict=True)
    ):
        raise ValueError(
            f"Argument `{argument}` must have shape {expected}. Received: shape {received}."
            f"{_shape_hint(received, shape)}"
        )
    if received[0] == 0:
        raise ValueError(f"Argument `{argument}` must have at least one row. Received: shape {received}.")
    values = to_numpy(array)
    if values.dtype.kind not in "fiub" and values.dtype.name != "bfloat16":
        raise ValueError(f"Argument `{argument}` must hold numbers. Received: dtype {values.dtype}.")
    if values.dtype.kind not in "iub" and not np.isfinite(values.sum(dtype="float64")):
        bad = np.argwhere(~np.isfinite(values.astype("float32")))
        if len(bad):
            index = tuple(int(axis) for axis in bad[0])
            raise ValueError(
                f"Argument `{argument}` must be finite. Received: {values[index]} at index {index}, {len(bad)} such "
                "values in all. Remove those rows or fill the gaps before training."
            )
    if support is not None:
        _check_support(values, support, argument)


def _check_support(values, support, argument):
    low, high = float(values.min()), float(values.max())
    if low < support.low or high > support.high:
        bad = np.argwhere((values < support.low) | (values > support.high))[0]
        hint = " Standardise the data, or choose a likelihood for this range, such as 'gaussian'."
        if (support.low, support.high) == (0.0, 1.0) and low >= 0 and 1 < high <= 255:
            hint = (
                " These look like 8-bit pixels: pass x.astype('float32') / 255, or choose another likelihood, "
                "such as 'gaussian'."
            )
        raise ValueError(
            f"Argument `{argument}`: the likelihood expects values in [{support.low:g}, {support.high:g}]. Received: "
            f"values in [{low:g}, {high:g}], the first outside at index {tuple(int(axis) for axis in bad)}.{hint}"
        )
    if support.integer and values.dtype.kind not in "iub":
        fractional = np.argwhere(values != np.round(values))
        if len(fractional):
            index = tuple(int(axis) for axis in fractional[0])
            raise ValueError(
                f"Argument `{argument}`: the likelihood expects whole numbers. Received: {values[index]} at index "
                f"{index}."
            )


def _shape_hint(received, shape):
    if received[1:] == tuple(shape[:-1]) and shape[-1] == 1:
        return " Add the channel axis: x[..., None]."
    if received == tuple(shape):
        return " Add the batch axis: x[None]."
    if len(received) > 1:
        return f" For such data build the model with data_shape={received[1:]}."
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

    def check(self, inputs, argument="x"):
        """Check arrays `x`, `[x, condition]` or a dict of them."""
        x, condition, _ = unpack(inputs)
        if not is_array(x):
            raise ValueError(
                f"Argument `{argument}` must be an array of shape (batch, {', '.join(map(str, self.data_shape))}). "
                f"Received: {type(x).__name__}."
            )
        check_rows(x, self.data_shape, self.support, argument)
        self.check_condition(condition, len(x))

    def check_condition(self, condition, rows=None):
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
                "condition came. Pass [x, condition], or a dict with the keys 'x' and 'condition'."
            )
        check_rows(condition, self.condition_shape, None, "condition")
        if rows is not None and len(condition) != rows:
            raise ValueError(
                f"Argument `condition` must have as many rows as x. Received: {len(condition)} rows, x has {rows}."
            )

    def check_target(self, y, argument="y"):
        """Check that `y` is something to reconstruct, and not labels."""
        try:
            check_rows(y, self.data_shape, self.support, argument)
        except ValueError as error:
            raise ValueError(
                f"{error} `{argument}` is what is reconstructed in place of x (for denoising), and has the data's "
                "shape. Labels belong in the inputs of a conditional model: "
                "VAE(..., condition_shape=...).fit([x, labels])."
            ) from None

    def check_fit(self, x, y, sample_weight, argument="x"):
        """Check data for `fit` or `evaluate`, and return `(x, y)`, y filled in where weights need it."""
        if x is None:
            raise ValueError(f"Argument `{argument}` must be data. Received: None.")
        if is_stream(x):
            peeked = peek(x)
            if peeked is not None:
                (data, condition, mask), stream_y, _ = peeked
                self.check({"x": data, "condition": condition, "mask": mask}, argument)
                if stream_y is not None:
                    self.check_target(stream_y)
            return wrap_bare_loader(x), y
        self.check(x, argument)
        if y is not None:
            self.check_target(y)
        elif sample_weight is not None:
            y = unpack(x)[0]  # Keras drops the weights where there are no targets
        return x, y

    def check_validation(self, validation_data):
        """`validation_data` in a form that Keras reads as meant."""
        if validation_data is None or is_stream(validation_data):
            if validation_data is not None:
                self.check_fit(validation_data, None, None, "validation_data")
            return wrap_bare_loader(validation_data)
        if isinstance(validation_data, (list, tuple)) and self.condition_shape is not None:
            bare = not isinstance(validation_data[0], (list, tuple, dict))
            if bare and len(validation_data) == 2:
                # To Keras [x, c] means (x, y); for a conditional model it can only mean the inputs.
                validation_data = (tuple(validation_data),)
        if isinstance(validation_data, dict):
            validation_data = (validation_data,)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(validation_data)
        x, y = self.check_fit(x, y, sample_weight, "validation_data")
        return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)


def wrap_bare_loader(data):
    """A torch `DataLoader` whose batches are bare tensors, made to give tuples, which Keras needs."""
    if not any(base.__name__ == "DataLoader" for base in type(data).__mro__):
        return data
    if isinstance(next(iter(data)), (list, tuple)):
        return data
    return type(data)(
        data.dataset,
        batch_sampler=data.batch_sampler,
        collate_fn=TupleCollate(data.collate_fn),
        num_workers=data.num_workers,
    )


class TupleCollate:
    """A `collate_fn` that wraps another one's batch in a tuple; a class, so that workers can pickle it."""

    def __init__(self, collate):
        self.collate = collate

    def __call__(self, examples):
        return (self.collate(examples),)
