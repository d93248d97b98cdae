"""The values that data may have."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from keras_vae.deprecation import warn_renamed

__all__ = ["ColumnSupport", "Support", "column_supports"]


class _Support(NamedTuple):
    low: float = float("-inf")
    high: float = float("inf")
    integer: bool = False
    open_low: bool = False
    open_high: bool = False
    categorical: bool = False


class Support(_Support):
    """The values that data may have.

    Attributes:
        low: smallest value.
        high: largest value.
        integer: whether only whole numbers are allowed.
        open_low: whether `low` itself is excluded, as zero is for a logarithm.
        open_high: whether `high` itself is excluded.
        categorical: whether the whole numbers are categories, such as tokens, without order and without a mean.

    Example:

    >>> import keras_vae as kv
    >>> kv.data.Support(0.0, 255.0, integer=True).high
    255.0
    """

    __slots__ = ()

    def __new__(cls, *args: Any, nominal: bool | None = None, **kwargs: Any) -> Self:
        if nominal is not None:
            warn_renamed("The argument `nominal` of Support", "`categorical`")
            kwargs["categorical"] = nominal
        return super().__new__(cls, *args, **kwargs)

    @property
    def nominal(self) -> bool:
        """The old name of `categorical`."""
        warn_renamed("Support.nominal", "Support.categorical")
        return self.categorical


class ColumnSupport(Support):
    """The values that data may have, column by column of the last axis.

    As a `Support` it describes the table as a whole: the widest range, whole numbers if all columns are, and no
    categories, since a table of categories is not a sequence of tokens. `column_supports` lists the columns.

    Attributes:
        columns: the argument of the constructor, pairs of a `Support` and its number of columns, from the first column
            on.

    Raises:
        ValueError: there is no pair.

    Example:

    >>> import keras_vae as kv
    >>> support = kv.data.ColumnSupport([(kv.data.Support(), 2), (kv.data.Support(0.0, 1.0), 1)])
    >>> support.low, len(support.columns)
    (-inf, 2)
    """

    columns: tuple[tuple[Support, int], ...]

    def __new__(cls, columns: Sequence[tuple[Support, int]]) -> Self:
        columns = tuple((support, int(width)) for support, width in columns)
        if not columns:
            raise ValueError(
                "Argument `columns` must hold at least one pair. Expected (support, width). Received: none"
            )
        supports = [support for support, _ in columns]
        low, high = min(item.low for item in supports), max(item.high for item in supports)
        self = super().__new__(
            cls,
            low,
            high,
            integer=all(item.integer for item in supports),
            open_low=all(item.open_low for item in supports if item.low == low),
            open_high=all(item.open_high for item in supports if item.high == high),
        )
        self.columns = columns
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.columns,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ColumnSupport) and self.columns == other.columns

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.columns)

    def __repr__(self) -> str:
        return f"ColumnSupport({list(self.columns)!r})"


def column_supports(support: Support, width: int) -> list[tuple[int, int, Support]]:
    """The support of each group of columns: `(first column, last column, support)`, from left to right.

    Args:
        support: a `Support` of all columns, or a `ColumnSupport`.
        width: number of columns, the length of the data's last axis.

    Raises:
        ValueError: a `ColumnSupport` with another number of columns.

    Example:

    >>> import keras_vae as kv
    >>> real, share = kv.data.Support(), kv.data.Support(0.0, 1.0)
    >>> [entry[:2] for entry in kv.data.column_supports(kv.data.ColumnSupport([(real, 2), (share, 1)]), 3)]
    [(0, 1), (2, 2)]
    """
    if not isinstance(support, ColumnSupport):
        return [(0, width - 1, support)]
    widths = [count for _, count in support.columns]
    if sum(widths) != width:
        raise ValueError(
            f"Argument `width` must be the number of columns of the support. Expected {sum(widths)}, the "
            f"sum of {widths}. Received: width={width}. Pass the length of the data's last axis."
        )
    found, first = [], 0
    for part, count in support.columns:
        found += [(first + start, first + stop, item) for start, stop, item in column_supports(part, count)]
        first += count
    return found
