"""A table with columns of all kinds is filled, drawn and scored; what is no good is refused in words."""

import datetime

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_vae.tables import Subsets, VAETable

ROWS = 60
SMALL = {"max_steps": 3, "hidden_units": (8,), "num_samples": 16, "batch_size": 16, "random_state": 0}


def people(rows=ROWS):
    rng = np.random.default_rng(0)
    height = rng.normal(170.0, 10.0, rows)
    frame = pd.DataFrame(
        {
            "height": height,
            "income": np.exp(8 + 1.5 * rng.normal(size=rows)),
            "children": pd.array(rng.poisson(1.5, rows), dtype="Int64"),
            "city": rng.choice(["Ulm", "Bonn", "Kiel"], rows),
            "size": pd.Categorical(rng.choice(["S", "M", "L"], rows), categories=["S", "M", "L"], ordered=True),
            "tall": height > 170,
            "born": pd.Timestamp("1990-01-01", tz="Europe/Berlin") + pd.to_timedelta(rng.integers(0, 9000, rows), "D"),
            "key": rng.integers(2**60, 2**61, rows),
            "unit": np.full(rows, 2.5),
        },
        index=np.arange(100, 100 + rows),
    )
    for name in ("height", "income", "children", "city", "size", "born", "unit"):
        frame.loc[rng.random(rows) < 0.2, name] = None
    return frame


@pytest.fixture(scope="module")
def fitted():
    return VAETable(**SMALL).fit(people())


@pytest.mark.eager
def test_missing_cells_are_filled_and_observed_ones_kept(fitted):
    frame = people()
    frame.iloc[3] = pd.Series(dict.fromkeys(frame.columns) | {"tall": True, "key": 2**60, "unit": None})
    frame = frame.astype(people().dtypes)
    once = fitted.impute(frame)
    assert once["height"].between(frame["height"].min(), frame["height"].max()).all()
    for filled in (once, *fitted.impute(frame, 2, seed=0)):
        assert filled.dtypes.equals(frame.dtypes)
        assert filled.index.equals(frame.index)
        assert not filled.isna().any().any()
        pd.testing.assert_frame_equal(filled.where(frame.notna()), frame.where(frame.notna()), check_exact=True)
        assert filled["unit"].eq(2.5).all()


@pytest.mark.eager
def test_draws_differ_and_a_seed_fixes_them(fitted):
    frame = people()
    first, second = fitted.impute(frame, 2, seed=1)
    again = fitted.impute(frame, 2, seed=1)[0]
    assert not first.equals(second)
    assert first.equals(again)
    assert not first.equals(fitted.impute(frame, 1)[0])


@pytest.mark.eager
def test_new_rows_look_like_the_table(fitted):
    frame = people()
    made = fitted.sample(7, seed=0)
    assert made.dtypes.equals(frame.dtypes)
    assert list(made.columns) == list(frame.columns)
    assert len(made) == 7
    assert not made.isna().any().any()
    assert made["city"].isin(["Ulm", "Bonn", "Kiel"]).all()
    assert (made["born"] == made["born"].dt.normalize()).all() or made["born"].dt.minute.eq(0).all()
    assert made.equals(fitted.sample(7, seed=0))


@pytest.mark.eager
def test_given_cells_are_given(fitted):
    born = pd.Timestamp("2000-01-01", tz="Europe/Berlin")
    made = fitted.conditional_sample(
        {"height": 171.25, "city": ["Ulm", "Kiel"], "born": born, "tall": True, "children": (0, 3)}, 5, seed=0
    )
    assert made.dtypes.equals(people().dtypes)
    assert made["height"].eq(171.25).all()
    assert made["born"].eq(born).all()
    assert made["tall"].all()
    assert made["city"].isin(["Ulm", "Kiel"]).all()
    assert made["children"].between(0, 3).all()
    assert made.equals(
        fitted.conditional_sample(
            {"height": 171.25, "city": ["Ulm", "Kiel"], "born": born, "tall": True, "children": (0, 3)}, 5, seed=0
        )
    )


@pytest.mark.eager
def test_scores_count_observed_cells_only(fitted):
    frame = people()
    scores = fitted.score_samples(frame)
    assert scores.dtype == np.float64
    assert np.all(np.isfinite(scores))
    assert fitted.score(frame) == pytest.approx(scores.mean())
    nothing = frame.copy()
    for name in set(frame.columns) - {"tall", "key"}:
        nothing[name] = pd.Series([None] * ROWS, index=frame.index).astype(frame[name].dtype)
    without_tall = nothing.astype({"tall": "boolean"})
    without_tall["tall"] = pd.array([None] * ROWS, dtype="boolean")
    # of a column of 2^60 values a density of about 1 / 2^60
    assert np.all(np.abs(fitted.score_samples(without_tall) + 60 * np.log(2)) < 6)


