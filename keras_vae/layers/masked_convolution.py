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
        # No row below the middle is seen, so none is computed.
        middle = kernel_size // 2
        mask = np.ones((middle + 1, kernel_size, 1, 1), "float32")
        mask[middle, middle + self.sees_present :] = 0.0
        self.mask = mask

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        rows, columns = self.mask.shape[0], self.mask.shape[1] // 2
        kernel = kernel[:rows] * ops.convert_to_tensor(self.mask, dtype=kernel.dtype)
        padded = ops.pad(inputs, ((0, 0), (rows - 1, 0), (columns, columns), (0, 0)))
        return conv(padded, kernel, (1, 1), "valid")

    def get_config(self) -> Config:
        config = {**super().get_config(), "kernel_size": self.kernel_size[0], "sees_present": self.sees_present}
        for fixed in ("padding", "data_format"):
            config.pop(fixed)
        return config
