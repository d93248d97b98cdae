"""Bad input is refused in words, or follows a rule that is documented."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array

from keras_vae.anomaly import VAEDetector
from keras_vae.anomaly.rows import kind_of

X = np.random.default_rng(0).normal(size=(30, 3))
OPTIONS = {"max_steps": 2, "num_models": 1, "num_samples": 2, "random_state": 0}


def detector(**options):
    return VAEDetector(**{**OPTIONS, **options})


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("score_function", "likelihood"),
        ("contamination", 0.7),
        ("contamination", 0),
        ("contamination", "some"),
        ("kind", "sound"),
        ("num_models", 0),
        ("num_samples", 1.5),
        ("max_steps", -1),
        ("batch_size", 0),
        ("latent_dim", "16"),
        ("patience", None),
        ("learning_rate", 0.0),
        ("validation_fraction", 1.0),
        ("validation_fraction", -0.1),
    ],
)
def test_arguments(argument, value):
    with pytest.raises(ValueError, match=rf"Argument `{argument}` must .*Received: .*{argument}="):
        detector(**{argument: value}).fit(X)


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.where(np.arange(3) == 1, np.nan, X), "NaN"),
        (np.where(np.arange(3) == 1, np.inf, X), "infinity"),
        (X[:1], "minimum of 2"),
        (X[:, 0], "Expected 2D array"),
        (csr_array(X), "[Ss]parse"),
        (np.array([["a", "b"], ["c", "d"]]), "could not convert|numeric"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}), r"column 'b'. Received: 'x'.*VAETable, whose score_samples"),
        (pl.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}), "column 'b'. Received: 'x'"),
        (pd.DataFrame({"day": pd.date_range("2024-01-01", periods=3)}), r"column 'day'. Received: datetime64"),
        (pd.DataFrame({"a": [1.0, 2.0, 3.0], "day": pd.date_range("2024-01-01", periods=3)}), "column 'day'"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, np.nan]}), r"1 NaN in column 'b'. With VAEDetector\(allow_nan=True"),
        (X * 1e200, "squares are finite"),
        (np.zeros((4, 2, 2, 2, 2)), "must be a table"),
    ],
)
def test_rows(x, message):
    with pytest.raises((ValueError, TypeError), match=message):
        detector().fit(x)


@pytest.mark.refusals
def test_empty_rows_and_columns():
    column, row = X.copy(), X.copy()
    column[:, 2], row[4] = np.nan, np.nan
    with pytest.raises(ValueError, match=r"a value in every column. Received: only NaN in column 2"):
        detector(allow_nan=True).fit(column)
    with pytest.raises(ValueError, match=r"a value in every row. Received: only NaN in row 4"):
        detector(allow_nan=True).fit(row)


def test_other_columns_and_shapes():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    fitted = detector().fit(frame)
    assert list(fitted.feature_names_in_) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame.rename(columns={"b": "z"}))
    with pytest.raises(ValueError, match="features"):
        fitted.predict(X[:, :2])
    series = detector().fit(np.zeros((10, 4, 2)) + np.arange(10)[:, None, None])
    with pytest.raises(ValueError, match=r"the shape of those in `fit`, \(4, 2\). Received: rows of shape \(4, 3\)"):
        series.predict(np.zeros((2, 4, 3)))


@pytest.mark.refusals
def test_reordered_columns_whose_names_are_no_text():
    frame = pd.DataFrame(X, columns=[3, 1, 2])
    fitted = detector().fit(frame)
    with pytest.raises(
        ValueError, match=r"in their order. Expected \[3, 1, 2\]. Received: \[1, 2, 3\]. .*X\[\[3, 1, 2\]\]"
    ):
        fitted.score_samples(frame[[1, 2, 3]])
    np.testing.assert_array_equal(fitted.score_samples(frame), fitted.score_samples(X))
    fitted.fit(X).score_samples(frame[[1, 2, 3]])  # an array has no order to compare with


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("kind", "shape", "message"),
    [
        ("series", (50,), r"one signal. Cut it into windows: numpy.lib.stride_tricks.sliding_window_view\(X, 64\)"),
        ("series", (10, 5), r"X\[..., None\]"),
        ("image", (10, 4), r"X.reshape\(-1, height, width\)"),
        ("table", (10, 4, 2), r"X.reshape\(len\(X\), -1\)"),
    ],
)
def test_remedies_for_shapes(kind, shape, message):
    with pytest.raises(ValueError, match=message):
        detector(kind=kind).fit(np.zeros(shape))


@pytest.mark.refusals
def test_steps_are_called_steps():
    x = np.random.default_rng(0).normal(size=(12, 8, 1))
    fitted = detector().fit(x)
    for rows, message in [
        (x[:, :6], r"\(8, 1\). Received: rows of shape \(6, 1\). They have 6 steps in place of 8"),
        (x[:, :6].tolist(), "They have 6 steps in place of 8"),
        (x[..., 0], r"X\[..., None\]"),
        (x[0], r"X\[None\]"),
    ]:
        with pytest.raises(ValueError, match=message):
            fitted.score_samples(rows)


@pytest.mark.on_torch
def test_an_axis_for_one_channel_may_be_there_or_not():
    x = np.random.default_rng(0).integers(0, 255, (12, 6, 5), "uint8")
    plain, channel = detector().fit(x), detector().fit(x[..., None])
    expected = plain.score_samples(x)
    np.testing.assert_array_equal(plain.score_samples(x[..., None]), expected)
    np.testing.assert_array_equal(channel.score_samples(x), expected)
    with pytest.raises(ValueError, match="Cut or resize"):
        plain.score_samples(x[:, :5])


@pytest.mark.on_torch
def test_other_units_than_those_of_fit():
    x = np.random.default_rng(0).integers(0, 255, (12, 6, 5), "uint8")
    fitted = detector().fit(x)
    with pytest.warns(UserWarning, match=r"vary 25. times less than the training rows.*0 to 255"):
        fitted.score_samples(x / 255.0)
    with pytest.warns(UserWarning, match="times more than the training rows"):
        detector(kind="image").fit(x / 255.0).score_samples(x)
    table = detector().fit(X)
    with pytest.warns(UserWarning, match="times less"):
        table.score_samples(X / 1000.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fitted.score_samples(x // 255 + np.uint8(3))  # dark, but nobody has divided it
        fitted.score_samples(x)
        fitted.score_samples(x.astype("float32"))
        table.score_samples(X[:2] / 1000.0)
        table.score_samples(np.repeat(X[:1], 12, axis=0))


@pytest.mark.on_torch
def test_large_offsets_are_no_constants():
    rng = np.random.default_rng(0)
    x = np.stack([1.7e9 + rng.uniform(-1000, 1000, 200), 3e6 + rng.normal(size=200), np.full(200, 0.1)], axis=1)
    fitted = detector().fit(x)
    np.testing.assert_allclose(fitted.standardisation_.spread, [*x[:, :2].std(axis=0), 1.0])
    np.testing.assert_allclose(fitted.standardisation_.centre, x.mean(axis=0))
    np.testing.assert_allclose(fitted.prepare(x).std(axis=0), [1.0, 1.0, 0.0], rtol=1e-5)
    small = rng.integers(-50, 50, (200, 1))
    large = detector().fit(2**60 + small)
    np.testing.assert_array_equal(large.prepare(2**60 + small), detector().fit(small).prepare(small))
    rounded = (1 / 3 * np.ones((50, 1)) + 1e-16 * rng.integers(0, 2, (50, 1))).astype("float32")
    assert detector().fit(np.nextafter(rounded, np.float32(1), dtype="float32")).standardisation_.spread == 1.0


@pytest.mark.on_torch
def test_constant_columns_keep_their_units():
    x = X.copy()
    x[:, 1] = 7.0
    fitted = detector().fit(x)
    assert fitted.standardisation_.spread[1] == 1.0
    np.testing.assert_array_equal(fitted.prepare(x)[:, 1], 0.0)
    x[0, 1] = 9.0
    assert fitted.prepare(x)[0, 1] == 2.0
    assert np.isfinite(fitted.score_samples(np.full((1, 3), 1e300))).all()


def test_missing_values_count_as_usual():
    holes = np.random.default_rng(1).random(X.shape) < 0.1
    fitted = detector(allow_nan=True, max_steps=60).fit(np.where(holes, np.nan, X))
    x = X[:5].copy()
    x[:, 1] = np.nan
    shares = fitted.explain(x)
    np.testing.assert_array_equal(shares[:, 1], 0.0)
    # A row without any value: the usual log-likelihood, and a KL.
    empty = fitted.score_samples(np.full((1, 3), np.nan))[0]
    assert empty <= fitted.weights_ @ [usual.sum() for usual in fitted.usual_] + 1e-3
    assert abs(fitted.score_samples(x).mean() - fitted.score_samples(X[:5]).mean()) < 3.0


@pytest.mark.on_torch
def test_kinds_of_rows():
    grey = np.random.default_rng(0).integers(0, 255, (12, 6, 5), "uint8")
    assert detector().fit(grey).standardisation_.kind == "image"
    assert detector().fit(grey.astype("float32")).standardisation_.kind == "series"
    square = np.random.default_rng(0).random((12, 16, 16))
    assert kind_of(square, "auto") == kind_of((255 * square).astype(int), "auto") == "image"
    assert kind_of(square - 0.5, "auto") == kind_of(square[:, 1:], "auto") == "series"
    assert detector(kind="image").fit(grey / 255.0).vae_.data_shape == (6, 5, 1)
    large = np.random.default_rng(0).integers(0, 255, (12, 16, 16, 3), "uint8")
    fitted = detector(kind="image").fit(large)
    assert type(fitted.vae_.encoder).__name__ == "Conv"
    assert fitted.explain(large[:2]).shape == (2, 16, 16, 3)
    with pytest.raises(ValueError, match="kind='table'"):
        detector(kind="table").fit(grey)
