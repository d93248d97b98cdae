"""Data of several fields, tables of several kinds of columns, and what is missing in them."""

import re

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled

RNG = np.random.default_rng(0)
ROWS = 48
KIND = RNG.integers(0, 3, ROWS)
TABLE = np.stack(
    [KIND + 0.3 * RNG.standard_normal(ROWS), 1.0 - KIND + 0.3 * RNG.standard_normal(ROWS), KIND, KIND > 0], axis=1
).astype("float32")
IMAGES = np.clip(np.eye(3)[KIND][:, :, None, None] + 0.1 * RNG.random((ROWS, 3, 4, 1)), 0, 1).astype("float32")
CAPTIONS = np.stack([1 + KIND, 1 + KIND, np.where(KIND > 1, 0, 3)], axis=1)


def columns(**options):
    return kv.likelihoods.Columns([("gaussian", 2), (kv.likelihoods.Categorical(3), 1), ("bernoulli", 1)], **options)


def table_vae(**options):
    return kv.VAE(
        (4,), 2, likelihood=columns(**options), encoder=kv.encoders.MLP((8,)), decoder=kv.decoders.MLP((8,)), seed=0
    )


def fields_vae(**options):
    options = {
        "likelihood": {"image": "bernoulli", "caption": kv.likelihoods.Categorical(5, padding=0)},
        "encoder": {"image": kv.encoders.MLP((8,)), "caption": kv.encoders.GRU((4,))},
        "decoder": {"image": kv.decoders.MLP((8,)), "caption": kv.decoders.GRU((4,))},
        "seed": 0,
        **options,
    }
    return kv.VAE({"image": (3, 4, 1), "caption": (3,)}, 2, **options)


FIELDS = {"image": IMAGES, "caption": CAPTIONS}


@pytest.fixture(scope="module")
def joint():
    keras.utils.set_random_seed(0)
    vae = compiled(fields_vae(), keras.optimizers.Adam(0.02))
    return vae, vae.fit(FIELDS, epochs=12, verbose=0, validation_data=FIELDS).history


def test_fields_train(joint):
    _, history = joint
    assert history["loss"][-1] < history["loss"][0] - 0.5
    assert np.isfinite(history["val_loss"]).all()


def test_fields_come_back_as_fields(joint):
    vae, _ = joint
    for data in (vae.predict(FIELDS), vae.reconstruct(FIELDS, "sample", seed=0), vae.generate(ROWS, seed=0)):
        assert set(data) == set(FIELDS)
        assert data["image"].shape == (ROWS, 3, 4, 1)
        assert data["caption"].shape == (ROWS, 3)
        assert set(np.unique(data["caption"])) <= set(range(5))
    assert vae.encode(FIELDS).shape == (ROWS, 2)
    assert vae.decode(np.zeros((2, 2)))["image"].shape == (2, 3, 4, 1)
    called = vae({name: ops.convert_to_tensor(field) for name, field in FIELDS.items()})
    np.testing.assert_allclose(ops.convert_to_numpy(called["image"]), vae.predict(FIELDS)["image"], atol=1e-5)


def test_bounds_of_fields(joint):
    vae, _ = joint
    elbo = vae.elbo(FIELDS, num_samples=30, seed=0)
    assert vae.log_likelihood(FIELDS, num_samples=200, seed=0).mean() > elbo.mean() - 0.05
    terms = vae.terms({name: ops.convert_to_tensor(field) for name, field in FIELDS.items()}, seed=0)
    parts = terms.likelihood.log_prob_per_field(terms.target)
    total = sum(ops.convert_to_numpy(part) for part in parts.values())
    np.testing.assert_allclose(ops.convert_to_numpy(terms.log_likelihood)[:, 0], total, rtol=1e-5)


def test_fields_save(joint, tmp_path):
    vae, _ = joint
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.data_shape == vae.data_shape
    np.testing.assert_allclose(loaded.elbo(FIELDS, seed=0), vae.elbo(FIELDS, seed=0), rtol=1e-5)


def test_fields_get_default_networks():
    vae = kv.VAE(
        {"image": (8, 8, 1), "caption": (5,), "table": (4,), "label": (1,)},
        likelihood={
            "image": "bernoulli",
            "caption": kv.likelihoods.Categorical(5),
            "table": "gaussian",
            "label": kv.likelihoods.Categorical(3),
        },
    )
    names = {name: type(part).__name__ for name, part in vae.encoder.parts.items()}
    assert names == {"image": "Conv", "caption": "GRU", "table": "MLP", "label": "MLP"}


@pytest.mark.parametrize("form", ["dict with x", "dataset"])
def test_forms_of_fields(joint, form):
    vae, _ = joint
    if form == "dataset":

        class Batches(keras.utils.PyDataset):
            def __len__(self):
                return 3

            def __getitem__(self, index):
                return ({name: field[16 * index : 16 * (index + 1)] for name, field in FIELDS.items()},)

        data = Batches()
    else:
        data = {"x": FIELDS}
    np.testing.assert_allclose(vae.encode(data), vae.encode(FIELDS), atol=1e-5)
    assert np.isfinite(vae.evaluate(data, verbose=0, return_dict=True)["loss"])


