"""Keras' convolutions, computed in the way that is fastest on the backend."""

from typing import Any

import keras
from keras import ops

from keras_vae.backend import conv, conv_of_upsampled, conv_transpose
from keras_vae.hints import Tensor

__all__ = ["convolution", "transposed_convolution"]


def convolution(rank: int) -> type:
    """`keras.layers.Conv1D`, `Conv2D` or `Conv3D` with the same arguments, weights and results.

    On JAX's CPU gradients take a fraction of the time, and volumes a fraction of the time forwards too. With an
    attribute `upsample` above 1 it is the convolution, with stride 1, padding `"same"`, channels last and a kernel of
    odd size, of inputs whose positions are repeated that often along every axis.

    Args:
        rank: number of spatial axes, 1 to 3.

    Example:

    >>> from keras_vae.layers import convolution
    >>> convolution(2)(8, 3, padding="same").compute_output_shape((None, 5, 5, 1))
    (None, 5, 5, 8)
    """
    return _CONVOLUTIONS[rank]


def transposed_convolution(rank: int) -> type:
    """`keras.layers.Conv1DTranspose`, `Conv2DTranspose` or `Conv3DTranspose`, likewise.

    Args:
        rank: number of spatial axes, 1 to 3.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import transposed_convolution
    >>> tuple(transposed_convolution(1)(8, 3, strides=2, padding="same")(np.zeros((2, 5, 1), "float32")).shape)
    (2, 10, 8)
    """
    return _TRANSPOSED[rank]


class _Convolution:
    upsample = 1

    def call(self: Any, inputs: Tensor) -> Tensor:
        if self.upsample > 1:
            return _activated(self, conv_of_upsampled(inputs, self.kernel, self.upsample))
        if not _is_plain(self) or self.groups > 1 or self.padding == "causal":
            return super().call(inputs)  # type: ignore[misc]
        return _activated(self, conv(inputs, self.kernel, self.strides, self.padding))


class _Transposed:
    def call(self: Any, inputs: Tensor) -> Tensor:
        if not _is_plain(self) or self.padding != "same" or self.output_padding is not None:
            return super().call(inputs)  # type: ignore[misc]
        return _activated(self, conv_transpose(inputs, self.kernel, self.strides))


def _activated(layer: Any, outputs: Tensor) -> Tensor:
    outputs = ops.add(outputs, layer.bias) if layer.use_bias else outputs
    return outputs if layer.activation is None else layer.activation(outputs)


def _is_plain(layer: Any) -> bool:
    return layer.data_format == "channels_last" and max(layer.dilation_rate) == 1


def _subclass(mixin: type, base: type) -> type:
    # Under the same name: in files the weights of a list of layers are under the names of their classes.
    cls = type(base.__name__, (mixin, base), {"__module__": __name__, "__doc__": base.__doc__})
    return keras.saving.register_keras_serializable("keras_vae.layers")(cls)


_CONVOLUTIONS = {rank: _subclass(_Convolution, getattr(keras.layers, f"Conv{rank}D")) for rank in (1, 2, 3)}
_TRANSPOSED = {rank: _subclass(_Transposed, getattr(keras.layers, f"Conv{rank}DTranspose")) for rank in (1, 2, 3)}
