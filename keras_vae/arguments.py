"""Checks of constructor arguments: each returns the value, or raises an error that names the argument."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

__all__ = ["non_negative_number", "one_of", "optional_seed", "positive_int", "positive_ints", "positive_number"]


def _is_int(value: Any) -> bool:
    # numbers.Integral: NumPy's ints too, which is what sizes computed from arrays are.
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def positive_int(value: Any, argument: str) -> int:
    """The value, an int of at least 1."""
    if not _is_int(value) or value < 1:
        raise ValueError(f"Argument `{argument}` must be an int >= 1. Received: {argument}={value!r:.80}")
    return int(value)


def optional_seed(value: Any) -> int | None:
    """The value of an argument `seed`: None, or an int in the range of every backend's generator."""
    if value is None:
        return None
    if not _is_int(value) or not 0 <= value < 2**31:
        raise ValueError(f"Argument `seed` must be an int from 0 to 2**31 - 1, or None. Received: seed={value!r}")
    return int(value)


def positive_ints(value: Any, argument: str) -> tuple[int, ...]:
    """A tuple of ints of at least 1, from one int or a sequence."""
    values = (value,) if not isinstance(value, (list, tuple)) else tuple(value)
    if not values or not all(_is_int(item) and item >= 1 for item in values):
        raise ValueError(
            f"Argument `{argument}` must be an int >= 1 or a non-empty sequence of them. Received: {argument}={value!r}"
        )
    return tuple(int(item) for item in values)


def non_negative_number(value: Any, argument: str) -> float:
    """The value as a float, finite and at least 0."""
    if not _is_finite(value) or value < 0:
        raise ValueError(f"Argument `{argument}` must be a finite number >= 0. Received: {argument}={value!r}")
    return float(value)


def positive_number(value: Any, argument: str) -> float:
    """The value as a float, finite and above 0."""
    if not _is_finite(value) or value <= 0:
        raise ValueError(f"Argument `{argument}` must be a finite number > 0. Received: {argument}={value!r}")
    return float(value)


def one_of(value: Any, allowed: Sequence[Any], argument: str) -> Any:
    """`value`, or a ValueError that names the argument and the allowed values."""
    if value not in allowed:
        raise ValueError(f"Argument `{argument}` must be one of {list(allowed)}. Received: {argument}={value!r}")
    return value