@pytest.mark.on_torch
def test_units_change_the_density_by_the_jacobian():
    frame = people()[["height", "tall"]]
    small, large = (VAETable(**SMALL).fit(frame.assign(height=frame["height"] * factor)) for factor in (1.0, 1000.0))
    difference = small.score_samples(frame) - large.score_samples(frame.assign(height=frame["height"] * 1000.0))
    np.testing.assert_allclose(difference, np.where(frame["height"].isna(), 0.0, np.log(1000.0)), atol=1e-3)


@pytest.mark.eager
def test_every_kind_is_described(fitted):
    lines = fitted.describe().splitlines()
    assert lines[0].split()[:3] == ["column", "kind", "likelihood"]
    found = {line.split("  ")[0].strip(): line for line in lines[1:]}
    assert "log_normal" in found["income"]
    assert "poisson" in found["children"] or "negative_binomial" in found["children"]
    assert "S, M, L" in found["size"]
    assert "constant" in found["unit"]
    assert "1990" in found["born"]


@pytest.mark.eager
def test_polars_and_dicts_come_back_as_they_came():
    frame = people()[["height", "city", "tall"]]
    as_polars = pl.DataFrame({name: [None if pd.isna(value) else value for value in frame[name]] for name in frame})
    table = VAETable(**SMALL).fit(as_polars)
    assert list(table.feature_names_in_) == ["height", "city", "tall"]
    filled = table.impute(as_polars)
    assert isinstance(filled, pl.DataFrame)
    assert filled.schema == as_polars.schema
    assert filled.null_count().sum_horizontal().item() == 0
    assert table.sample(3).schema == as_polars.schema
    lists = as_polars.to_dict(as_series=False)
    as_lists = table.impute(lists)
    assert as_lists == filled.to_dict(as_series=False)
    missing = as_polars.with_columns(pl.lit(None).alias("height"))
    assert table.impute(missing)["height"].null_count() == 0


@pytest.mark.on_torch
@pytest.mark.parametrize("prior", ["mixture", "vamp"])
def test_other_priors(prior):
    x = np.random.default_rng(0).normal(size=(60, 3))
    x[::5, 0] = np.nan
    table = VAETable(2, prior=prior, posterior="gaussian", **SMALL).fit(x)
    assert np.isfinite(table.score(x))
    assert np.isfinite(table.impute(x)).all()
    assert table.sample(4).shape == (4, 3)
    assert table.conditional_sample({"x0": 0.5}, 4).shape == (4, 3)


@pytest.mark.on_torch
def test_unknown_categories_are_an_error_or_missing():
    frame = people()[["height", "city"]]
    table = VAETable(**SMALL).fit(frame)
    frame = frame.assign(city="Rom")
    with pytest.raises(
        ValueError, match=r"'city' has a value that was not there in `fit`, 'Rom' in row 100\..*'missing'"
    ):
        table.impute(frame)
    table.set_params(unknown_categories="missing")
    filled = table.impute(frame)
    assert filled["city"].eq("Rom").all()
    assert not filled["height"].isna().any()


@pytest.mark.eager
def test_an_empty_column_stays_so_and_an_empty_row_is_filled():
    frame = people()[["height", "city"]].assign(nothing=np.nan)
    table = VAETable(**SMALL).fit(frame)
    frame.iloc[0] = None
    filled = table.impute(frame)
    assert filled["nothing"].isna().all()
    assert not filled[["height", "city"]].isna().any().any()
    assert table.score_samples(frame)[0] == pytest.approx(0.0, abs=0.01)
    assert table.sample(2)["nothing"].isna().all()


@pytest.mark.on_torch
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_dim": 0}, "`latent_dim`"),
        ({"max_steps": 0}, "`max_steps`"),
        ({"posterior": "flow"}, "`posterior`"),
        ({"hidden_units": ()}, "`hidden_units`"),
        ({"num_samples": 0}, "`num_samples`"),
        ({"learning_rate": -1}, "`learning_rate`"),
        ({"validation_fraction": 1.0}, "`validation_fraction`"),
        ({"unknown_categories": "ignore"}, "`unknown_categories`"),
        ({"kinds": {"weight": "number"}}, r"`kinds`.*\['weight'\]"),
        ({"kinds": {"height": "text"}}, "`kinds`"),
        ({"likelihoods": {"tall": "poisson"}}, "`likelihoods`"),
        ({"likelihoods": "poisson"}, "`likelihoods`"),
    ],
)
def test_arguments_are_checked_in_fit(options, message):
    with pytest.raises(ValueError, match=message):
        VAETable(**options).fit(people())


