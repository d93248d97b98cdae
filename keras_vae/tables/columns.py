"""What one column of a table is: its kind, its likelihood, and the way to the model's numbers and back."""

import dataclasses
import datetime
import re
import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from keras_vae.hints import Array
from keras_vae.tables.cells import Cells
from keras_vae.tables.choose import COUNTS, LIKELIHOODS, choose_kind, choose_likelihood

__all__ = ["TableColumn"]

MOST_CATEGORIES = 1000
SUSPICIOUS_CATEGORIES = 30
CONTINUOUS = ("gaussian", "log_normal", "student_t", "laplace")
FARTHEST = {"gaussian": 1e4, "log_normal": 1e4, "student_t": 1e6, "laplace": 1e6}
"""Of the model's numbers, in standard deviations. Beyond is hopeless all the same, and float32 has no digits left."""

LARGEST_COUNT = 1e9
UNITS = {"D": 1, "s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Counts of a second; of days there is nothing finer."""


@dataclasses.dataclass(frozen=True)
class TableColumn:
    """One column of a fitted table.

    Args:
        name: its name.
        kind: one of `keras_vae.tables.KINDS`, or `"nothing"` where no cell was observed.
        likelihood: one of `keras_vae.tables.LIKELIHOODS`; `"constant"` where all observed cells are equal, and
            `"nothing"` where there are none: such a column is no part of the model.
        form: what its cells are, see `keras_vae.tables.cells.FORMS`.
        dtype: the dtype of the frame's column.
        missing: share of the cells that were missing.
        levels: the categories in their order, of a column of categories.
        low: smallest observed number, date or time, in the column's own units.
        high: the largest one.
        centre: what is subtracted from numbers, after the logarithm of a log-normal column.
        scale: what they are divided by.
        step: imputed and drawn numbers are multiples of it, counted from `low`; 0 for any.
        unit: of dates and times.
        zone: the time zone of dates that have one.

    Example:

    >>> import numpy as np
    >>> from keras_vae.tables import TableColumn
    >>> from keras_vae.tables.cells import Cells
    >>> column = TableColumn.of(Cells("age", "number", np.array([20.5, 40.5]), np.zeros(2, bool), "float64"))
    >>> column.kind, column.likelihood, column.to_model(np.array([40.5])).tolist()
    ('number', 'gaussian', [1.0])
    """

    name: Any
    kind: str
    likelihood: str
    form: str
    dtype: str
    missing: float
    levels: tuple[Any, ...] = ()
    low: Any = None
    high: Any = None
    centre: float = 0.0
    scale: float = 1.0
    step: int = 0
    unit: str | None = None
    zone: Any = None

    @classmethod
    def of(cls, cells: Cells, kind: str | None = None, likelihood: str | None = None) -> Self:
        """What a column is, from its cells.

        Args:
            cells: the column.
            kind: the kind that the user asks for, or None.
            likelihood: the likelihood that the user asks for, or None.

        Raises:
            ValueError: a kind or a likelihood that the cells do not fit, or more than 1000 categories.
        """
        kind = choose_kind(cells, kind)
        if likelihood is not None and kind != "nothing" and likelihood not in LIKELIHOODS[kind]:
            raise ValueError(
                f"Argument `likelihoods`: the column {cells.name!r} is a {kind}. Expected one of "
                f"{list(LIKELIHOODS[kind])}. Received: {likelihood!r}. Change the likelihood, or the kind with kinds=."
            )
        own: dict[str, Any] = {
            "name": cells.name,
            "kind": kind,
            "form": cells.form,
            "dtype": cells.dtype,
            "missing": float(np.mean(cells.missing)),
            "unit": cells.unit,
            "zone": cells.zone,
        }
        if kind == "nothing":
            return cls(likelihood="nothing", **own)
        if kind == "category":
            found = of_categories(cells)
            warn_of_names(cells, found["levels"])
            return cls(**own, **found)
        low, high = cells.values.min().item(), cells.values.max().item()
        own.update(low=low, high=high)
        if low == high:
            return cls(likelihood="constant", **own)
        if kind == "boolean":
            return cls(likelihood="bernoulli", **own)
        plain = as_floats(cells.values, low if cells.form not in ("boolean", "number") else 0)
        values = plain if is_shifted(cells.form, low, high) else cells.values.astype("float64")
        chosen = likelihood or choose_likelihood(kind, values)
        check_range(cells.name, chosen, low)
        step = step_of(cells, plain) if kind in ("whole number", "date", "duration", "time") else 0
        if chosen not in CONTINUOUS:
            return cls(likelihood=chosen, **own, step=step)
        centre, scale = centre_and_scale(np.log(values) if chosen == "log_normal" else values, chosen)
        return cls(likelihood=chosen, centre=centre, scale=scale, step=step, **own)

    @property
    def modelled(self) -> bool:
        """Whether the column is a part of the model."""
        return self.likelihood not in ("constant", "nothing")

    @property
    def origin(self) -> int:
        """What is subtracted from ints before they become floats, which hold no ints beyond 2**53."""
        return int(self.low) if is_shifted(self.form, self.low, self.high) else 0

    def to_model(self, values: Array) -> Array:
        """Observed values as the model's numbers, float64, `(observed,)`; NaN for unknown categories.

        Numbers outside of what the likelihood can have (`impossible`) are taken for others: counts are rounded, and at
        least 0, and under a logarithm what is not positive is the smallest number that was seen. Numbers that are
        further than 10 000 standard deviations away (a million under heavy tails) are taken for that.

        Args:
            values: in the form of the column's cells.
        """
        if self.kind == "category":
            codes = {level: float(code) for code, level in enumerate(self.levels)}
            return np.array([codes.get(plain(value), np.nan) for value in values.tolist()], "float64")
        if self.kind == "boolean":
            numbers = np.asarray(values, "float64")
            return np.where((numbers == 0) | (numbers == 1), numbers, np.nan)
        numbers = as_floats(values, self.origin)
        if self.likelihood in COUNTS:
            return np.clip(np.rint(numbers), 0.0, max(LARGEST_COUNT, float(self.high)))
        if self.likelihood == "log_normal":
            numbers = np.log(np.where(numbers > 0, numbers, self.low))
        farthest = FARTHEST.get(self.likelihood, np.inf)
        # halves, since the difference of the largest floats is infinite
        with np.errstate(over="ignore"):
            numbers = (numbers / 2 - self.centre / 2) / (self.scale / 2)
        return np.clip(numbers, -farthest, farthest)

    def impossible(self, values: Array) -> Array:
        """Which observed values the likelihood cannot have, boolean `(observed,)`.

        Counts are whole and at least 0, under a logarithm numbers are positive.

        Args:
            values: in the form of the column's cells.
        """
        if self.likelihood not in (*COUNTS, "log_normal"):
            return np.zeros(len(values), bool)
        numbers = as_floats(values, 0)
        return numbers <= 0 if self.likelihood == "log_normal" else (numbers < 0) | (np.rint(numbers) != numbers)

    def log_jacobian(self, values: Array) -> Array:
        """log |d model's number / d value| of observed values, in nats, `(observed,)`.

        Args:
            values: in the form of the column's cells.
        """
        found = np.full(len(values), -np.log(self.scale))
        if self.likelihood != "log_normal":
            return found
        numbers = as_floats(values, self.origin)
        return found - np.log(np.where(numbers > 0, numbers, self.low))

    def from_model(self, numbers: Array, seen_only: bool = True) -> Array:
        """The model's numbers as values: the inverse of `to_model`.

        Args:
            numbers: `(n,)`, float64; codes of categories.
            seen_only: whether values stay in the range that was seen, or only in that of the dtype and the likelihood.
        """
        numbers = np.asarray(numbers, "float64")
        if self.likelihood in ("constant", "nothing"):
            value = self.low if self.kind != "category" else self.levels[0]
            found = np.empty(len(numbers), dtype=object)
            found[:] = [value] * len(numbers)
            return self._typed(found)
        if self.kind == "category":
            found = np.empty(len(numbers), dtype=object)
            found[:] = [self.levels[int(code)] for code in numbers]
            return self._typed(found)
        with np.errstate(over="ignore", under="ignore"):
            numbers = numbers * self.scale + self.centre
            if self.likelihood == "log_normal":
                numbers = np.exp(numbers)
        return self.within(numbers, seen_only)

    def within(self, numbers: Array, seen_only: bool = True) -> Array:
        """Numbers in the column's units, counted from `origin`, as values: rounded, and within the range.

        Args:
            numbers: `(n,)`, float64.
            seen_only: see `from_model`.
        """
        if self.kind == "boolean":
            return self._typed((np.asarray(numbers) >= 0.5).astype(object))
        origin = self.origin
        first, last = (self.low, self.high) if seen_only else self.limits()
        low, high = float(first - origin), float(last - origin)
        numbers = np.clip(np.asarray(numbers, "float64"), low, high)
        if self.step:
            start = float(self.low - origin)
            with np.errstate(over="ignore"):
                numbers = np.clip(np.rint((numbers - start) / self.step) * self.step + start, low, high)
        if self.form == "number":
            return numbers + origin
        whole = [min(max(round(number) + origin, int(first)), int(last)) for number in numbers.tolist()]
        return self._typed(np.array(whole, dtype=object))

    def limits(self) -> tuple[Any, Any]:
        """The smallest and the largest value that the dtype and the likelihood allow, whatever was seen."""
        if self.form == "number":
            width = re.search(r"float(16|32)", self.dtype.lower())
            # halves of float64, so that sums stay finite
            largest = float(np.finfo(width[0]).max) if width else float(np.finfo("float64").max) / 2
            largest = max(largest, abs(self.low), abs(self.high))
            smallest = 0.0 if self.likelihood in COUNTS else -largest
            if self.likelihood == "log_normal":
                smallest = min(float(np.finfo(width[0] if width else "float64").tiny), self.low)
            return smallest, largest
        low, high = -(2**63 - 1), 2**63 - 1
        if self.form == "integer":
            found = re.search(r"(u?)int(8|16|32|64)", self.dtype.lower())
            unsigned, bits = (bool(found[1]), int(found[2])) if found else (False, 64)
            low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            if self.likelihood in COUNTS or self.likelihood == "log_normal":
                low = int(self.likelihood == "log_normal")
        elif self.form == "time":
            low, high = 0, 86400 * UNITS[self.unit or "ns"] - 1
        elif self.unit == "ordinal":
            low, high = 1, datetime.date.max.toordinal()
        elif self.form == "datetime" and self.unit in ("D", "s", "ms", "us"):  # of Python's dates
            low, high = (
                int(np.datetime64(day, self.unit).astype("int64"))  # type: ignore[call-overload]
                for day in ("0001-01-02", "9999-12-30")
            )
        elif self.likelihood == "log_normal":
            low = 1
        return min(low, int(self.low)), max(high, int(self.high))

    def aligned(self, cells: Cells) -> Cells:
        """Cells of another table in the form of this column: dates and times in its unit.

        Args:
            cells: the same column of another table.

        Raises:
            ValueError: values of another type than in `fit`.
        """
        forms = ("number", "integer", "boolean")
        same = cells.form == self.form or {cells.form, self.form} <= set(forms) or self.kind == "category"
        if len(cells.values) and not same:
            raise ValueError(
                f"Argument `frame`: the column {self.name!r} was a {self.kind} in `fit`, of dtype {self.dtype}. "
                f"Received: dtype {cells.dtype}, with values such as {cells.values[0]!r}. Convert it."
            )
        if len(cells.values) and cells.form == "datetime" and (cells.zone is None) != (self.zone is None):
            own, other = ("with", "none") if self.zone is not None else ("without", "one")
            raise ValueError(
                f"Argument `frame`: the column {self.name!r} held times {own} a time zone in `fit`, of dtype "
                f"{self.dtype}. Received: dtype {cells.dtype}, which has {other}. Convert it, in pandas with "
                "dt.tz_localize."
            )
        if cells.unit == self.unit or not len(cells.values):
            return cells
        return dataclasses.replace(cells, values=in_unit(cells.values, self, cells.unit, self.unit), unit=self.unit)

    def for_cells(self, values: Array, cells: Cells) -> Array:
        """Values of this column in the form of the cells of another table.

        Args:
            values: what `from_model` returned, `(n,)`.
            cells: the same column of another table.

        Raises:
            ValueError: cells that cannot hold such values.
        """
        strange = cells.form in ("number", "integer", "boolean") and self.form not in ("number", "integer", "boolean")
        if strange or (cells.unit is None and self.unit not in (None, "ordinal")):
            raise ValueError(
                f"Argument `frame`: the column {self.name!r} was a {self.kind} in `fit`, of dtype {self.dtype}. "
                f"Received: a column of dtype {cells.dtype} without any value, which cannot hold one. Convert it."
            )
        if cells.unit not in (self.unit, None):
            return in_unit(values, self, self.unit, cells.unit)
        if cells.form == "integer" and self.form == "number":
            return np.rint(values).astype("int64")
        return values.astype("bool") if cells.form == "boolean" else values

    def for_output(self, values: Array) -> Array:
        """Values in the form of the column's cells as `from_model` returns them: days of a calendar as dates.

        Args:
            values: `(n,)`.
        """
        return self._typed(values.astype(object)) if self.unit == "ordinal" else values

    def _typed(self, values: Array) -> Array:
        """Objects in the form of the column's cells."""
        if self.unit == "ordinal":
            values[:] = [datetime.date.fromordinal(int(day)) for day in values]
            return values
        if self.form == "text":
            return values
        if self.form == "integer":
            return values.astype("uint64" if "uint64" in self.dtype.lower() else "int64")
        return values.astype({"number": "float64", "boolean": "bool"}.get(self.form, "int64"))

    def range(self) -> str:
        """The observed range or the categories, as text."""
        if self.kind == "nothing":
            return "no value observed"
        if self.kind == "category":
            names = [str(level) for level in self.levels]
            shown = ", ".join(names[:4])
            return shown if len(names) <= 4 else f"{shown}, ... ({len(names)})"
        if self.form in ("datetime", "duration", "time"):
            return f"{self._as_time(self.low)} to {self._as_time(self.high)}"
        return f"{self.low:g} to {self.high:g}" if self.kind != "boolean" else f"{self.low} to {self.high}"

    def _as_time(self, count: int) -> str:
        if self.unit == "ordinal":
            return datetime.date.fromordinal(count).isoformat()
        if self.form == "datetime":
            moment = np.datetime64(count, self.unit)  # type: ignore[call-overload]
            whole_days = self.unit in UNITS and self.step and self.step % (86400 * UNITS[self.unit]) == 0
            return str(moment.astype("datetime64[D]" if whole_days else "datetime64[s]"))
        seconds = int(np.timedelta64(count, self.unit).astype("timedelta64[s]").astype("int64"))  # type: ignore[call-overload]
        clock = f"{seconds % 86400 // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
        return clock if self.form == "time" else f"{seconds // 86400} days {clock}"


def of_categories(cells: Cells) -> Mapping[str, Any]:
    """Levels and likelihood of a column of categories: the declared order, else that of sorting; observed ones only."""
    seen = {plain(value) for value in cells.values.tolist()}
    levels = tuple(level for level in cells.levels if level in seen) if cells.levels is not None else None
    if levels is None:
        try:
            levels = tuple(sorted(seen))
        except TypeError:
            levels = tuple(sorted(seen, key=str))
    if len(levels) > MOST_CATEGORIES:
        raise ValueError(
            f"Argument `frame`: the column {cells.name!r} has {len(levels)} categories in {cells.rows} rows. Expected "
            f"at most {MOST_CATEGORIES}. Received: {levels[0]!r}, {levels[1]!r} and so on. Names and ids say nothing "
            "about other columns: leave the column out; or group rare categories, or make numbers of it."
        )
    return {"levels": levels, "likelihood": "categorical" if len(levels) > 1 else "constant"}


def warn_of_names(cells: Cells, levels: tuple[Any, ...]) -> None:
    """Warn of text that is hardly a category: names and ids, of which new rows hold real ones, and dates as text."""
    if all(isinstance(level, str) and is_date(level) for level in levels):
        warnings.warn(
            f"Argument `frame`: the column {cells.name!r} holds dates as text, such as {levels[0]!r}, which are taken "
            "for categories without an order. Convert it, in pandas with pandas.to_datetime.",
            UserWarning,
            stacklevel=5,
        )
    elif len(levels) >= SUSPICIOUS_CATEGORIES and len(levels) > len(cells.values) / 2:
        warnings.warn(
            f"Argument `frame`: the column {cells.name!r} has {len(levels)} categories in {len(cells.values)} observed "
            "cells. It looks like names or ids, which say nothing about other columns, and new rows will hold those of "
            "real ones. Leave the column out, or group rare categories.",
            UserWarning,
            stacklevel=5,
        )


def is_date(text: str) -> bool:
    """Whether text is a date in the form of ISO 8601, with separators."""
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return "-" in text


def plain(value: Any) -> Any:
    """A hashable Python object that is equal to a category."""
    return value.item() if isinstance(value, np.generic) else value


def is_shifted(form: str, low: Any, high: Any) -> bool:
    """Whether a column is counted from its lowest value: times, and ints that floats do not hold."""
    return form in ("datetime", "duration", "time") or (form == "integer" and max(abs(low), abs(high)) >= 2**53)


def as_floats(values: Array, origin: int | float) -> Array:
    """Numbers as float64 after an int is subtracted, in exact arithmetic where they are ints."""
    values = np.asarray(values)
    if origin == 0 or values.dtype.kind == "f":
        return values.astype("float64") - origin
    return (values.astype(object) - int(origin)).astype("float64")


def step_of(cells: Cells, plain: Array) -> int:
    """What whole numbers are multiples of: 1; of dates and times whole seconds, minutes, hours or days if all are."""
    if cells.unit == "D" or cells.unit not in UNITS:
        return 1
    second = UNITS[cells.unit]
    for seconds in (86400, 3600, 60, 1):
        if np.all(plain % (seconds * second) == 0):
            return seconds * second
    return 1


def centre_and_scale(values: Array, likelihood: str) -> tuple[float, float]:
    """What standardises numbers: mean and standard deviation, or of heavy tails median and quartiles."""
    largest = float(np.max(np.abs(values)))  # squares of very large and very small numbers are none
    values = values / largest
    centre, scale = float(np.mean(values)), float(np.std(values))
    if likelihood in ("student_t", "laplace"):
        first, middle, third = np.quantile(values, [0.25, 0.5, 0.75])
        if third > first:
            centre, scale = float(middle), float((third - first) / 1.349)
    scale = scale or float(np.max(values) - np.min(values))
    return centre * largest, max(scale * largest, float(np.finfo("float64").tiny))


def in_unit(values: Array, column: TableColumn, unit: str | None, other: str | None) -> Array:
    """Counts of one unit of time as counts of another one."""
    if unit is None or other is None or "ordinal" in (unit, other):
        raise ValueError(
            f"Argument `frame`: the column {column.name!r} must hold dates of the type that it had in `fit`, of dtype "
            f"{column.dtype}. Received: another type. Convert it."
        )
    kind = "timedelta64" if column.form == "duration" else "datetime64"
    return values.astype("int64").view(f"{kind}[{unit}]").astype(f"{kind}[{other}]").astype("int64")


def check_range(name: Any, likelihood: str, low: float) -> None:
    """Refuse likelihoods whose support does not hold the values."""
    if (likelihood == "log_normal" and low <= 0) or (likelihood in ("poisson", "negative_binomial") and low < 0):
        raise ValueError(
            f"Argument `likelihoods`: {likelihood!r} needs numbers {'> 0' if likelihood == 'log_normal' else '>= 0'}. "
            f"Received: {low!r} in the column {name!r}. Choose another one, such as 'gaussian'."
        )
