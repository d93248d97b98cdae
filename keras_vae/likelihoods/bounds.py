"""Smooth bounds of predicted parameters."""

from keras import ops

from keras_vae.hints import Tensor

__all__ = ["above"]


def above(value: Tensor, lowest: Tensor | float) -> Tensor:
    """log(exp(value) + exp(lowest)): a lower bound at which the gradient never vanishes.

    It is `ops.logaddexp`, which torch cannot write to ONNX.

    Args:
        value: a log scale or the like, of any shape.
        lowest: the bound, finite, of a shape that broadcasts to it.

    Example:

    >>> import numpy as np
    >>> from keras_vae.likelihoods.bounds import above
    >>> [round(float(value), 3) for value in above(np.array([-50.0, 0.0, 50.0], "float32"), 0.0)]
    [0.0, 0.693, 50.0]
    """
    return lowest + ops.softplus(value - lowest)
