"""Symbols on a stack: asymmetric numeral systems, by `constriction`."""

from typing import Any

import numpy as np

from keras_vae.hints import Array

try:
    import constriction
except ImportError as error:
    raise ImportError(
        "keras_vae.compression needs the entropy coder of constriction. Install it with: "
        "pip install 'keras-vae[compression]'"
    ) from error

__all__ = [
    "new_stack",
    "pop_categories",
    "pop_numbers",
    "pop_on_grid",
    "push_categories",
    "push_numbers",
    "push_on_grid",
    "words_of",
]

ESCAPE_BITS = 25
"""What is left of a count after an escape has less bits than this."""


def new_stack(words: Array | None = None) -> Any:
    """An empty stack, or one of uint32 words.

    Args:
        words: what `words_of` returned.
    """
    return constriction.stream.stack.AnsCoder() if words is None else constriction.stream.stack.AnsCoder(words)


def words_of(stack: Any) -> Array:
    """The words of a stack, uint32.

    Args:
        stack: a coder of `constriction`.
    """
    return stack.get_compressed()


def _on_grid(half: int, laplace: bool) -> Any:
    models = constriction.stream.model
    return (models.QuantizedLaplace if laplace else models.QuantizedGaussian)(-half, half)


def _flat(array: Array) -> Array:
    return np.ascontiguousarray(array, dtype="float64").reshape(-1)


def push_on_grid(
    stack: Any, symbols: Array, half: int, loc: Array, spread: Array, laplace: bool, windows: bool = False
) -> None:
    """Put whole numbers onto a stack, under a Gaussian or a Laplace whose mass is that of the interval around each.

    Args:
        stack: a coder of `constriction`.
        symbols: `(rows, width)`, from -half to half.
        half: the largest of them.
        loc: `(rows, width)`.
        spread: standard deviation, or scale, likewise.
        laplace: whether it is a Laplace.
        windows: whether only numbers near each `loc` have a code, see `windows_of`.
    """
    whole = np.ascontiguousarray(symbols, dtype="int32")
    if not windows:
        stack.encode_reverse(whole.reshape(-1), _on_grid(half, laplace), _flat(loc), _flat(spread))
        return
    centre, reach = windows_of(loc, spread, half)
    for size in reversed(np.unique(reach)):
        own = reach == size
        model = _on_grid(int(size), laplace)
        stack.encode_reverse(whole[own] - centre[own], model, (loc - centre)[own], spread[own])


def pop_on_grid(stack: Any, half: int, loc: Array, spread: Array, laplace: bool, windows: bool = False) -> Array:
    """The inverse of `push_on_grid`: symbols `(rows, width)`, int32.

    Args:
        stack: a coder of `constriction`.
        half: the largest symbol.
        loc: `(rows, width)`.
        spread: standard deviation, or scale, likewise.
        laplace: whether it is a Laplace.
        windows: as for `push_on_grid`.
    """
    if not windows:
        return stack.decode(_on_grid(half, laplace), _flat(loc), _flat(spread)).reshape(loc.shape)
    centre, reach = windows_of(loc, spread, half)
    symbols = centre.copy()
    for size in np.unique(reach):
        own = reach == size
        symbols[own] += stack.decode(_on_grid(int(size), laplace), (loc - centre)[own], spread[own])
    return symbols


def windows_of(loc: Array, spread: Array, half: int) -> tuple[Array, Array]:
    """Centre and reach of the numbers near each `loc`: eight standard deviations, rounded up to a power of two.

    Every number that has a code keeps one of 2^24 counts. Over the whole grid that is one draw in ten thousand that is
    nowhere near the posterior, and each spoils a row.

    Args:
        loc: `(rows, width)`.
        spread: likewise.
        half: the largest number.

    >>> [window.tolist() for window in windows_of(np.array([3.2, 99.0]), np.array([1.0, 3.0]), 100)]
    [[3, 68], [8, 32]]
    """
    reach = np.minimum(2.0 ** np.ceil(np.log2(np.maximum(8.0 * spread, 4.0))), half).astype("int32")
    return np.clip(np.round(loc), reach - half, half - reach).astype("int32"), reach


def _table(probabilities: Array) -> Array:
    flat = np.ascontiguousarray(probabilities, dtype="float32").reshape(-1, probabilities.shape[-1])
    if flat.shape[1] == 1:
        return np.concatenate([flat, np.zeros_like(flat)], axis=1)
    return flat


def push_categories(stack: Any, symbols: Array, probabilities: Array) -> None:
    """Put whole numbers from 0 on onto a stack, each with a table; every value keeps at least one of 2^24 counts.

    Args:
        stack: a coder of `constriction`.
        symbols: `(rows, width)`.
        probabilities: `(rows, width, values)`, float32, which need not sum to one.
    """
    flat = np.ascontiguousarray(symbols, dtype="int32").reshape(-1)
    stack.encode_reverse(flat, constriction.stream.model.Categorical(perfect=False), _table(probabilities))


def pop_categories(stack: Any, probabilities: Array) -> Array:
    """The inverse of `push_categories`: symbols `(rows, width)`, int32.

    Args:
        stack: a coder of `constriction`.
        probabilities: `(rows, width, values)`.
    """
    model = constriction.stream.model.Categorical(perfect=False)
    return stack.decode(model, _table(probabilities)).reshape(probabilities.shape[:-1])


def push_numbers(stack: Any, numbers: Array) -> None:
    """Put whole numbers of any size below 2^24 onto a stack: the number of bits, and the bits (Elias, 1975).

    Args:
        stack: a coder of `constriction`.
        numbers: `(n,)`, at least 0.
    """
    uniform = constriction.stream.model.Uniform
    for number in reversed(numbers.tolist()):
        length = (number + 1).bit_length()
        if length > 1:
            stack.encode_reverse(number + 1 - (1 << (length - 1)), uniform(1 << (length - 1)))
        stack.encode_reverse(length, uniform(ESCAPE_BITS + 1))


def pop_numbers(stack: Any, count: int) -> Array:
    """The inverse of `push_numbers`: `(count,)`, int64.

    Args:
        stack: a coder of `constriction`.
        count: how many.
    """
    uniform = constriction.stream.model.Uniform
    numbers = []
    for _ in range(count):
        length = int(stack.decode(uniform(ESCAPE_BITS + 1)))
        rest = int(stack.decode(uniform(1 << (length - 1)))) if length > 1 else 0
        numbers.append((1 << max(length - 1, 0)) + rest - 1)
    return np.array(numbers, dtype="int64")
