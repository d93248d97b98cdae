"""Shapes that a convolution accepts."""

from keras_vae.hints import Shape

__all__ = ["spatial_rank"]


def spatial_rank(shape: Shape, what: str, name: str = "conv") -> int:
    """Number of spatial axes of data `(*spatial, channels)`, 1 to 3.

    Args:
        shape: shape of one example.
        what: `"encoder"`, `"decoder"` or `"layer"`, for the error message.
        name: its name, for the error message.

    Raises:
        ValueError: no spatial axes, too many, or one of unknown length.

    Example:

    >>> from keras_vae.layers import spatial_rank
    >>> spatial_rank((28, 28, 1), "encoder")
    2
    """
    if not 2 <= len(shape) <= 4 or None in shape:
        instead = "dense layers" if what == "layer" else f"the {what} 'mlp'"
        raise ValueError(
            f"The {what} {name!r} needs data of shape (steps, channels), (height, width, channels) or (depth, height, "
            f"width, channels), every axis known. Received: {tuple(shape)}. Add a channel axis (x[..., None]), "
            f"or use {instead}."
        )
    return len(shape) - 1
