"""Kinds and likelihoods are chosen from the data, and values come back from the model's numbers."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from keras_vae.tables import TableColumn
from keras_vae.tables.frames import read
from keras_vae.tables.layout import Layout

pytestmark = pytest.mark.on_torch

RNG = np.random.default_rng(0)
BASE = RNG.normal(size=400)


def column_of(values, **options):
    return TableColumn.of(read(pd.DataFrame({"a": values})).cells[0], **options)


CHOICES = {
    "normal": (BASE, "number", "gaussian"),
    "skewed": (np.exp(1.5 * BASE), "number", "log_normal"),
    "heavy tails": (RNG.standard_t(1.5, 400), "number", "student_t"),
    "skewed with zeros": (np.maximum(np.exp(1.5 * BASE) - 0.2, 0.0), "number", "student_t"),
    "rare counts": (RNG.poisson(2.0, 400), "whole number", "poisson"),
    "counts with a spread": (RNG.negative_binomial(1, 0.2, 400), "whole number", "negative_binomial"),
    "whole floats with holes": (np.where(BASE > 1, np.nan, RNG.poisson(2.0, 400)), "whole number", "poisson"),
    "ages": (RNG.integers(18, 90, 400), "whole number", "gaussian"),
    "negative ints": (RNG.integers(-5, 5, 400), "whole number", "gaussian"),
    "wide ints": (RNG.integers(2**60, 2**61, 400), "whole number", "gaussian"),
    "zero and one": (RNG.integers(0, 2, 400), "boolean", "bernoulli"),
    "booleans": (BASE > 0, "boolean", "bernoulli"),
    "text": (RNG.choice(["x", "y"], 400), "category", "categorical"),
    "dates": (pd.Timestamp("2020-01-01") + pd.to_timedelta(np.rint(BASE * 50), unit="D"), "date", "gaussian"),
    "constant": (np.full(400, 2.0), "whole number", "constant"),
    "one category": (np.full(400, "x"), "category", "constant"),
    "nothing": (np.full(400, np.nan), "nothing", "nothing"),
}


@pytest.mark.parametrize("case", CHOICES)
def test_kind_and_likelihood_follow_the_data(case):
    values, kind, likelihood = CHOICES[case]
    column = column_of(values)
    assert (column.kind, column.likelihood) == (kind, likelihood)


@pytest.mark.parametrize("case", CHOICES)
def test_values_return_from_the_models_numbers(case):
    cells = read(pd.DataFrame({"a": CHOICES[case][0]})).cells[0]
    column = TableColumn.of(cells)
    if not column.modelled:
        return
    back = column.from_model(column.to_model(cells.values))
    assert back.dtype.kind == cells.values.dtype.kind
    if column.kind == "whole number" and cells.values.max() >= 2**53:
        assert np.max(np.abs(back.astype("float64") / cells.values - 1)) < 1e-12
    elif column.kind == "number":
        np.testing.assert_allclose(back, cells.values, rtol=1e-9, atol=1e-12)
    else:
        assert back.tolist() == cells.values.tolist()


def test_numbers_are_standardised_and_kept_in_their_range():
    column = column_of(BASE * 3 + 10)
    numbers = column.to_model(BASE * 3 + 10)
    np.testing.assert_allclose([numbers.mean(), numbers.std()], [0, 1], atol=1e-9)
    assert column.from_model(np.array([-99.0, 99.0])).tolist() == [column.low, column.high]


@pytest.mark.parametrize("case", ["normal", "skewed", "heavy tails", "ages", "rare counts"])
def test_the_jacobian_is_the_derivative(case):
    values = np.asarray(CHOICES[case][0], "float64")[:20]
    column = column_of(CHOICES[case][0])
    if case == "rare counts":
        assert np.all(column.log_jacobian(values) == 0)
        return
    step = 1e-6 * np.maximum(values.max(), 1.0)
    inner = values[values > column.low + 2 * step]
    slope = (column.to_model(inner + step) - column.to_model(inner - step)) / (2 * step)
    np.testing.assert_allclose(column.log_jacobian(inner), np.log(slope), atol=1e-4)


def test_a_log_normal_density_is_that_of_scipy():
    values = np.exp(1.5 * BASE)
    column = column_of(values)
    density = scipy.stats.norm.logpdf(column.to_model(values)) + column.log_jacobian(values)
    expected = scipy.stats.lognorm.logpdf(values, s=column.scale, scale=np.exp(column.centre))
    np.testing.assert_allclose(density, expected, atol=1e-8)


def test_whole_days_stay_whole():
    column = column_of(pd.to_datetime(["2020-01-01", "2020-02-01", "2020-03-01"]))
    made = pd.to_datetime(column.from_model(RNG.normal(size=50)), unit=column.unit)
    assert (made == made.normalize()).all()


def test_the_users_choice_comes_first():
    codes = RNG.integers(1, 5, 400)
    column = column_of(codes, kind="category")
    assert (column.kind, column.levels) == ("category", (1, 2, 3, 4))
    assert column.from_model(np.array([0, 3])).tolist() == [1, 4]
    assert column_of(codes, likelihood="student_t").likelihood == "student_t"
    assert column_of(RNG.integers(0, 2, 400), kind="whole number").kind == "whole number"


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (BASE, {"kind": "count"}, "`kinds`.*whole number.*'count'"),
        (["x", "y"], {"kind": "number"}, "cannot be read as 'number'"),
        (["x", "y"], {"likelihood": "gaussian"}, "is a category.*categorical"),
        (BASE, {"likelihood": "log_normal"}, "'log_normal' needs numbers > 0"),
        (BASE, {"likelihood": "poisson"}, "is a number"),
        (RNG.integers(-5, 5, 40), {"likelihood": "poisson"}, "needs numbers >= 0"),
        ([f"id{index}" for index in range(1200)], {}, "1200 categories in 1200 rows"),
    ],
)
def test_choices_that_do_not_fit_are_refused(values, options, message):
    with pytest.raises(ValueError, match=message):
        column_of(values, **options)


def test_values_outside_of_the_support_are_taken_for_the_nearest():
    assert column_of(RNG.poisson(2.0, 400)).to_model(np.array([2.6, -1.0])).tolist() == [3.0, 0.0]
    skewed = column_of(np.exp(1.5 * BASE))
    np.testing.assert_allclose(skewed.to_model(np.array([-1.0])), skewed.to_model(np.array([skewed.low])))


def test_groups_of_one_likelihood_lie_side_by_side():
    frame = pd.DataFrame({"flag": BASE > 0, "x": BASE, "city": RNG.choice(["a", "b", "c"], 400), "y": np.exp(2 * BASE)})
    columns = [TableColumn.of(cells) for cells in read(frame).cells]
    layout = Layout.of(columns)
    assert layout.groups == (("gaussian", 0, (1, 3)), ("bernoulli", 0, (0,)), ("categorical", 3, (2,)))
    assert layout.network_widths == [1, 1, 1, 3]
    scales, highs = layout.logarithms(columns)
    assert (scales[0], highs[0]) == (0.0, 0.0)
    assert scales[1] == np.float32(columns[3].scale)
    np.testing.assert_allclose(np.exp(highs[1] * columns[3].scale + columns[3].centre), frame["y"].max(), rtol=1e-5)


@pytest.mark.parametrize("size", [1e160, 1e-170, 1e307])
def test_very_large_and_very_small_numbers_are_standardised(size):
    column = column_of(BASE * size)
    assert column.likelihood == "gaussian"
    np.testing.assert_allclose(column.to_model(BASE * size), (BASE - BASE.mean()) / BASE.std(), atol=1e-9)
    np.testing.assert_allclose(column.from_model(column.to_model(BASE * size)) / size, BASE, rtol=1e-9, atol=1e-12)


def test_the_largest_floats_have_a_spread():
    values = np.clip(BASE, -1, 1) * 1.7e308
    assert np.all(np.abs(column_of(values).to_model(values)) < 5)


def test_values_that_a_likelihood_cannot_have_are_found():
    skewed, counts = column_of(np.exp(1.5 * BASE)), column_of(RNG.poisson(2.0, 400))
    assert skewed.impossible(np.array([-5.0, 0.0, 1e-6, 3.0])).tolist() == [True, True, False, False]
    assert counts.impossible(np.array([-1.0, 1.5, 0.0, 99.0])).tolist() == [True, True, False, False]
    assert not column_of(BASE).impossible(np.array([-5.0])).any()
    below = skewed.low / 100  # the density below the smallest value is that of the logarithm
    np.testing.assert_allclose(skewed.to_model(np.array([below]))[0], (np.log(below) - skewed.centre) / skewed.scale)
    np.testing.assert_allclose(skewed.log_jacobian(np.array([below]))[0], -np.log(skewed.scale) - np.log(below))


def test_far_values_become_numbers_that_float32_can_work_with():
    assert column_of(BASE).to_model(np.array([1e20, -1e300])).tolist() == [1e4, -1e4]
    assert column_of(RNG.poisson(2.0, 400)).to_model(np.array([1e20])).tolist() == [1e9]


def test_draws_may_leave_the_range_that_was_seen_but_not_that_of_the_dtype():
    far = np.array([-1e30, 1e30])
    column = column_of(BASE)
    assert column.from_model(np.array([9.0]), seen_only=False)[0] > column.high
    assert column_of(RNG.integers(9, 250, 400).astype("uint8")).from_model(far, seen_only=False).tolist() == [0, 255]
    assert column_of(RNG.poisson(2.0, 400)).from_model(np.array([99.0]), seen_only=False).tolist() == [99]
    assert np.isfinite(column_of(BASE.astype("float32")).from_model(far, seen_only=False).astype("float32")).all()
    skewed = column_of(np.exp(1.5 * BASE)).from_model(far, seen_only=False)
    assert skewed.min() > 0
    assert np.isfinite(skewed).all()
    days = pd.Series(CHOICES["dates"][0])
    column = column_of(days)
    drawn = pd.to_datetime(column.from_model(np.array([-9.0, 9.0, *far]), seen_only=False), unit=column.unit)
    assert drawn[0] < days.min() < days.max() < drawn[1]
    assert (drawn == drawn.normalize()).all()


def test_names_ids_and_dates_as_text_are_warned_of():
    with pytest.warns(UserWarning, match=r"'a' has 50 categories in 60 observed cells.*names or ids"):
        column_of([f"{min(index, 49)}@mail" for index in range(60)])
    with pytest.warns(UserWarning, match=r"'a' holds dates as text, such as '2024-01-01'.*to_datetime"):
        assert column_of(["2024-01-01", "2024-01-02"] * 20).kind == "category"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        column_of(RNG.choice([f"city {index}" for index in range(50)], 400))


def test_ranges_of_times_are_readable():
    start = pd.Timestamp("2024-01-01 01:02:03.123456")
    assert column_of([start, start + pd.Timedelta("1h")]).range() == "2024-01-01T01:02:03 to 2024-01-01T02:02:03"
    assert column_of(pd.to_timedelta([1.5, 60], unit="h")).range() == "0 days 01:30:00 to 2 days 12:00:00"
