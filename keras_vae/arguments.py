"""Checks of constructor arguments: each returns the value, or raises an error that names the argument."""

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
    "as_shape",
    "check_distinct",
    "check_fields",
    "finite_number",
    "named_parts",
    "non_negative_number",
    "one_of",
    "optional_seed",
    "positive_int",
    "positive_ints",
    "positive_number",
    "share",
]


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


def share(value: Any, argument: str) -> float:
    """The value as a float, above 0 and at most 1."""
    if not _is_finite(value) or not 0 < value <= 1:
        raise ValueError(
            f"Argument `{argument}` must be a number above 0 and at most 1. Received: {argument}={value!r}"
        )
    return float(value)


def finite_number(value: Any, argument: str) -> float:
    """The value as a float, finite."""
    if not _is_finite(value):
        raise ValueError(f"Argument `{argument}` must be a finite number. Received: {argument}={value!r}")
    return float(value)


def one_of(value: Any, allowed: Sequence[Any], argument: str) -> Any:
    """`value`, or a ValueError that names the argument and the allowed values."""
    if value not in allowed:
        raise ValueError(f"Argument `{argument}` must be one of {list(allowed)}. Received: {argument}={value!r}")
    return value


def as_shape(shape: Any, argument: str, scalar: bool = False) -> tuple[Any, ...]:
    """A tuple of positive ints or None, or an error that names the argument."""
    shape = (shape,) if isinstance(shape, numbers.Integral) and not isinstance(shape, bool) else shape
    valid = isinstance(shape, (list, tuple)) and (scalar or len(shape) > 0)
    if not valid or any(
        axis is not None and (isinstance(axis, bool) or not isinstance(axis, numbers.Integral) or axis < 1)
        for axis in shape
    ):
        raise ValueError(
            f"Argument `{argument}` must be the shape of one example, a tuple of positive ints such as (28, 28, 1). "
            f"Received: {argument}={shape!r}"
        )
    return tuple(None if axis is None else int(axis) for axis in shape)


def named_parts(value: Any, argument: str) -> dict[str, Any]:
    """A dict of components by the name of their field, every instance in one place only."""
    names = list(value) if isinstance(value, Mapping) else []
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(
            f"Argument `{argument}` must be a dict of fields. Expected their names, non-empty strings, each with a "
            f"component: {{'image': 'conv', 'label': 'mlp'}}, say. Received: {argument}={value!r:.200}"
        )
    check_distinct(value.values(), argument)
    return dict(value)


def check_distinct(parts: Iterable[Any], argument: str) -> None:
    """One instance holds the weights of one place."""
    instances = [id(part) for part in parts if not isinstance(part, (str, Mapping, type))]
    if len(set(instances)) < len(instances):
        raise ValueError(
            f"Argument `{argument}` must not hold one instance twice. Expected one for every place, because each is "
            "built for its own data. Received: the same one in two places. Make a second one."
        )


def check_fields(value: Any, names: Iterable[str], argument: str) -> None:
    """Raise unless `value` is a dict that has all fields."""
    names = list(names)
    if not isinstance(value, Mapping) or not set(names) <= set(value):
        received = sorted(value) if isinstance(value, Mapping) else f"{value!r:.80}"
        raise ValueError(
            f"Argument `{argument}` must be a dict with an entry for every field. Expected {names}. Received: "
            f"{received}. Add what is missing, or leave that field's component out."
        )