WRONG = [
    (lambda: fields_vae().fit({"image": IMAGES}), [r"`x`", "caption", "image"]),
    (lambda: compiled(fields_vae()).fit({**FIELDS, "image": IMAGES * 9}), [r"x\['image'\]", r"\[0, 1\]"]),
    (lambda: compiled(fields_vae()).fit({**FIELDS, "image": IMAGES[:-1]}), [r"x\['caption'\]", "47", "48"]),
    (lambda: compiled(fields_vae()).fit({**FIELDS, "caption": CAPTIONS + 9}), [r"x\['caption'\]", r"\[0, 4\]"]),
    (lambda: compiled(fields_vae()).fit({**FIELDS, "image": IMAGES[:, :2]}), [r"x\['image'\]", r"\(batch, 3, 4, 1\)"]),
    (lambda: kv.VAE({"x": (3,)}), ["reserved", "'x'"]),
    (lambda: kv.VAE({}), ["`data_shape`"]),
    (lambda: kv.VAE({"a": (0,)}), ["data_shape"]),
    (lambda: fields_vae(prior="vamp"), ["VampPrior", "several fields|categorical"]),
    (lambda: fields_vae(likelihood={"image": "bernoulli"}), ["caption"]),
    (lambda: compiled(fields_vae()).generate(2, mode="mean"), ["mean", "caption"]),
    (lambda: compiled(table_vae()).fit(TABLE + np.array([[0, 0, 0, 9]])), [r"x\[\.\.\., 3\]", r"\[0, 1\]"]),
    (lambda: compiled(table_vae()).fit(TABLE + np.array([[0, 0, 0.5, 0]])), [r"x\[\.\.\., 2\]", "categories"]),
    (lambda: compiled(table_vae()).fit(np.where(TABLE > 1, np.nan, TABLE)), ["finite", "missing='nan'"]),
]


@pytest.mark.refusals
@pytest.mark.parametrize(("call", "words"), WRONG)
def test_wrong_fields_are_named(call, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call()

    for word in words:
        assert re.search(word, str(caught.value)), (word, str(caught.value))


def holes(share=0.3, seed=1):
    missing = np.random.default_rng(seed).random(TABLE.shape) < share
    return np.where(missing, np.nan, TABLE).astype("float32")


@pytest.fixture(scope="module")
def gaps():
    keras.utils.set_random_seed(0)
    vae = compiled(table_vae(missing="nan"), keras.optimizers.Adam(0.02))
    return vae, vae.fit(holes(), epochs=40, batch_size=16, verbose=0).history


def test_tables_with_holes_train(gaps):
    vae, history = gaps
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0] - 0.3
    filled = vae.reconstruct(holes())
    assert np.isfinite(filled).all()
    hidden = np.isnan(holes(seed=2)[:, :2])
    error = np.square(vae.reconstruct(holes(seed=2))[:, :2] - TABLE[:, :2])[hidden].mean()
    assert error < 0.8 * TABLE[:, :2].var(axis=0).mean()


def test_what_is_missing_counts_nowhere(gaps):
    """The density is that of the observed elements alone."""
    vae, _ = gaps
    terms = vae.terms(ops.convert_to_tensor(holes()), seed=0)
    total = 0.0
    for part, (first, last) in zip(terms.likelihood.parts, ((0, 2), (2, 3), (3, 4)), strict=True):
        full = part.elementwise_log_prob(ops.convert_to_tensor(TABLE[:, first:last]))
        seen = ~np.isnan(holes()[:, first:last])
        total = total + np.where(seen, ops.convert_to_numpy(full), 0.0).sum(axis=1)
    np.testing.assert_allclose(ops.convert_to_numpy(terms.log_likelihood)[:, 0], total, rtol=1e-4, atol=1e-5)


def test_a_field_says_that_nan_is_missing(tmp_path):
    field = kv.data.Field((4,), missing="nan")
    vae = compiled(kv.VAE(field, 2, likelihood="gaussian", encoder=kv.encoders.MLP((8,)), seed=0))
    history = vae.fit(holes(), verbose=0).history
    assert np.isfinite(history["loss"]).all()
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.spec == field
    np.testing.assert_allclose(loaded.elbo(holes(), seed=0), vae.elbo(holes(), seed=0), rtol=1e-5)
    np.testing.assert_allclose(vae.elbo(TABLE, seed=0), vae.elbo(TABLE.astype("float64"), seed=0), rtol=1e-5)


def test_a_whole_field_may_be_missing():
    spec = {"left": kv.data.Field((2,), missing="nan"), "right": kv.data.Field((2,), missing="nan")}
    vae = compiled(kv.VAE(spec, 2, likelihood={"left": "gaussian", "right": "gaussian"}, seed=0))
    left = np.where(np.arange(ROWS)[:, None] % 2, np.nan, TABLE[:, :2]).astype("float32")
    data = {"left": left, "right": TABLE[:, 2:]}
    assert np.isfinite(vae.fit(data, verbose=0).history["loss"]).all()
    assert np.isfinite(vae.predict(data)["left"]).all()
    with pytest.raises(ValueError, match=r"x\['left'\].*nothing but NaN"):
        vae.fit({**data, "left": np.full((ROWS, 2), np.nan, "float32")})


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(policy):
    vae = compiled(kv.VAE((4,), 2, likelihood=columns(missing="nan"), dtype=policy))
    assert np.isfinite(vae.fit(holes(), verbose=0).history["loss"]).all()
    vae = compiled(kv.VAE({"a": (2,), "b": (2,)}, likelihood={"a": "gaussian", "b": "gaussian"}, dtype=policy))
    assert np.isfinite(vae.fit({"a": TABLE[:, :2], "b": TABLE[:, 2:]}, verbose=0).history["loss"]).all()
