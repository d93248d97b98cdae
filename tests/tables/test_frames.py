"""Tables of all libraries are read and written without a loss."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_vae.tables.frames import read, written

pytestmark = pytest.mark.on_torch

DAY = datetime.timedelta(days=1)
BERLIN = "Europe/Berlin"


def pandas_frame():
    days = pd.to_datetime(["2020-01-01", None, "2020-03-01"])
    return pd.DataFrame(
        {
            "float": [1.5, np.nan, 3.0],
            "float32": np.array([1.5, np.nan, 3.0], "float32"),
            "int": [2**60 + 1, 5, -7],
            "Int64": pd.array([1, None, 2**60 + 1], dtype="Int64"),
            "bool": [True, False, True],
            "boolean": pd.array([True, None, False], dtype="boolean"),
            "text": ["x", None, "y"],
            "string": pd.array(["x", None, "y"], dtype="string"),
            "ordered": pd.Categorical(["low", None, "high"], categories=["low", "mid", "high"], ordered=True),
            "codes": pd.Categorical([3, None, 1]),
            "day": days,
            "zoned": days.tz_localize(BERLIN),
            "ns": days.astype("datetime64[ns]"),
            "span": pd.to_timedelta([1, None, 3], unit="D"),
            "object": np.array([True, None, False], dtype=object),
            "dates": np.array([datetime.date(2020, 1, 1), None, datetime.date(2020, 1, 3)], dtype=object),
            "empty": [np.nan, np.nan, np.nan],
        },
        index=["a", "b", "c"],
    )


def polars_frame():
    midnight = datetime.datetime(2020, 1, 1)
    return pl.DataFrame(
        {
            "float": [1.5, float("nan"), None],
            "int": [2**60 + 1, None, -7],
            "small": pl.Series([1, None, 3], dtype=pl.UInt8),
            "bool": [True, None, False],
            "text": ["x", None, "y"],
            "categorical": pl.Series(["x", None, "y"], dtype=pl.Categorical),
            "enum": pl.Series(["low", None, "high"], dtype=pl.Enum(["low", "mid", "high"])),
            "date": [midnight.date(), None, midnight.date() + DAY],
            "datetime": [midnight, None, midnight + DAY],
            "zoned": pl.Series([midnight, None, midnight + DAY]).dt.replace_time_zone(BERLIN),
            "duration": [DAY, None, 2 * DAY],
            "time": [datetime.time(1), None, datetime.time(3)],
            "decimal": pl.Series([1.5, None, 2.5]).cast(pl.Decimal(10, 2)),
        }
    )


FRAMES = {"pandas": pandas_frame, "polars": polars_frame}


def values_for(cells):
    """The first observed value for each missing cell, as imputation would write it."""
    value = cells.values[0] if len(cells.values) else None
    if cells.unit == "ordinal":
        value = datetime.date.fromordinal(value)
    found = np.empty(int(cells.missing.sum()), dtype=object)
    found[:] = [value] * len(found)
    return found if cells.form in ("text", "nothing") or cells.unit == "ordinal" else found.astype(cells.values.dtype)


@pytest.mark.parametrize("library", FRAMES)
def test_missing_cells_are_filled_and_all_else_is_kept(library):
    frame = FRAMES[library]()
    table = read(frame)
    values = [values_for(cells) if len(cells.values) else None for cells in table.cells]
    filled = table.filled(values)
    assert type(filled) is type(frame)
    assert list(filled.columns) == list(frame.columns)
    for name, cells in zip(frame.columns, table.cells, strict=True):
        assert filled[name].dtype == frame[name].dtype
        before, after = list(frame[name]), list(filled[name])
        kept = [new for new, missing in zip(after, cells.missing, strict=True) if not missing]
        assert kept == [old for old, missing in zip(before, cells.missing, strict=True) if not missing]
        if len(cells.values):
            first = next(iter(kept))
            assert all(new == first for new, missing in zip(after, cells.missing, strict=True) if missing), name
    if library == "pandas":
        assert list(filled.index) == ["a", "b", "c"]
        assert frame["float"].isna().tolist() == [False, True, False]  # the argument is as it was


@pytest.mark.parametrize("library", FRAMES)
def test_new_rows_have_the_dtypes_of_the_template(library):
    frame = FRAMES[library]()
    table = read(frame)
    new = []
    for cells in table.cells:
        empty = len(cells.values) == 0
        values = (
            np.zeros(0) if empty else values_for(cells)[:1].repeat(4) if cells.missing.any() else cells.values[[0] * 4]
        )
        new.append((values, np.full(4, empty)))
    made = written(table.template(), new, table.names)
    assert type(made) is type(frame)
    for name, cells in zip(frame.columns, table.cells, strict=True):
        assert made[name].dtype == frame[name].dtype, name
        expected = list(frame[name])[int(np.flatnonzero(~cells.missing)[0])] if len(cells.values) else None
        found = list(made[name])
        assert len(found) == 4
        assert all(value == expected for value in found) if expected is not None else pd.isna(found).all()


def test_ints_beyond_floats_are_read_exactly():
    cells = read(pandas_frame()).cells
    assert cells[2].values.tolist() == [2**60 + 1, 5, -7]
    assert cells[3].values.tolist() == [1, 2**60 + 1]


def test_declared_categories_keep_their_order():
    assert read(pandas_frame()).cells[8].levels == ("low", "mid", "high")
    assert read(polars_frame()).cells[6].levels == ("low", "mid", "high")


def test_a_null_column_of_polars_is_nothing():
    table = read(pl.DataFrame({"a": [1.0, 2.0], "nothing": [None, None]}))
    assert [cells.form for cells in table.cells] == ["number", "nothing"]


def test_arrays_and_dicts():
    array = np.array([[1.0, np.nan], [2.0, 3.0]], "float32")
    filled = read(array).filled([None, np.array([7.0])])
    assert filled.dtype == np.float32
    assert filled.tolist() == [[1.0, 7.0], [2.0, 3.0]]
    assert np.isnan(array[0, 1])
    mixed = np.array([[1, "x"], [None, "y"]], dtype=object)
    assert read(mixed).filled([np.array([4]), None]).tolist() == [[1, "x"], [4, "y"]]
    days = np.array(["2020-01-01", "NaT"], "datetime64[D]")
    table = read({"day": days, "name": ["x", None]})
    filled = table.filled([np.array([18263]), np.array(["y"], dtype=object)])
    assert filled["day"].astype(str).tolist() == ["2020-01-01", "2020-01-02"]
    assert filled["name"] == ["x", "y"]
    made = written(table.template(), [(np.array([1]), np.zeros(1, bool)), (["z"], np.zeros(1, bool))], table.names)
    assert made["day"].dtype == days.dtype
    assert made["name"] == ["z"]


REFUSED = {
    "infinity": (lambda: pd.DataFrame({"a": [1.0, np.inf]}), ValueError, "'a' contains infinity.*row 1"),
    "mixed": (lambda: pd.DataFrame({"a": np.array([1, "x"], object)}), TypeError, r"'a'.*one type.*\['int', 'str'\]"),
    "lists": (lambda: pd.DataFrame({"a": [[1], [2]]}), TypeError, "'a'.*list"),
    "nested": (lambda: pl.DataFrame({"a": [[1], [2]]}), TypeError, "'a'.*List"),
    "twice": (lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]), ValueError, r"\['a'\] more than once"),
    "no rows": (lambda: pd.DataFrame({"a": np.zeros(0)}), ValueError, "0 sample"),
    "no columns": (lambda: pl.DataFrame(), ValueError, "0 feature"),
    "lengths": (lambda: {"a": [1], "b": [1, 2]}, ValueError, "as many rows"),
    "lazy": (lambda: pl.LazyFrame({"a": [1]}), TypeError, "collect"),
    "one axis": (lambda: np.zeros(3), ValueError, "2D array"),
    "three axes": (lambda: np.zeros((2, 2, 2)), ValueError, "2D array"),
    "complex": (lambda: np.zeros((2, 2), complex), ValueError, "Complex data not supported"),
    "a number": (lambda: 3, TypeError, "must be a DataFrame"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused(case):
    make, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        read(make())


@pytest.mark.parametrize("zone", ["America/New_York", "Etc/GMT+5", "Asia/Ho_Chi_Minh", BERLIN])
def test_all_time_zones_of_pandas(zone):
    frame = pd.DataFrame({"when": pd.to_datetime(["2020-01-01", None, "2020-03-01"]).tz_localize(zone)})
    table = read(frame)
    cells = table.cells[0]
    assert (cells.form, cells.unit, str(cells.zone)) == ("datetime", "us", zone)
    assert cells.values[0] == pd.Timestamp("2020-01-01", tz=zone).value // 1000
    filled = table.filled([cells.values[:1]])
    assert filled["when"].dtype == frame["when"].dtype
    assert filled["when"][1] == filled["when"][0]
    made = written(table.template(), [(cells.values, np.zeros(2, bool))], table.names)
    assert made["when"].tolist() == frame["when"].dropna().tolist()


def test_sparse_columns_and_ints_beyond_64_bits():
    with pytest.raises(TypeError, match=r"'a' must not be sparse.*to_dense"):
        read(pd.DataFrame({"a": pd.arrays.SparseArray([1.0, 0.0])}))
    cells = read(pd.DataFrame({"a": np.array([2**70, 2**71], dtype=object)})).cells[0]
    assert (cells.form, cells.values.tolist()) == ("number", [2.0**70, 2.0**71])
