"""Where a scale starts, and what bounds it: the spread of the target, without what counts nowhere."""

import warnings

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.models.adaptation import adapt_components
from tests.models.small import Batches, compiled

RNG = np.random.default_rng(0)
CLEAN = RNG.normal(size=(400, 3)).astype("float32")


def vae_of(likelihood="gaussian", data_shape=(3,), **kwargs):
    options = {"encoder": kv.encoders.MLP((4,)), "decoder": kv.decoders.MLP((4,)), **kwargs}
    return compiled(kv.VAE(data_shape, 1, likelihood=likelihood, seed=0, **options), keras.optimizers.SGD(0.0))


def started_at(vae, x, y=None, sample_weight=None):
    """The scale after what `fit` does before the first step."""
    adapt_components(vae, *vae.checks.check_fit(x, y, sample_weight), sample_weight)
    return vae.likelihood.current_scale()


@pytest.mark.on_torch
@pytest.mark.parametrize("form", ["arrays", "stream"])
def test_a_scale_starts_at_the_spread_of_the_target(form):
    noisy = CLEAN + 10.0 * RNG.normal(size=CLEAN.shape).astype("float32")
    pairs = [(noisy[:100], CLEAN[:100]), (noisy[100:], CLEAN[100:])]
    data = (noisy, CLEAN) if form == "arrays" else (Batches(*pairs),)
    vae = vae_of()
    vae.fit(*data, verbose=0, **({"batch_size": 400} if form == "arrays" else {}))
    assert vae.likelihood.current_scale() == pytest.approx(CLEAN.std(), rel=1e-3)


@pytest.mark.on_torch
@pytest.mark.parametrize("how", ["mask", "nan", "weights", "both"])
def test_a_scale_starts_without_what_counts_nowhere(how):
    series = RNG.normal(size=(300, 4, 2)).astype("float32")
    series[:, 3] = 100.0
    missing = "nan" if how in ("nan", "both") else None
    vae = vae_of(data_shape=kv.data.Field((4, 2), missing=missing))
    data, options = series, {}
    if how == "nan":
        data = np.where(np.arange(4)[:, None] == 3, np.nan, series).astype("float32")
    if how == "both":
        data = np.where(np.arange(2) == 1, np.nan, series).astype("float32")
    if how in ("mask", "both"):
        data = {"x": data, "mask": np.tile(np.arange(4) < 3, (300, 1))}
    if how == "weights":
        data = np.concatenate([series[:, :3], series[:, :1]], axis=1)
        data[200:] = 100.0
        options = {"sample_weight": np.repeat([1.0, 0.0], [200, 100]).astype("float32")}
    assert started_at(vae, data, **options) == pytest.approx(1.0, rel=0.1)


def test_every_field_starts_without_its_own_padding():
    series = np.concatenate([RNG.normal(size=(200, 2, 1)), np.full((200, 2, 1), 50.0)], axis=1).astype("float32")
    vae = kv.VAE({"series": (4, 1), "table": (3,)}, 1, likelihood={"series": "gaussian", "table": "gaussian"}, seed=0)
    x = {"series": series, "table": 3.0 * CLEAN[:200]}
    adapt_components(vae, {"x": x, "mask": {"series": np.tile(np.arange(4) < 2, (200, 1))}})
    assert vae.likelihood.parts["series"].current_scale() == pytest.approx(1.0, rel=0.1)
    assert vae.likelihood.parts["table"].current_scale() == pytest.approx(3.0, rel=0.1)


def nearly_constant(rows=400):
    """Three columns of spread one, and one that hardly varies, between them."""
    return np.insert(CLEAN[:rows], 1, 1e-3 * CLEAN[:rows, 0], axis=1)


@pytest.mark.parametrize("name", ["Gaussian", "Laplace", "StudentT"])
def test_a_column_that_hardly_varies_is_named_and_its_scale_bounded(name):
    data = nearly_constant()
    likelihood = getattr(kv.likelihoods, name)(scale="predicted")
    likelihood.build((None, 4), (4,))
    likelihood.adapt(data)
    far_below = {"loc": keras.ops.zeros((1, 4)), "log_var": keras.ops.zeros((1, 4)) - 50.0}
    log_var = float(keras.ops.convert_to_numpy(likelihood.log_var_of(far_below))[0, 1])
    bound = 0.2 * np.sqrt(likelihood.squared_scale * data.var(axis=0).mean())
    assert np.exp(0.5 * log_var) == pytest.approx(bound, rel=1e-3)
    assert likelihood.doubts(data)[0].startswith("Argument `x`: 1 of 4 elements hardly vary: x[:, 1].")
    assert likelihood.doubts(CLEAN) == []


@pytest.mark.on_torch
def test_fit_warns_once_of_a_column_that_hardly_varies():
    vae = vae_of(kv.likelihoods.Gaussian(scale="predicted"), (4,))
    with pytest.warns(UserWarning, match=r"1 of 4 elements hardly vary: x\[:, 1\]\..*min_relative_scale"):
        vae.fit(nearly_constant(), verbose=0, batch_size=400)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        vae.fit(nearly_constant(), verbose=0, batch_size=400)


