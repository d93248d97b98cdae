"""The maximum mean discrepancy between two samples."""

from keras import ops

from keras_vae.hints import Tensor

__all__ = ["IMQ_SCALES", "KERNELS", "maximum_mean_discrepancy"]

KERNELS = ("imq", "rbf")
IMQ_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Factors of the width of the inverse multiquadratic kernels that are added up, as in the code of Tolstikhin et al."""


def maximum_mean_discrepancy(a: Tensor, b: Tensor, kernel: str = "imq", bandwidth: float = 1.0) -> Tensor:
    """The squared maximum mean discrepancy, estimated without bias (Gretton et al., 2012, equation 3): a scalar.

    E k(a, a') + E k(b, b') - 2 E k(a, b), where pairs of a row with itself are left out. `"rbf"` is
    exp(-|a - b|^2 / C), `"imq"` the sum of s C / (s C + |a - b|^2) over the scales s of `IMQ_SCALES`, both with
    C = 2 width bandwidth^2, the expected squared distance of two draws from a Gaussian of that standard deviation.

    Args:
        a: rows `(n, width)`, at least two.
        b: rows `(m, width)`, at least two.
        kernel: `"imq"` or `"rbf"`.
        bandwidth: typical standard deviation of the rows.

    >>> import numpy as np
    >>> a, b = np.array([[0.0], [1.0]], "float32"), np.array([[0.0], [1.0]], "float32")
    >>> round(float(maximum_mean_discrepancy(a, b, "rbf")), 4)  # 2 e^(-1/2) - 2 (2 + 2 e^(-1/2)) / 4
    -0.3935
    """
    width = 2.0 * a.shape[-1] * bandwidth**2
    total = -2.0 * ops.mean(kernel_of(a, b, kernel, width))
    for rows in (a, b):
        count = ops.cast(ops.shape(rows)[0], "float32")
        values = kernel_of(rows, rows, kernel, width)
        others = ops.sum(values) - ops.sum(ops.diagonal(values))
        total = total + others / ops.maximum(count * (count - 1.0), 1.0)
    return total


def kernel_of(a: Tensor, b: Tensor, kernel: str, width: float) -> Tensor:
    """The kernel of all pairs, `(n, m)`."""
    a, b = ops.cast(a, "float32"), ops.cast(b, "float32")
    # By products: differences of all pairs would need `n m width` numbers.
    squares = ops.sum(ops.square(a), axis=1)[:, None] + ops.sum(ops.square(b), axis=1)[None]
    distances = ops.maximum(squares - 2.0 * ops.matmul(a, ops.transpose(b)), 0.0)
    if kernel == "rbf":
        return ops.exp(-distances / width)
    total = 0.0
    for scale in IMQ_SCALES:
        total = total + scale * width / (scale * width + distances)
    return total
