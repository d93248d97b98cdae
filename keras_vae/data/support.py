"""Where data may lie."""

from typing import Any, NamedTuple, Self

from keras_vae.deprecation import warn_renamed

__all__ = ["Support"]


class _Support(NamedTuple):
    low: float = float("-inf")
    high: float = float("inf")
    integer: bool = False
    open_low: bool = False
    open_high: bool = False
    categorical: bool = False


class Support(_Support):
    """Where the data may lie.

    Attributes:
        low: smallest value.
        high: largest value.
        integer: whether only whole numbers are allowed.
        open_low: whether `low` itself is excluded, as zero is for a logarithm.
        open_high: whether `high` itself is excluded.
        categorical: whether the whole numbers are names of categories, such as tokens, so that no number lies
            between two of them.

    Example:

    >>> import keras_vae as kv
    >>> kv.likelihoods.Support(0.0, 255.0, integer=True).high
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
