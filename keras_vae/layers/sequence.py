"""Functions for sequence networks: shapes, padding and positions."""

from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.hints import DType, Shape, Tensor

__all__ = ["hide_padding", "masked_mean", "sequence_width", "shift_right", "sinusoidal_positions", "step_embedding"]

WIDE = 128
"""Number of features above which a sequence is treated as one-hot tokens, which an embedding makes cheaper."""
EMBEDDING_UNITS = 64


def sequence_width(shape: Shape, what: str, name: str) -> int:
    """Number of features of a sequence `(time, features)`.

    Args:
        shape: shape of one example, as the networks see it; the time may be None.
        what: `"encoder"` or `"decoder"`, for the error message.
        name: its name, for the error message.

    Raises:
        ValueError: data of another rank, or of an unknown number of features.

    Example:

    >>> from keras_vae.layers import sequence_width
    >>> sequence_width((None, 5), "encoder", "gru")
    5
    """
    if len(shape) != 2 or shape[-1] is None:
        raise ValueError(
            f"The {what} {name!r} needs sequences: data of shape (time, features), where time may be None, or tokens "
            f"of shape (time,) with the likelihood 'categorical'. Received: {tuple(shape)}. "
            + ("Add a feature axis (x[..., None])." if len(shape) == 1 else "Flatten the axes after the time axis.")
        )
    return shape[-1]


def step_embedding(units: int | None, width: int, dtype: DType = None) -> keras.layers.Layer | None:
    """The linear layer that embeds steps of `width` features, or None.

    Multiplying one-hot tokens by a matrix of narrow rows, and these by a layer's weights, costs far less than
    multiplying them by the weights themselves. It has no bias, so that hidden steps stay zero.

    Args:
        units: its width; 0 for none; None for 64 where there are more than 128 features, else none.
        width: number of features of a step.
        dtype: dtype or policy of the layer.

    Example:

    >>> from keras_vae.layers import step_embedding
    >>> step_embedding(None, 2000).units, step_embedding(None, 88), step_embedding(16, 88).units
    (64, None, 16)
    """
    units = (EMBEDDING_UNITS if width > WIDE else 0) if units is None else units
    if not units:
        return None
    layer = keras.layers.Dense(units, use_bias=False, dtype=dtype, name="embedding")
    layer.build((None, None, width))
    return layer


def check_embedding_units(value: Tensor) -> int | None:
    """The value of an argument `embedding_units`: None or an int >= 0."""
    return value if value is None or value == 0 else positive_int(value, "embedding_units")


def hide_padding(x: Tensor, mask: Tensor | None) -> Tensor:
    """`x` `(batch, time, features)`, zero where `mask` is False, so that padding has no effect.

    Args:
        mask: boolean `(batch, time)`, or with more axes; or None.
        x: `(batch, time, features)`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import hide_padding
    >>> hidden = hide_padding(np.full((1, 3, 1), np.nan, "float32"), np.array([[False, False, False]]))
    >>> float(abs(np.array(hidden)).max())
    0.0
    """
    if mask is None:
        return x
    mask = ops.cast(mask, "bool")
    mask = ops.reshape(mask, (*ops.shape(mask), *([1] * (len(x.shape) - len(mask.shape)))))
    return ops.where(mask, x, ops.zeros_like(x))


def step_mask(mask: Tensor | None) -> Tensor:
    """Boolean `(batch, time)` from a mask that may have more axes: the steps of which anything counts; None of None."""
    if mask is None:
        return None
    mask = ops.cast(mask, "bool")
    return ops.any(mask, axis=tuple(range(2, len(mask.shape)))) if len(mask.shape) > 2 else mask


def masked_mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of `(batch, time, features)` over the valid steps: `(batch, features)`.

    The sum is taken in float32, whatever the dtype of `x`.

    Args:
        x: `(batch, time, features)`.
        mask: boolean `(batch, time)`, or with more axes; None if all steps are valid.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import masked_mean
    >>> x = np.array([[[1.0], [3.0], [100.0]]], "float32")
    >>> float(masked_mean(x, np.array([[True, True, False]]))[0, 0])
    2.0
    """
    values = ops.cast(x, "float32")
    if mask is None:
        return ops.cast(ops.mean(values, axis=1), x.dtype)
    mask = step_mask(mask)
    count = ops.sum(ops.cast(mask, "float32"), axis=1, keepdims=True)
    return ops.cast(ops.sum(hide_padding(values, mask), axis=1) / ops.maximum(count, 1.0), x.dtype)


def check_latent_steps(steps: Any, data: Any, name: str) -> None:
    """Refuse latents with a time axis of another length than the data's, where both are known.

    Args:
        steps: number of steps of the latents; None or a tensor where it is not known.
        data: number of steps of the data, likewise.
        name: the decoder's name, for the message.

    Raises:
        ValueError: the two differ.
    """
    if isinstance(steps, int) and isinstance(data, int) and steps != data:
        raise ValueError(
            f"Argument `z` of the decoder {name}: latents with a time axis have one step for each of the data's. "
            f"Expected: {data} steps. Received: latents of {steps} steps. Make them as long as the data, or pass "
            "flatten_latents=True to the decoder: every step is then told all of them, as one vector."
        )


def shift_right(x: Tensor) -> Tensor:
    """`(batch, time, features)` shifted by one step, with zeros first: the previous step of each step.

    Args:
        x: `(batch, time, features)`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import shift_right
    >>> np.array(shift_right(np.array([[[1.0], [2.0], [3.0]]], "float32"))).ravel().tolist()
    [0.0, 1.0, 2.0]
    """
    return ops.concatenate([ops.zeros_like(x[:, :1]), x[:, :-1]], axis=1)


def sinusoidal_positions(length: Any, width: int, start: Any = 0) -> Tensor:
    """Encodings of positions, `(1, length, width)` float32, for sequences of any length (Vaswani et al., 2017).

    Args:
        length: number of positions, an int or a tensor.
        width: number of features.
        start: the first position, an int or a tensor.

    Example:

    >>> from keras_vae.layers import sinusoidal_positions
    >>> tuple(sinusoidal_positions(5, 7).shape)
    (1, 5, 7)
    """
    positions = ops.cast(ops.arange(length), "float32") + ops.cast(start, "float32")
    half = -(-width // 2)
    rates = ops.exp(ops.arange(half, dtype="float32") * (-9.210340371976184 / max(half, 1)))  # log(10000)
    angles = positions[:, None] * rates[None]
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=1)[None, :, :width]
