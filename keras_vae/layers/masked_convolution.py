"""A convolution that does not see later pixels."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.backend import conv
from keras_vae.hints import Config, Tensor

__all__ = ["MaskedConvolution"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class MaskedConvolution(keras.layers.Conv2D):
    """`keras.layers.Conv2D` over the earlier pixels in raster order: rows, then columns.

    The masked convolution of PixelCNN (van den Oord, Kalchbrenner and Kavukcuoglu, 2016, section 3.4): with
    `sees_present=False` its mask A, for the first layer, with True its mask B, for the later layers. All channels
    of a pixel are one step. Stacked layers miss some pixels above and to the right, the blind spot
    of van den Oord et al. (2016), the smaller the wider the first kernel is.

    Args:
        filters: number of filters.
        kernel_size: size of the kernel, odd.
        sees_present: whether the current pixel is seen; it must not be in the first layer.
        **kwargs: as for `keras.layers.Conv2D`; padding, strides and layout are fixed.

    Raises:
        ValueError: a kernel of even size.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import MaskedConvolution
    >>> layer = MaskedConvolution(1, 3, kernel_initializer="ones")
    >>> ones = np.ones((1, 3, 3, 1), "float32")
    >>> [[int(value) for value in row] for row in layer(ones)[0, :, :, 0]]
    [[0, 1, 1], [2, 4, 3], [2, 4, 3]]
    """

    def __init__(self, filters: int, kernel_size: int = 3, sees_present: bool = False, **kwargs: Any) -> None:
        kernel_size = positive_int(kernel_size, "kernel_size")
        if kernel_size % 2 == 0:
            raise ValueError(
                f"Argument `kernel_size` must be odd, to have a centre. Received: kernel_size={kernel_size!r}"
            )
        super().__init__(filters, kernel_size, padding="same", data_format="channels_last", **kwargs)
        self.sees_present = bool(sees_present)
        mask = np.zeros((kernel_size, kernel_size, 1, 1), "float32")
        self.reach = kernel_size // 2
        mask[: self.reach] = 1.0
        mask[self.reach, : self.reach + self.sees_present] = 1.0
        self.mask = mask

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        kernel = kernel * ops.convert_to_tensor(self.mask, dtype=kernel.dtype)
        if max(*self.dilation_rate, *self.strides, self.groups) > 1:
            return super().convolution_op(inputs, kernel)
        # No row below the middle is seen, so none is computed.
        padded = ops.pad(inputs, ((0, 0), (self.reach, 0), (self.reach, self.reach), (0, 0)))
        return conv(padded, kernel[: self.reach + 1], (1, 1), "valid")

    def start(self, batch_size: int, width: int) -> Tensor:
        """The initial state of `step`, `(batch, rows, columns, channels)`: what a pixel sees, all zero, with a margin.

        Args:
            batch_size: number of images.
            width: number of pixels in a row.
        """
        shape = (batch_size, self.reach + 1, width + 2 * self.reach, self.kernel.shape[2])
        return ops.zeros(shape, dtype=self.compute_dtype)

    def step(self, pixel: Tensor, state: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        """The output at one pixel, `(batch, 1, 1, filters)`, and the new state; strides and dilations are 1.

        Args:
            pixel: the input at the last pixel that is seen, `(batch, 1, 1, channels)`: the current one, or with
                `sees_present=False` the one before, zeros if there is none.
            state: the state returned by `start` or by the previous step.
            column: number of the current pixel in its row, an int32 tensor.
        """
        width = state.shape[2] - 2 * self.reach
        if not self.sees_present:
            state = self._insert(pixel, state, (column - 1) % width)
        state = ops.where(column > 0, state, ops.concatenate([state[:, 1:], ops.zeros_like(state[:, :1])], axis=1))
        if self.sees_present:
            state = self._insert(pixel, state, column)
        seen = ops.take(state, column + ops.arange(2 * self.reach + 1), axis=2)
        kernel = ops.cast(self.kernel * self.mask, self.compute_dtype)[: self.reach + 1]
        outputs = ops.tensordot(seen, kernel, axes=[[1, 2, 3], [0, 1, 2]])
        outputs = outputs + ops.cast(self.bias, outputs.dtype) if self.use_bias else outputs
        outputs = outputs if self.activation is None else self.activation(outputs)
        return ops.expand_dims(outputs, (1, 2)), state

    def _insert(self, pixel: Tensor, state: Tensor, column: Tensor) -> Tensor:
        """`state` with a pixel of its last row."""
        here = ops.equal(ops.arange(state.shape[2]), column + self.reach)
        last = ops.where(ops.reshape(here, (1, 1, -1, 1)), pixel, state[:, -1:])
        return ops.concatenate([state[:, :-1], last], axis=1)

    def get_config(self) -> Config:
        config = {**super().get_config(), "kernel_size": self.kernel_size[0], "sees_present": self.sees_present}
        for fixed in ("padding", "data_format"):
            config.pop(fixed)
        return config