@pytest.mark.on_torch
def test_columns_that_hardly_vary_are_named_in_fields_and_tables():
    data = nearly_constant()
    columns = kv.likelihoods.Columns([("bernoulli", 1), (kv.likelihoods.Gaussian(scale="predicted"), 4)])
    table = np.concatenate([np.ones((400, 1)), data], axis=1)
    assert any("x[:, 2]. Their" in doubt for doubt in columns_doubts(columns, table))
    joint = kv.likelihoods.Joint({"table": kv.likelihoods.Gaussian(scale="predicted"), "label": "bernoulli"})
    joint.build((None, 4), {"table": (4,), "label": (1,)})
    found = joint.doubts({"table": data, "label": np.ones((400, 1))})
    assert len(found) == 1
    assert "Argument `x['table']`: 1 of 4 elements hardly vary: x['table'][:, 1]." in found[0]


def columns_doubts(columns, table):
    columns.build((None, 4), (5,))
    return columns.doubts(table)


def test_the_bound_is_saved_and_older_configs_have_none(tmp_path):
    vae = vae_of(kv.likelihoods.Gaussian(scale="predicted", min_relative_scale=0.3))
    vae.fit(CLEAN, verbose=0, batch_size=400)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.likelihood.lowest_log_var, vae.likelihood.lowest_log_var)
    np.testing.assert_allclose(loaded.elbo(CLEAN[:5], seed=0), vae.elbo(CLEAN[:5], seed=0), rtol=1e-6)
    config = vae.likelihood.get_config()
    assert config.pop("min_relative_scale") == 0.3
    older = kv.likelihoods.Gaussian.from_config(config)
    older.build((None, 4), (3,))
    assert older.min_relative_scale == 0.0
    assert [weight.name for weight in older.non_trainable_weights] == ["initial_log_var", "adapted"]


def test_a_learned_scale_for_each_feature():
    series = (RNG.normal(size=(500, 4, 2)) * [0.5, 3.0]).astype("float32")
    likelihood = kv.likelihoods.Gaussian(scale="learned_per_feature")
    likelihood.build((None, 4, 8), (4, 2))
    likelihood.adapt(series)
    np.testing.assert_allclose(likelihood.current_scale(), series.std(axis=(0, 1)), rtol=1e-3)
    likelihood.log_var.assign([0.0, 0.1])  # each moves by itself
    variance = likelihood.distribution({"loc": keras.ops.zeros((5, 4, 2))}).variance()
    expected = np.broadcast_to(series.var(axis=(0, 1)) * [1.0, np.e], (5, 4, 2))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variance), expected, rtol=1e-3)
    shared = kv.likelihoods.Gaussian()
    shared.build((None, 4, 8), (4, 2))
    shared.adapt(series)
    assert shared.current_scale() == pytest.approx(series.std(), rel=1e-3)
    assert shared.log_var.shape == ()


@pytest.mark.parametrize("name", ["Gaussian", "Laplace", "StudentT", "LogNormal"])
def test_a_fixed_scale_for_each_feature(name, tmp_path):
    scale = np.array([[0.5], [2.0]], "float32")  # for each of two steps
    likelihood = getattr(kv.likelihoods, name)(scale=scale)
    likelihood.build((None, 4), (3, 2, 2))
    p = likelihood.distribution({"loc": keras.ops.zeros((5, 3, 2, 2))})
    log_scale = 0.5 * p.log_var if hasattr(p, "log_var") else p.log_scale
    expected = np.broadcast_to(np.log(scale), (3, 2, 2))
    np.testing.assert_allclose(np.broadcast_to(keras.ops.convert_to_numpy(log_scale), (3, 2, 2)), expected, rtol=1e-5)
    again = type(likelihood).from_config(likelihood.get_config())
    np.testing.assert_allclose(again.current_scale(), scale)
    vae = kv.VAE((2,), 1, likelihood=getattr(kv.likelihoods, name)(scale=[0.5, 2.0]), seed=0)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.exp(CLEAN[:4, :2])
    np.testing.assert_allclose(loaded.elbo(x, seed=0), vae.elbo(x, seed=0), rtol=1e-5)


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("scale", "data_shape", "message"),
    [
        ([0.5, 2.0], (3,), r"`scale`.*broadcasts to the last axes.*\(3,\).*\(2,\)"),
        ([[0.5, 2.0]], (2,), r"`scale`.*broadcasts to the last axes"),
        ([0.5, -1.0], (2,), r"`scale` must be a finite number > 0.*-1.0"),
        ("each", (2,), r"`scale` must be one of.*learned_per_feature.*each"),
    ],
)
def test_scales_that_fit_nothing_are_refused(scale, data_shape, message):
    with pytest.raises(ValueError, match=message):
        kv.likelihoods.Gaussian(scale=scale).build((None, 4), data_shape)


@pytest.mark.on_torch
@pytest.mark.parametrize("scale", [10.0, [10.0, 10.0, 20.0]])
def test_a_fixed_scale_above_the_spread_of_the_data_warns(scale):
    with pytest.warns(UserWarning, match="the fixed scale of the likelihood is .* will collapse"):
        vae_of(kv.likelihoods.Gaussian(scale=scale)).fit(CLEAN, verbose=0, batch_size=400)
    vae = vae_of(kv.likelihoods.Gaussian(scale=scale))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        # One wide direction is enough, and a generator is neither read nor refused.
        vae_of(kv.likelihoods.Gaussian(scale=1.5)).fit(CLEAN[:, :1] * np.ones(3, "float32"), verbose=0)
        vae.fit(((CLEAN,) for _ in range(2)), steps_per_epoch=1, shuffle=False, verbose=0)
