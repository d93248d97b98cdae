"""The structural similarity of images at several scales."""

import numpy as np
from keras import ops

from keras_vae.hints import Array, Shape, Tensor

__all__ = ["multiscale_similarity", "scales_of"]

EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales, fine to coarse (Wang, Simoncelli and Bovik, 2003, section 3.2)."""
WINDOW, SPREAD = 11, 1.5
LEAST = 1e-6
"""Smallest similarity of a scale: a power of zero has no gradient."""


def multiscale_similarity(a: Tensor, b: Tensor, max_value: float = 1.0) -> Tensor:
    """MS-SSIM of two images (Wang, Simoncelli and Bovik, 2003, equation 7), averaged over the channels: `(batch,)`.

    1 for equal images. Images are halved as often as the window of 11 pixels fits into them, four times at most; with
    fewer scales the exponents of the paper are divided by their sum.

    Args:
        a: `(batch, height, width, channels)`.
        b: likewise.
        max_value: difference between the largest and the smallest value of a pixel.

    >>> import numpy as np
    >>> image = np.random.default_rng(0).random((1, 16, 16, 1)).astype("float32")
    >>> round(float(multiscale_similarity(image, image)[0]), 4)
    1.0
    """
    a, b = ops.cast(a, "float32"), ops.cast(b, "float32")
    exponents = EXPONENTS[: scales_of(a.shape[1:3])]
    found = 1.0
    for index, exponent in enumerate(exponents):
        if index:
            a, b = halved(a), halved(b)
        similarity, contrast = similarities(a, b, max_value)
        last = index == len(exponents) - 1
        value = ops.maximum(similarity if last else contrast, LEAST)
        found = found * value ** (exponent / sum(exponents))
    return ops.mean(found, axis=1)


def scales_of(size: Shape) -> int:
    """Number of scales for images of a height and a width.

    >>> scales_of((8, 8)), scales_of((28, 28)), scales_of((256, 256))
    (1, 2, 5)
    """
    count = 1
    while count < len(EXPONENTS) and min(size) // 2**count >= WINDOW:
        count += 1
    return count


def similarities(a: Tensor, b: Tensor, max_value: float) -> tuple[Tensor, Tensor]:
    """The structural similarity, and its part without luminance: both `(batch, channels)`, means over all windows."""
    rows, columns = (window_means(size) for size in a.shape[1:3])

    def mean(images: Tensor) -> Tensor:
        return ops.einsum("rh,bhwc,sw->brsc", rows, images, columns)

    first, second = (0.01 * max_value) ** 2, (0.03 * max_value) ** 2
    mean_a, mean_b = mean(a), mean(b)
    products = mean_a * mean_b
    squares = ops.square(mean_a) + ops.square(mean_b)
    luminance = (2.0 * products + first) / (squares + first)
    covariance = mean(a * b) - products
    variances = mean(ops.square(a) + ops.square(b)) - squares
    contrast = (2.0 * covariance + second) / (variances + second)
    return ops.mean(luminance * contrast, axis=(1, 2)), ops.mean(contrast, axis=(1, 2))


def window_means(size: int) -> Array:
    """The Gaussian means of all windows of a row of pixels, as a matrix `(windows, size)`.

    A product with a matrix is fast on every backend, forwards and backwards, where convolutions of single channels are
    not.
    """
    width = min(WINDOW, size)
    kernel = np.exp(-0.5 * ((np.arange(width) - 0.5 * (width - 1)) / SPREAD) ** 2)
    kernel /= kernel.sum()
    matrix = np.zeros((size - width + 1, size), "float32")
    for window in range(len(matrix)):
        matrix[window, window : window + width] = kernel
    return matrix


def halved(images: Tensor) -> Tensor:
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    height, width = (size - size % 2 for size in images.shape[1:3])
    images = ops.reshape(images[:, :height, :width], (-1, height // 2, 2, width // 2, 2, images.shape[3]))
    return ops.mean(images, axis=(2, 4))