@pytest.mark.on_torch
def test_tables_that_cannot_be_modelled_are_refused():
    with pytest.raises(ValueError, match="at least 2 rows"):
        VAETable().fit(people().iloc[:1])
    with pytest.raises(ValueError, match="whose observed values differ"):
        VAETable().fit(pd.DataFrame({"a": [1.0, 1.0], "b": [np.nan, np.nan]}))
    numbered = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)))  # names that are numbers are no names
    numbered.iloc[0, 1] = np.nan
    table = VAETable(**SMALL).fit(numbered)
    assert not hasattr(table, "feature_names_in_")
    assert not table.impute(numbered).isna().any().any()
    assert list(table.sample(2).columns) == [0, 1]
    with pytest.raises(TypeError, match=r"names.*astype\(str\)"):
        VAETable().fit(pd.DataFrame({"a": [1.0, 2.0], 3: [1.0, 2.0]}))


@pytest.mark.eager
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame[list(frame.columns)[::-1]], "same order"),
        (lambda frame: frame.drop(columns="city"), "now missing:\n- city"),
        (lambda frame: frame.assign(weight=1.0), "unseen at fit time:\n- weight"),
        (lambda frame: frame.assign(height="tall"), "'height' was a number.*'tall'"),
        (lambda frame: frame.assign(height=np.inf), "'height' contains infinity"),
        (lambda frame: frame.assign(born=1.0), "'born' was a date"),
    ],
)
def test_other_tables_than_the_fitted_one_are_refused(fitted, change, message):
    for method in (fitted.impute, fitted.transform, fitted.score_samples):
        with pytest.raises(ValueError, match=message):
            method(change(people()))


@pytest.mark.eager
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["height"], "must be a dict"),
        ({"weight": 3}, r"must name columns.*\['weight'\]"),
        ({"city": "Rom"}, "categories Bonn, Kiel, Ulm.*'Rom'"),
        ({"height": "tall"}, "is a number"),
        ({"height": float("nan")}, "is a number"),
        ({"city": ("Bonn", "Ulm")}, "tuple is a range"),
        ({"tall": 3}, "is a boolean"),
        ({"height": (1e6, None)}, "Widen them"),
    ],
)
def test_conditions_are_checked(fitted, given, message):
    with pytest.raises(ValueError, match=message):
        fitted.conditional_sample(given, 2)


@pytest.mark.on_torch
def test_dates_of_other_units_and_objects():
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(int(day)) for day in np.arange(40)]
    frame = pd.DataFrame({"day": np.array(days, dtype=object), "x": np.arange(40.0)})
    table = VAETable(**SMALL).fit(frame)
    frame.loc[0, "day"] = None
    assert isinstance(table.impute(frame)["day"][0], datetime.date)
    assert isinstance(table.sample(2)["day"][0], datetime.date)
    fine = pd.DataFrame({"day": pd.to_datetime(days).astype("datetime64[ns]"), "x": np.arange(40.0)})
    table = VAETable(**SMALL).fit(fine)
    coarse = fine.astype({"day": "datetime64[s]"})
    np.testing.assert_allclose(table.score_samples(fine), table.score_samples(coarse))
    coarse.loc[0, "day"] = None
    filled = table.impute(coarse)
    assert filled["day"].dtype == "datetime64[s]"
    assert filled["day"].between(*fine["day"].agg(["min", "max"])).all()


def test_a_loss_of_subsets_counts_what_is_left():
    import keras_vae as kv

    columns = kv.likelihoods.Columns([("gaussian", 3)], missing="nan")
    all_hidden = Subsets(share=1.0)
    vae = kv.VAE((3,), 2, likelihood=columns, objective=all_hidden, seed=0)
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    terms = vae.training_terms(vae.batch(x), training=False)
    plain = keras.ops.convert_to_numpy(all_hidden.loss(terms))
    whole = keras.ops.convert_to_numpy(kv.objectives.ELBO().loss(terms))
    np.testing.assert_allclose(plain, whole, rtol=1e-5)
    kept = keras.ops.convert_to_numpy(all_hidden._kept((4096, 3), keras.random.SeedGenerator(0)))
    each = kept.mean(axis=1)
    assert abs(kept.mean() - 0.5) < 0.03
    assert (each == 0).mean() == pytest.approx(0.25, abs=0.04)  # of a uniform rate: E[rate^3] = 1/4
    with pytest.raises(ValueError, match="`share`"):
        Subsets(share=2.0)


