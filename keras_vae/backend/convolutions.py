"""Convolutions that XLA computes badly on CPUs, in a form that it computes well."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

__all__ = ["conv", "conv_of_upsampled", "conv_transpose"]

ELEMENTS_OF_A_PART = 2**18
"""Of the batch, in the gradient of a kernel: a MiB in float32, which stays in a core's cache."""
MOST_PARTS = 16
"""Each of which is compiled."""


def conv(inputs: Any, kernel: Any, strides: Sequence[int], padding: str = "same") -> Any:
    """`keras.ops.conv` with channels last.

    Args:
        inputs: `(batch, *spatial, channels)`, one to three spatial axes.
        kernel: `(*sizes, channels, filters)`.
        strides: one for each spatial axis.
        padding: `"same"` or `"valid"`.
    """
    if not _xla_on_cpu() or (len(strides) > 2 and padding == "valid"):
        return ops.conv(inputs, kernel, strides=list(strides), padding=padding, data_format="channels_last")
    kernel = ops.convert_to_tensor(kernel)
    inputs = ops.convert_to_tensor(inputs, dtype=kernel.dtype)
    if max(*kernel.shape[:-2], *strides) == 1:
        return ops.matmul(inputs, ops.reshape(kernel, kernel.shape[-2:]))
    if len(strides) < 3:
        return _jax_convolutions()[0](inputs, kernel, (tuple(strides), padding.upper()))
    # The sum over the first axis of the kernel becomes one over channels, and that axis of the data rows of the batch.
    stride, size, filters = strides[0], kernel.shape[0], kernel.shape[-1]
    length = -(-inputs.shape[1] // stride)
    missing = max((length - 1) * stride + size - inputs.shape[1], 0)
    padded = ops.pad(inputs, ((0, 0), (missing // 2, missing - missing // 2), *((0, 0),) * 3))
    x = ops.concatenate([padded[:, tap : tap + (length - 1) * stride + 1 : stride] for tap in range(size)], axis=-1)
    kernel = ops.reshape(ops.transpose(kernel, (1, 2, 0, 3, 4)), (*kernel.shape[1:3], -1, filters))
    outputs = conv(ops.reshape(x, (-1, *x.shape[2:])), kernel, strides[1:])
    return ops.reshape(outputs, (-1, length, *outputs.shape[1:]))


def conv_transpose(inputs: Any, kernel: Any, strides: Sequence[int]) -> Any:
    """`keras.ops.conv_transpose` with padding `"same"` and channels last: every axis becomes `strides` times as long.

    Args:
        inputs: `(batch, *spatial, channels)`, one to three spatial axes.
        kernel: `(*sizes, filters, channels)`.
        strides: one for each spatial axis.
    """
    if not _xla_on_cpu():
        return ops.conv_transpose(inputs, kernel, strides=list(strides), padding="same", data_format="channels_last")
    kernel = ops.convert_to_tensor(kernel)
    inputs = ops.convert_to_tensor(inputs)
    if len(strides) < 3:
        return _jax_convolutions()[1](inputs, kernel, (tuple(strides),))
    # What the first axis of the kernel does is a convolution with stride 1 that gives `stride` results at every place:
    # its taps become channels of the inputs, its results channels of the outputs, and that axis rows of the batch.
    stride, (size, *_, filters, channels), length = strides[0], kernel.shape, inputs.shape[1]
    first = _first_tap(size, stride)
    before, behind = (size - 1 - first) // stride, -(-first // stride)
    taps = before + 1 + behind
    lack = behind * stride - first
    kernel = ops.pad(kernel, ((lack, taps * stride - size - lack), *((0, 0),) * 4))
    kernel = ops.flip(ops.reshape(kernel, (taps, stride, *kernel.shape[1:])), axis=0)
    kernel = ops.transpose(kernel, (2, 3, 1, 4, 0, 5))
    kernel = ops.reshape(kernel, (*kernel.shape[:2], stride * filters, taps * channels))
    padded = ops.pad(inputs, ((0, 0), (before, behind), *((0, 0),) * 3))
    x = ops.concatenate([padded[:, tap : tap + length] for tap in range(taps)], axis=-1)
    outputs = conv_transpose(ops.reshape(x, (-1, *x.shape[2:])), kernel, strides[1:])
    outputs = ops.reshape(outputs, (-1, length, *outputs.shape[1:3], stride, filters))
    outputs = ops.transpose(outputs, (0, 1, 4, 2, 3, 5))
    return ops.reshape(outputs, (-1, length * stride, *outputs.shape[3:]))


def conv_of_upsampled(inputs: Any, kernel: Any, factor: int) -> Any:
    """`keras.ops.conv` with stride 1, padding `"same"` and channels last, of inputs repeated along every spatial axis.

    Each output sees few different inputs, so it is one transposed convolution with a kernel of sums, which for
    `factor` 2 and kernels of size 3 takes 4 multiplications on a plane in place of 9.

    Args:
        inputs: `(batch, *spatial, channels)`, one to three spatial axes.
        kernel: `(*sizes, channels, filters)`, odd sizes.
        factor: number of times that every position is repeated.
    """
    rank = len(kernel.shape) - 2
    kernel = ops.flip(ops.convert_to_tensor(kernel), axis=tuple(range(rank)))
    for axis in range(rank):
        kernel = sum(
            ops.pad(kernel, [(shift, factor - 1 - shift) if other == axis else (0, 0) for other in range(rank + 2)])
            for shift in range(factor)
        )
    return conv_transpose(inputs, ops.swapaxes(kernel, -1, -2), (factor,) * rank)


def _xla_on_cpu() -> bool:
    if keras.backend.backend() != "jax":
        return False
    import jax

    return jax.default_backend() == "cpu"


def _first_tap(size: int, stride: int) -> int:
    """The tap of a transposed convolution's kernel that joins the first input with the first output, as in Keras."""
    total = stride + size - 2
    return size - 1 - min(total // 2 + total % 2, size - 1)


@functools.cache
def _jax_convolutions() -> tuple[Any, Any]:
    """`conv` and `conv_transpose` for one and two spatial axes, whose gradients for kernels XLA computes well.

    The values and the gradients for inputs are XLA's own. A convolution is linear in the kernel, so the derivative for
    it may be written as any linear function of the same value: one whose transpose, which is what training computes, is
    fast. So derivatives of any order and in both modes exist.

    *Convolution*: in parts of the batch that fit the cache, a third of the time or less.

    *Transposed convolution*: as a convolution of the kernel with the dilated inputs. Its transpose is the gradient of
    the strided convolution that the transposed convolution belongs to, a thirtieth of the time. XLA's own is a
    convolution of inputs with zeros between them, for which it has a loop of scalars.
    """
    import jax
    from jax import lax
    from jax import numpy as jnp
    from jax.custom_derivatives import SymbolicZero

    def layouts(rank: int) -> tuple[str, str, str]:
        spatial = "HW"[:rank]
        return f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"

    def plain(x: Any, kernel: Any, strides: tuple[int, ...], padding: str) -> Any:
        return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=layouts(len(strides)))

    def plain_transposed(x: Any, kernel: Any, strides: tuple[int, ...]) -> Any:
        padding = []
        for size, stride in zip(kernel.shape, strides, strict=False):
            first = _first_tap(size, stride)
            padding.append((size - 1 - first, stride - 1 + first))
        names = layouts(len(strides))
        return lax.conv_transpose(x, kernel, strides, padding, dimension_numbers=names, transpose_kernel=True)

    def dilated(x: Any, kernel: Any, strides: tuple[int, ...]) -> Any:
        """`plain_transposed`, with the kernel in the place of the data."""
        rank = len(strides)
        padding = []
        for size, stride, length in zip(kernel.shape, strides, x.shape[1:], strict=False):
            first = _first_tap(size, stride)
            padding.append(((length - 1) * stride - first, length * stride - size + first))
        spatial = "HW"[:rank]
        names = (f"{spatial}NC", f"O{spatial}I", f"C{spatial}N")
        x = lax.rev(x, tuple(range(1, rank + 1)))
        return lax.conv_general_dilated(kernel, x, (1,) * rank, padding, rhs_dilation=strides, dimension_numbers=names)

    def in_parts(function: Any, x: Any, kernel: Any, options: tuple[Any, ...]) -> Any:
        """`function`, in parts of the batch, and in float32, in which the transpose adds them up."""
        dtype, rows = x.dtype, x.shape[0]
        x, kernel = x.astype("float32"), kernel.astype("float32")
        outputs = jax.eval_shape(lambda x: function(x, kernel, *options), x)
        elements = max(x.size, math.prod(outputs.shape))
        # Not in a loop, in which XLA has no fast convolution.
        rows_of_a_part = max(1, -(-rows // min(-(-elements // ELEMENTS_OF_A_PART), MOST_PARTS)))
        parts = [x[start : start + rows_of_a_part] for start in range(0, rows, rows_of_a_part)]
        return jnp.concatenate([function(part, kernel, *options) for part in parts]).astype(dtype)

    def with_derivative(value: Any, of_kernel: Any) -> Any:
        function = jax.custom_jvp(lambda x, kernel, options: value(x, kernel, *options), nondiff_argnums=(2,))

        def derivative(options: tuple[Any, ...], primals: Any, tangents: Any) -> tuple[Any, Any]:
            x, kernel = primals
            terms = []
            if not isinstance(tangents[0], SymbolicZero):
                terms.append(value(tangents[0], kernel, *options))
            if not isinstance(tangents[1], SymbolicZero):
                terms.append(in_parts(of_kernel, x, tangents[1], options))
            return function(x, kernel, options), sum(terms[1:], terms[0])

        function.defjvp(derivative, symbolic_zeros=True)
        return function

    return with_derivative(plain, plain), with_derivative(plain_transposed, dilated)
