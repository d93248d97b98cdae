"""Which kind a column is, and which likelihood it gets, from its cells."""

from typing import Any

import numpy as np

from keras_vae.hints import Array
from keras_vae.tables.cells import Cells

__all__ = ["KINDS", "LIKELIHOODS", "choose_kind", "choose_likelihood"]

NUMBERS = ("gaussian", "log_normal", "student_t", "laplace")
COUNTS = ("poisson", "negative_binomial")

LIKELIHOODS: dict[str, tuple[str, ...]] = {
    "number": NUMBERS,
    "whole number": (*NUMBERS, *COUNTS),
    "boolean": ("bernoulli",),
    "category": ("categorical",),
    "date": NUMBERS,
    "duration": NUMBERS,
    "time": NUMBERS,
}
"""The likelihoods that a column of each kind may have; the first of numbers is that of columns that look ordinary."""

KINDS = tuple(LIKELIHOODS)

LARGEST_MEAN_OF_COUNTS = 50.0
SMALLEST_FIRST_COUNT = 1
SKEWED = 2.0
HEAVY_TAILS = 8.0
OVERDISPERSED = 1.3
UNDERDISPERSED = 0.5


def choose_kind(cells: Cells, asked: str | None = None) -> str:
    """The kind of a column: one of `KINDS`, or `"nothing"` where no cell is observed.

    Text and declared categories are categories; booleans, and numbers that are 0 and 1, are booleans; ints, and floats
    that are all whole, are whole numbers.

    Args:
        cells: the column.
        asked: the kind that the user asks for, or None.

    Raises:
        ValueError: an unknown kind, or one that the cells do not fit.

    Example:

    >>> import numpy as np
    >>> from keras_vae.tables import choose_kind
    >>> from keras_vae.tables.cells import Cells
    >>> choose_kind(Cells("rooms", "number", np.array([3.0, 4.0]), np.zeros(2, bool), "float64"))
    'whole number'
    """
    if asked is not None and asked not in KINDS:
        raise ValueError(
            f"Argument `kinds` must hold kinds. Expected one of {list(KINDS)}. Received: {asked!r} for the column "
            f"{cells.name!r}"
        )
    if len(cells.values) == 0:
        return "nothing"
    found = {"boolean": "boolean", "text": "category", "datetime": "date"}.get(cells.form, cells.form)
    if found in ("number", "integer"):
        found = "whole number" if np.all(np.rint(cells.values) == cells.values) else "number"
        if set(np.unique(cells.values)) == {0, 1}:
            found = "boolean"
    if asked is None or asked == found:
        return found
    numeric = cells.form in ("number", "integer")
    fits = {
        "category": cells.form in ("number", "integer", "boolean"),
        "number": numeric or cells.form == "boolean",
        "boolean": numeric and set(np.unique(cells.values)) <= {0, 1},
        "whole number": cells.form == "boolean" or (numeric and found != "number"),
    }
    if not fits.get(asked, False):
        raise ValueError(
            f"Argument `kinds`: the column {cells.name!r} cannot be read as {asked!r}. Expected {found!r}, which its "
            f"values are, or another kind that they fit. Received: {cells.dtype} values such as {cells.values[0]!r}. "
            "Convert the column first."
        )
    return asked


def choose_likelihood(kind: str, values: Array) -> str:
    """The likelihood of a column.

    Booleans are Bernoulli and categories categorical. Whole numbers are counts where they start at 0 or 1 and their
    mean is at most 50: Poisson, or negative binomial where the variance exceeds 1.3 times the mean; where it is below
    half the mean, and for all other numbers: log-normal where all are positive and the skewness is above 2, and the
    logarithm halves it; Student's t where the middle 99 % spread eight times as far as the middle 50 %; Gaussian
    otherwise.

    Args:
        kind: what `choose_kind` returned.
        values: the observed values as float64, `(observed,)`; at least one.

    Example:

    >>> import numpy as np
    >>> from keras_vae.tables import choose_likelihood
    >>> rng = np.random.default_rng(0)
    >>> choose_likelihood("whole number", rng.poisson(3.0, 500)), choose_likelihood("number", rng.normal(size=500))
    ('poisson', 'gaussian')
    >>> choose_likelihood("number", rng.lognormal(sigma=1.5, size=500))
    'log_normal'
    """
    if kind in ("boolean", "category"):
        return LIKELIHOODS[kind][0]
    if kind == "whole number" and are_counts(values):
        return "negative_binomial" if np.var(values) > OVERDISPERSED * np.mean(values) else "poisson"
    skewed = kind in ("number", "whole number") and np.min(values) > 0 and skewness(values) > SKEWED
    if skewed and abs(skewness(np.log(values))) < 0.5 * skewness(values):
        return "log_normal"
    values = values / np.max(np.abs(values))  # differences of the largest floats are infinite
    low, first, third, high = np.quantile(values, [0.005, 0.25, 0.75, 0.995])
    return "student_t" if third > first and high - low > HEAVY_TAILS * (third - first) else "gaussian"


def are_counts(values: Array) -> bool:
    """Whether whole numbers look like counts of rare events."""
    if np.max(values) > LARGEST_MEAN_OF_COUNTS * len(values):  # of which the mean may be infinite
        return False
    mean = np.mean(values)
    starts = 0 <= np.min(values) <= SMALLEST_FIRST_COUNT
    return bool(starts and mean <= LARGEST_MEAN_OF_COUNTS and np.var(values) > UNDERDISPERSED * mean)


def skewness(values: Any) -> float:
    """Third standardised moment; 0 for constant values.

    >>> import numpy as np
    >>> round(skewness(np.array([0.0, 0.0, 0.0, 4.0])), 4)
    1.1547
    """
    values = np.asarray(values, "float64")
    values = values / (np.max(np.abs(values)) or 1.0)  # third powers of large numbers are infinite
    centred = values - np.mean(values)
    spread = np.sqrt(np.mean(centred**2))
    return float(np.mean(centred**3) / spread**3) if spread > 0 else 0.0
