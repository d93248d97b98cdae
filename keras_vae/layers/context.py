"""Joining features with a context."""

from keras import ops

from keras_vae.hints import Shape, Tensor

__all__ = ["concatenate_context", "width_with_context"]


def concatenate_context(features: Tensor, context: Tensor) -> Tensor:
    """Append a context to the last axis of features `(batch, ..., channels)`.

    A context `(batch, width)` is repeated over the axes between; one that has these axes, such as the
    state of a ladder, is appended unchanged. A context of width zero, as in an
    unconditional model, leaves the features unchanged.

    Args:
        features: `(batch, ..., channels)`.
        context: `(batch, width)` or `(batch, ..., width)`; None for none.

    Returns:
        `(batch, ..., channels + width)`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import concatenate_context
    >>> tuple(concatenate_context(np.zeros((2, 4, 4, 3), "float32"), np.ones((2, 5), "float32")).shape)
    (2, 4, 4, 8)
    """
    if context is None or context.shape[-1] == 0:
        return features
    context = ops.cast(context, features.dtype)
    between = len(features.shape) - 2
    if between and len(context.shape) == 2:
        shape = ops.shape(features)
        context = ops.reshape(context, (-1, *([1] * between), context.shape[-1]))
        context = ops.broadcast_to(context, (*shape[:-1], context.shape[-1]))
    return ops.concatenate([features, context], axis=-1)


def width_with_context(features_shape: Shape, context_shape: Shape) -> Shape:
    """Shape of `concatenate_context`, batch axis included.

    Args:
        features_shape: shape of the features, batch axis included.
        context_shape: shape of the context, likewise.

    Example:

    >>> from keras_vae.layers import width_with_context
    >>> width_with_context((None, 4, 4, 3), (None, 5))
    (None, 4, 4, 8)
    """
    return (*features_shape[:-1], features_shape[-1] + context_shape[-1])
