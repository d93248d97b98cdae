"""Steps of decoded data: those that are given, and those behind the end of a sequence."""

import inspect
from typing import Any

from keras import ops

from keras_vae.hints import Part, Tensor

__all__ = ["continued", "fill_behind_end", "over_all_steps", "prefix_options"]


def continued(value: Any, likelihood: Part, prefix: Any = None, prefix_mask: Any = None) -> Any:
    """Data decoded in one pass, with the given steps in their place, and padding behind the end of each sequence.

    Args:
        value: decoded data, `(batch, *data_shape)`, or a dict of fields.
        likelihood: the model's likelihood.
        prefix: see `Decoder.decode`; for fields a dict with some of them.
        prefix_mask: likewise.

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> from keras_vae.decoders.steps import continued
    >>> tokens = kv.likelihoods.Categorical(5)
    >>> [int(token) for token in continued(np.array([[3, 1, 4]]), tokens, prefix=np.array([[2]]))[0]]
    [2, 1, 4]
    """
    if prefix is None:
        return fill_behind_end(value, likelihood)
    # A second time, since given steps count behind an end too.
    return _with_steps(fill_behind_end(_with_steps(value, prefix, prefix_mask), likelihood), prefix, prefix_mask)


def _with_steps(value: Any, prefix: Any, mask: Any) -> Any:
    if isinstance(prefix, dict):
        masks = mask or {}
        own = {name: _with_steps(value[name], steps, masks.get(name)) for name, steps in prefix.items()}
        return {**value, **own}
    prefix, mask = over_all_steps(prefix, mask, ops.shape(value)[1], value.dtype)
    return ops.where(mask, prefix, value)


def over_all_steps(prefix: Tensor, mask: Tensor | None, steps: Any, dtype: Any) -> tuple[Tensor, Tensor]:
    """A prefix and its mask with an entry for each element of the data: both `(batch, steps, ...)`.

    Args:
        prefix: `(batch, time, ...)`.
        mask: see `Decoder.decode`.
        steps: length of the data's first axis, an int or a tensor.
        dtype: dtype of the data.

    Raises:
        ValueError: the prefix is longer.

    >>> import numpy as np
    >>> from keras_vae.decoders.steps import over_all_steps
    >>> prefix, mask = over_all_steps(np.array([[3, 4]]), None, 3, "int32")
    >>> [bool(given) for given in mask[0]]
    [True, True, False]
    """
    prefix = ops.convert_to_tensor(prefix)
    time = prefix.shape[1]
    if isinstance(time, int) and isinstance(steps, int) and time > steps:
        raise ValueError(
            f"Argument `prefix` must be no longer than the data. Expected: at most {steps} steps. Received: {time}. "
            "Pass a larger length=..., or the last steps of the prefix."
        )
    prefix, shape = ops.cast(prefix, dtype), ops.shape(prefix)
    mask = ops.ones(shape, dtype="bool") if mask is None else ops.cast(mask, "bool")
    mask = ops.reshape(mask, (*ops.shape(mask), *([1] * (len(shape) - len(mask.shape)))))
    mask = ops.broadcast_to(mask, shape)
    if isinstance(time, int) and time == steps:
        return prefix, mask
    rest = (shape[0], steps - shape[1], *shape[2:])
    return (
        ops.concatenate([prefix, ops.zeros(rest, dtype=prefix.dtype)], axis=1),
        ops.concatenate([mask, ops.zeros(rest, dtype="bool")], axis=1),
    )


def prefix_options(decoder: Any, prefix: Any, prefix_mask: Any) -> dict[str, Any]:
    """The arguments of `decode` for a prefix: none without one, as decoders of earlier versions expect.

    Args:
        decoder: the decoder.
        prefix: see `Decoder.decode`, or None.
        prefix_mask: likewise.

    Raises:
        ValueError: a prefix, and the decoder's `decode` does not take it.

    >>> import keras_vae as kv
    >>> from keras_vae.decoders.steps import prefix_options
    >>> prefix_options(kv.decoders.MLP(), None, None)
    {}
    """
    if prefix is None:
        return {}
    parameters = inspect.signature(decoder.decode).parameters.values()
    taken = {one.name for one in parameters}
    if {"prefix", "prefix_mask"} <= taken or any(one.kind is one.VAR_KEYWORD for one in parameters):
        return {"prefix": prefix, "prefix_mask": prefix_mask}
    raise ValueError(
        f"Argument `prefix`: the decoder {type(decoder).__name__} has a decode of its own that takes none. Expected: "
        f"decode(z, likelihood, ..., prefix=None, prefix_mask=None). Received: the arguments {sorted(taken)}. Add "
        "both, with the meaning that keras_vae.decoders.Decoder.decode documents, or leave the prefix out."
    )


def fill_behind_end(value: Tensor, likelihood: Part) -> Tensor:
    """Decoded sequences with `likelihood.padding` after the step that ends each; unchanged if none can end.

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> from keras_vae.decoders.steps import fill_behind_end
    >>> tokens = kv.likelihoods.Categorical(5, padding=0, end=1)
    >>> [int(token) for token in fill_behind_end(np.array([[3, 1, 4]]), tokens)[0]]
    [3, 1, 0]
    """
    ends = likelihood.has_ended(value)
    if ends is None:
        return value
    ends = ops.cast(ends, "int32")
    return ops.where(ops.cumsum(ends, axis=1) - ends > 0, ops.cast(likelihood.padding, value.dtype), value)