def test_a_dependence_is_learned():
    rng = np.random.default_rng(0)
    z = rng.normal(size=600)
    frame = pd.DataFrame({"a": z + 0.2 * rng.normal(size=600), "b": -z + 0.2 * rng.normal(size=600), "c": z > 0})
    holes = frame.copy()
    holes.loc[:99, "a"] = np.nan
    table = VAETable(2, max_steps=99, hidden_units=(16,), learning_rate=2e-2, random_state=0).fit(holes)
    error = table.impute(holes)["a"][:100] - frame["a"][:100]
    assert np.sqrt(np.mean(error**2)) < 0.45  # the best possible is 0.28, that of the mean 1
    assert table.conditional_sample({"a": 1.5}, 200, seed=0)["c"].mean() > 0.8


@pytest.mark.eager
@pytest.mark.parametrize("missing", [None, float("nan")])
def test_columns_without_any_value_get_the_dtype_of_fit(fitted, missing):
    frame = people()
    row = pd.DataFrame([dict.fromkeys(frame.columns, missing) | {"key": 2**60, "tall": True, "height": 170.0}])
    for filled in (fitted.impute(row), fitted.impute(row, 1, seed=0)[0]):
        assert isinstance(filled["born"][0], pd.Timestamp)
        assert filled["born"].dtype == frame["born"].dtype
        assert filled["size"].dtype == frame["size"].dtype
        assert filled["city"][0] in ("Ulm", "Bonn", "Kiel")
        assert not filled.isna().any().any()
    nothing = {name: [None] for name in frame.columns} | {"key": [2**60], "tall": [True]}
    with pytest.raises(ValueError, match=r"'born' was a date.*cannot hold one"):
        fitted.impute(nothing | {"born": np.array([np.nan])})


@pytest.mark.eager
def test_a_zone_is_kept_to(fitted):
    frame = people()
    with pytest.raises(ValueError, match=r"'born' held times with a time zone.*tz_localize"):
        fitted.impute(frame.assign(born=frame["born"].dt.tz_localize(None)))


@pytest.mark.eager
def test_names_that_are_numbers_are_compared_too():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=[3, 7])
    table = VAETable(**SMALL).fit(frame)
    with pytest.raises(ValueError, match="same order"):
        table.score_samples(frame[[7, 3]])
    with pytest.raises(ValueError, match="unseen at fit time:\n- 8"):
        table.score_samples(frame.rename(columns={7: 8}))
    assert np.isfinite(table.score_samples(frame.to_numpy())).all()


@pytest.mark.eager
def test_values_that_no_column_can_have_are_impossible(fitted):
    frame = people().dropna().iloc[:1]
    frames = [frame.assign(income=income) for income in (-5.0, 0.0, 1e-3, 1.0)]
    scores = fitted.score_samples(pd.concat(frames))
    assert np.isneginf(scores).tolist() == [True, True, False, False]
    assert scores[2] < scores[3]
    assert np.isneginf(fitted.score_samples(frame.assign(children=-1)))[0]
    assert fitted.impute(frame.assign(income=-5.0))["income"].tolist() == [-5.0]


@pytest.mark.eager
def test_far_values_are_hopeless_and_never_nan():
    x = np.random.default_rng(0).normal(size=(60, 2))
    table = VAETable(**SMALL).fit(x)
    scores = table.score_samples([[0.0, 0.0], [30.0, 0.0], [1e6, 0.0], [1e12, 0.0], [1e300, -1e300]])
    assert np.isfinite(scores).all()
    assert scores[0] > scores[1] + 100 > scores[2] + 1e6
    assert scores[3:].max() < -1e6
    filled = table.impute([[1e20, np.nan], [np.nan, -1e300]])
    assert np.isfinite(filled).all()
    assert filled[0, 0] == 1e20
    with pytest.warns(UserWarning, match="lies outside"):
        assert np.isfinite(table.conditional_sample({"x0": 1e39}, 3)).all()
    assert table.score_samples([[np.nan, np.nan]])[0] == 0.0


@pytest.mark.eager
def test_draws_leave_the_range_in_fit():
    x = np.random.default_rng(0).uniform(size=(60, 2))
    drawn = VAETable(**SMALL).fit(x).sample(500, seed=0)
    assert (drawn == x.min(axis=0)).sum() == 0
    assert (drawn < x.min(axis=0)).any()
