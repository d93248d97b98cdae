"""What may be given to `conditional_sample`, and what no column can have."""

import datetime
import zoneinfo

import numpy as np
import pandas as pd
import pytest

from keras_vae.tables.columns import TableColumn
from keras_vae.tables.conditions import Conditions
from keras_vae.tables.frames import read

pytestmark = pytest.mark.on_torch

RNG = np.random.default_rng(0)
ROWS = 200
DAYS = pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 90, ROWS), "D")
TABLE = pd.DataFrame(
    {
        "x": RNG.normal(size=ROWS),
        "price": np.exp(1.5 * RNG.normal(size=ROWS)),
        "count": RNG.poisson(2.0, ROWS),
        "small": RNG.integers(100, 200, ROWS).astype("uint8"),
        "city": RNG.choice(["Ulm", "Bonn"], ROWS),
        "seven": np.full(ROWS, 7),
        "none": np.full(ROWS, np.nan),
        "day": DAYS,
        "zoned": DAYS.tz_localize("Europe/Berlin"),
        "span": pd.to_timedelta(RNG.integers(1, 90, ROWS), "h"),
        "date": np.array([day.date() for day in DAYS], dtype=object),
    }
)
COLUMNS = [TableColumn.of(cells) for cells in read(TABLE).cells]
PLACES = {column.name: place for place, column in enumerate(COLUMNS)}


def value_of(name, value):
    return Conditions.of({name: value}, COLUMNS).values[PLACES[name]][0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seven": 99}, "'seven'.*7, the only value.*99"),
        ({"none": 5.0}, "'none'.*knows nothing"),
        ({"count": -5}, "'count'.*whole number >= 0.*-5"),
        ({"count": 2.5}, "'count'.*a whole number.*2.5"),
        ({"count": []}, "'count'.*at least one value"),
        ({"count": (5, 3)}, "'count'.*lower end first"),
        ({"count": (None, -1)}, "'count'.*values which the column can have"),
        ({"count": ("1", "9")}, "'count'.*text"),
        ({"price": -3.0}, "'price'.*number > 0.*log_normal"),
        ({"price": [30.0, 40.0]}, "'price'.*a range"),
        ({"small": 300}, "'small'.*dtype uint8.*300"),
        ({"small": -1}, "'small'.*dtype uint8"),
        ({"day": pd.NaT}, "'day'.*not missing"),
        ({"day": 5}, "'day'.*no date"),
        ({"span": 3600}, "'span'.*no unit"),
        ({"city": None}, "'city'.*not missing"),
    ],
)
def test_what_a_column_cannot_have_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Conditions.of(given, COLUMNS)


def test_a_value_outside_of_the_range_in_fit_is_warned_of():
    with pytest.warns(UserWarning, match=r"1000000000.0 lies outside.*'x'"):
        Conditions.of({"x": 1e9}, COLUMNS)


def test_naive_times_are_those_of_the_columns_zone():
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    expected = pd.Timestamp("2020-02-01 12:00", tz="Europe/Berlin").value // 1000
    for moment in ("2020-02-01 12:00", "2020-02-01T11:00+00:00", pd.Timestamp("2020-02-01 12:00")):
        assert value_of("zoned", moment) == expected
    assert value_of("zoned", datetime.datetime(2020, 2, 1, 12, tzinfo=zone)) == expected
    assert value_of("zoned", datetime.date(2020, 2, 1)) == expected - 12 * 3600 * 10**6
    assert value_of("day", "2020-02-01") == pd.Timestamp("2020-02-01").value // 1000
    assert value_of("span", pd.Timedelta("3h")) == 3 * 3600 * 10**6


def test_dates_that_are_objects_lie_in_ranges_and_lists():
    cells = [TABLE[name].to_numpy() for name in TABLE]
    first, last = datetime.date(2020, 1, 10), datetime.date(2020, 2, 10)
    held = Conditions.of({"date": (first, last)}, COLUMNS).hold(cells)
    assert held.tolist() == [first <= day <= last for day in TABLE["date"]]
    day = TABLE["date"][3]
    held = Conditions.of({"date": [day]}, COLUMNS).hold(cells)
    assert held.tolist() == [other == day for other in TABLE["date"]]
