"""Checks of a batch of tensors, of which only the shapes are known."""

from typing import Any

from keras_vae.data.field import Spec
from keras_vae.data.rows import fits, rows_of
from keras_vae.data.streams import unpack
from keras_vae.hints import Data, Shape

__all__ = ["check_shapes"]


def check_shapes(inputs: Data, spec: Spec, condition_shape: Shape | None) -> None:
    """Refuse a batch of another shape, or without its condition, where a network would fail in its own words.

    The checks of the user's data see arrays, and the first batch of a dataset. This one sees every batch, also where
    the model is called as a layer of another one.

    Args:
        inputs: x `(batch, *data_shape)`, `[x, condition]`, or a dict with `x`, `condition` and so on.
        spec: a `Field`, or a dict of them.
        condition_shape: shape of one example's condition, or None.

    Raises:
        ValueError: x or the condition is of another shape, or the condition is missing.
    """
    given = unpack(inputs, spec)
    fields = spec if isinstance(spec, dict) else {"": spec}
    for name, field in fields.items():
        x = given.x[name] if name else given.x
        _check_shape(f"x[{name!r}]" if name else "x", x, field.shape)
    if condition_shape is None:
        if given.condition is not None:
            raise ValueError(
                "Argument `condition`: this model was built without conditions. Expected x alone. Received: a "
                f"condition of shape {tuple(given.condition.shape)}. Build it with VAE(..., condition_shape=...)."
            )
    elif given.condition is None:
        raise ValueError(
            f"Argument `condition`: this model was built with condition_shape={condition_shape}. Expected "
            "[x, condition], or a dict with the keys 'x' and 'condition'. Received: only x. Call vae([x, condition]); "
            "as a layer of another model, pass it both: outputs = vae([inputs, condition])."
        )
    else:
        _check_shape("condition", given.condition, condition_shape)


def _check_shape(name: str, value: Any, shape: Shape) -> None:
    known = getattr(value, "shape", None)
    if known is None or getattr(known, "rank", 0) is None:
        return  # in a TensorFlow graph even the number of axes may be unknown
    # Axes that a graph does not know pass as the expected ones.
    received = tuple(known)[1:]
    if len(received) == len(shape):
        received = tuple(axis if got is None else got for got, axis in zip(received, shape, strict=True))
    if not fits(received, shape) and not (name == "condition" and fits(received, (*shape, 1))):
        raise ValueError(
            f"Argument `{name}`: every batch must be of shape {rows_of(shape)}. Received: a batch of shape "
            f"{tuple(value.shape)}."
        )
