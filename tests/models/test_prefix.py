"""Sequences, images and fields that are given in part: what is given stays, and the rest follows from it."""

import functools
import re

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled
from tests.networks.test_autoregressive import Raster, Triangular

RNG = np.random.default_rng(0)
TOKENS = kv.likelihoods.Categorical
WORDS = RNG.integers(2, 7, (4, 6))
LENGTHS = (3, 1, 6, 4)


def moved(vae):
    """The model with weights that make every step matter."""
    rng = np.random.default_rng(1)
    for weight in vae.trainable_weights:
        weight.assign(ops.convert_to_numpy(weight) + 0.4 * rng.standard_normal(weight.shape).astype("float32"))
    return vae


def of_tokens(decoder, **options):
    options = {"likelihood": TOKENS(7, padding=0, end=1), "encoder": kv.encoders.GRU((4,)), "seed": 0, **options}
    return moved(kv.VAE((None,), 3, decoder=decoder, **options))


def of_series(decoder, shape=(5, 2), **options):
    return moved(kv.VAE(shape, 3, decoder=decoder, encoder=kv.encoders.GRU((4,)), likelihood="gaussian", **options))


class TakesCondition(kv.decoders.Autoregressive):
    """A decoder that reads the condition by name, so that the loop calls it on the whole prefix."""

    def build(self, z_shape, target_shape=None):
        super().build(z_shape, target_shape)
        self.dense = keras.layers.Dense(4)
        self.dense.build((None, z_shape[-1] + target_shape[-1] + self.condition_width))

    def call(self, z, target=None, mask=None, training=None, condition=None):
        before = ops.cumsum(kv.layers.shift_right(target), axis=1)
        rows = ops.concatenate([z, condition], axis=-1)[:, None]
        return self.dense(ops.concatenate([before, rows + ops.zeros_like(before[..., :1])], axis=-1))

    def compute_output_shape(self, z_shape, target_shape=None):
        return (z_shape[0], self.target_shape[0], 4)


MODELS = {
    "gru": lambda: of_tokens(kv.decoders.GRU((5,))),
    "lstm": lambda: of_tokens(kv.decoders.LSTM((5,))),
    "tcn": lambda: of_tokens(kv.decoders.TCN((4, 4))),
    "transformer": lambda: of_tokens(kv.decoders.Transformer(width=4, blocks=1, heads=2)),
    "no state": lambda: kv.VAE((5, 2), 3, decoder=Triangular(), encoder=kv.encoders.MLP((4,)), likelihood="gaussian"),
    "condition": lambda: of_series(TakesCondition(), condition_shape=(2,)),
    "markov": lambda: moved(
        kv.VAE(
            (None, 2),
            latents=kv.latents.Markov(2),
            decoder=kv.decoders.GRU((4,)),
            encoder=kv.encoders.GRU((4,), return_sequences=True),
            likelihood="gaussian",
        )
    ),
    "raster": lambda: kv.VAE((3, 2, 2), 3, decoder=Raster(), encoder=kv.encoders.MLP((4,))),
    "pixel_cnn": lambda: moved(
        kv.VAE(
            (3, 4, 1),
            3,
            decoder=kv.decoders.PixelCNN(3, 1, network=kv.decoders.MLP((4,))),
            encoder=kv.encoders.MLP((4,)),
            likelihood=TOKENS(4, ordered=True),
        )
    ),
    "one pass": lambda: of_series(kv.decoders.GRU((4,), autoregressive=False)),
    "mlp": lambda: of_series(kv.decoders.MLP((4,))),
}


@functools.cache
def model(name):
    keras.utils.set_random_seed(0)
    return MODELS[name]()


def asked(vae, mode="mode"):
    """Latents and the other arguments of `decode`."""
    length = 5 if vae.time_steps is None else None
    z = RNG.standard_normal((4, *(5 if axis is None else axis for axis in vae.latents.level_shapes()[0])))
    condition = None if vae.condition_shape is None else RNG.random((4, 2)).astype("float32")
    return z.astype("float32"), {"condition": condition, "length": length, "mode": mode, "seed": 3}


@pytest.mark.parametrize("mode", ["sample", pytest.param("mode", marks=pytest.mark.on_torch)])
@pytest.mark.parametrize("name", MODELS)
def test_what_follows_is_what_followed(name, mode):
    """A decoded sequence, given in part, goes on as it did, whatever was decoded of it: the state is the same."""
    vae = model(name)
    z, options = asked(vae, mode)
    whole = vae.decode(z, **options)
    steps = whole.shape[1]
    mask = np.arange(steps) < np.array([1, 2, steps, 0])[:, None]
    # What does not count may be anything.
    hidden = np.where(mask.reshape(*mask.shape, *[1] * (whole.ndim - 2)), whole, 2)
    for given in ({"prefix": whole[:, : steps // 2]}, {"prefix": hidden, "prefix_mask": mask}):
        again = vae.decode(z, **options, **given)
        np.testing.assert_allclose(again, whole, atol=1e-5)


@pytest.mark.on_torch
@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("one pass", "mlp")])
def test_the_first_step_of_its_own_is_that_of_teacher_forcing(name):
    """Behind any prefix, the next step is the mode of p(x_t | x_<t, z) as training computes it."""
    vae = model(name)
    z, options = asked(vae)
    shape = (4, *(5 if axis is None else axis for axis in vae.data_shape))
    x = RNG.integers(2, 4, shape) if TOKENS is type(vae.likelihood) else RNG.random(shape).astype("float32")
    given = 1 if len(shape) == 4 else 3
    decoded = vae.decode(z, prefix=x[:, :given], **options)
    np.testing.assert_array_equal(decoded[:, :given], x[:, :given])
    tensors = {"x": x} if options["condition"] is None else {"x": x, "condition": options["condition"]}
    expected = ops.convert_to_numpy(vae.terms(tensors).decode(ops.convert_to_tensor(z)).mode())
    first = (slice(None), given, 0) if len(shape) == 4 else (slice(None), given)
    np.testing.assert_allclose(decoded[first], expected[first], atol=1e-5)


def test_a_decoder_of_one_pass_keeps_its_own_steps():
    vae = model("one pass")
    z, options = asked(vae)
    whole, x = vae.decode(z, **options), RNG.random((2, 2))
    again = vae.decode(z, prefix=x, **options)
    np.testing.assert_allclose(again[:, :2], np.broadcast_to(x, (4, 2, 2)), atol=1e-6)
    np.testing.assert_array_equal(again[:, 2:], whole[:, 2:])


@pytest.mark.on_torch
def test_forms_of_a_prefix():
    vae = model("gru")
    z = RNG.standard_normal((4, 3))
    rows = [row[:length] for row, length in zip(WORDS, LENGTHS, strict=True)]
    padded = np.where(np.arange(6) < np.array(LENGTHS)[:, None], WORDS, 0)
    as_list = vae.decode(z, prefix=rows, length=8)
    np.testing.assert_array_equal(as_list, vae.decode(z, prefix=padded, length=8))
    np.testing.assert_array_equal(as_list, vae.decode(z, prefix=[row.tolist() for row in rows], length=8))
    mask = padded > 0
    np.testing.assert_array_equal(as_list, vae.decode(z, prefix=WORDS, prefix_mask=mask, length=8))
    for row, own in enumerate(rows):
        np.testing.assert_array_equal(as_list[row, : len(own)], own)
        one = vae.decode(z[row : row + 1], prefix=own, length=8)
        np.testing.assert_array_equal(as_list[row], one[0])
    shared = vae.decode(z, prefix=[4, 5], length=8)
    np.testing.assert_array_equal(shared, vae.decode(z, prefix=np.array([[4, 5]] * 4), length=8))


@pytest.mark.on_torch
def test_given_steps_count_behind_an_end():
    vae = model("gru")
    decoded = vae.decode(np.zeros((2, 3)), prefix=[[3, 1, 4, 1], [3, 1]], length=6)
    np.testing.assert_array_equal(decoded, [[3, 1, 4, 1, 0, 0], [3, 1, 0, 0, 0, 0]])


@pytest.mark.on_torch
def test_latents_are_those_of_the_prefix():
    """`generate` encodes what it is given, with a mask; `decode` and `reconstruct` have their own latents."""
    vae = model("gru")
    rows = [row[:length] for row, length in zip(WORDS, LENGTHS, strict=True)]
    generated = vae.generate(prefix=rows, length=8, temperature=0.0)
    alone = [vae.encode(row[None])[0] for row in rows]
    np.testing.assert_array_equal(generated, vae.decode(np.stack(alone), prefix=rows, length=8))
    whole = vae.reconstruct(WORDS, prefix=rows, length=8)
    np.testing.assert_array_equal(whole, vae.decode(vae.encode(WORDS), prefix=rows, length=8))
    assert vae.reconstruct(WORDS, prefix=rows).shape == (4, 6)
    from_prior = vae.generate(4, prefix=rows, length=8, latents_from="prior", fixed={0: np.zeros(3)})
    np.testing.assert_array_equal(from_prior, vae.decode(np.zeros((4, 3)), prefix=rows, length=8))


def test_everything_at_once():
    options = {"candidates": 3, "mode": "sample", "data_temperature": 1.5, "top_k": 6, "top_p": 0.9, "num_return": 2}
    many = model("gru").generate(prefix=[[2, 3], [4]], length=5, seed=0, **options)
    assert many.shape == (2, 2, 5)
    assert many.min() >= 0
    assert many.max() < 7
    np.testing.assert_array_equal(many[0, :, :2], [[2, 3]] * 2)
    np.testing.assert_array_equal(many[1, :, :1], [[4]] * 2)


@pytest.mark.on_torch
def test_several_continuations():
    vae = model("gru")
    many = vae.generate(prefix=[WORDS[0, :2], WORDS[1, :3]], length=9, num_return=5, mode="sample", seed=0)
    assert many.shape == (2, 5, 9)
    np.testing.assert_array_equal(many[0, :, :2], np.tile(WORDS[0, :2], (5, 1)))
    np.testing.assert_array_equal(many[1, :, :3], np.tile(WORDS[1, :3], (5, 1)))
    assert len({tuple(row) for row in many[0]}) > 1
    assert vae.generate(2, num_return=3, length=4, fixed={0: np.zeros((2, 3))}).shape == (2, 3, 4)
    conditional = model("condition")
    given = conditional.generate(condition=np.eye(2), num_return=3, temperature=0.0, mode="mean")
    assert given.shape == (2, 3, 5, 2)
    np.testing.assert_allclose(given[:, 0], given[:, 2], atol=1e-6)
    assert np.abs(given[0] - given[1]).max() > 1e-3


def test_a_chain_goes_on_from_its_last_step():
    """Latents behind each row's prefix follow the prior, at temperature 0 its mean; those before are inferred."""
    vae = model("markov")
    x = RNG.random((3, 4, 2)).astype("float32")
    lengths = np.array([4, 1, 2])
    mask = np.arange(4) < lengths[:, None]
    features = vae.terms({"x": x, "mask": mask}, deterministic=True)
    (z,) = vae.latents.continue_from(features.latents, mask, features.context, temperature=0.0, length=7)
    z, inferred = ops.convert_to_numpy(z), ops.convert_to_numpy(features.latents[0])
    assert z.shape == (3, 7, 2)
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(z[row, :length], inferred[row, :length], atol=1e-6)
        before = ops.convert_to_tensor(z[row : row + 1, length - 1])
        for step in range(length, 7):
            before = vae.latents.step_prior.distribution(vae.latents.transition(before)).mean()
            np.testing.assert_allclose(z[row, step], ops.convert_to_numpy(before)[0], atol=1e-5)
    generated = vae.generate(prefix=x, prefix_mask=mask, length=7, temperature=0.0)
    np.testing.assert_allclose(generated, vae.decode(z, prefix=x, prefix_mask=mask), atol=1e-5)


@pytest.mark.on_torch
def test_candidates_come_near_the_true_posterior():
    """One latent, and a posterior that knows nothing: many candidates give the mean of p(rest | prefix) of a grid."""
    keras.utils.set_random_seed(0)
    vae = kv.VAE((4,), 1, encoder=kv.encoders.MLP((3,)), decoder=kv.decoders.MLP((16,)), likelihood="gaussian", seed=0)
    rng = np.random.default_rng(1)
    for weight in vae.decoder.trainable_weights:
        weight.assign(1.5 * rng.standard_normal(weight.shape))
    prefix, grid = np.array([[0.3, -0.8]], "float32"), np.linspace(-6, 6, 2001, dtype="float32")
    p = vae.decode(grid[:, None], mode="distribution")
    x = np.concatenate([np.repeat(prefix, len(grid), axis=0), np.zeros((len(grid), 2), "float32")], axis=1)
    log_weights = ops.convert_to_numpy(p.log_prob_per_element(x))[:, :2].sum(axis=1) - grid**2 / 2
    weights = np.exp(log_weights - log_weights.max())
    expected = (weights[:, None] * ops.convert_to_numpy(p.mean())).sum(axis=0)[2:] / weights.sum()

    def mean(candidates):
        draws = vae.generate(prefix=prefix, num_return=2000, candidates=candidates, batch_size=2000, seed=0)
        return draws[0, :, 2:].mean(axis=0)

    assert np.abs(mean(1) - expected).max() > 0.3
    np.testing.assert_allclose(mean(50), expected, atol=0.1)


def test_fields_go_on():
    keras.utils.set_random_seed(0)
    vae = kv.VAE(
        {"image": (3, 4, 1), "caption": (5,)},
        2,
        likelihood={"image": "bernoulli", "caption": TOKENS(7, padding=0)},
        encoder={"image": kv.encoders.MLP((8,)), "caption": kv.encoders.GRU((4,))},
        decoder={"image": kv.decoders.MLP((8,)), "caption": kv.decoders.GRU((4,))},
    )
    given = vae.generate(prefix={"caption": WORDS[:, :2]}, temperature=0.0)
    np.testing.assert_array_equal(given["caption"][:, :2], WORDS[:, :2])
    assert given["image"].shape == (4, 3, 4, 1)
    image = RNG.random((4, 3, 4, 1)).astype("float32")
    both = vae.decode(np.zeros((4, 2)), prefix={"image": image[:, :1], "caption": [[3], [4, 5], [], [2]]})
    np.testing.assert_allclose(both["image"][:, :1], image[:, :1])
    np.testing.assert_array_equal(both["caption"][1, :2], [4, 5])
    x = {"image": image, "caption": WORDS[:, :5]}
    again = vae.reconstruct(x, prefix={"caption": WORDS[:, :2]}, mode="sample", top_k=1)
    np.testing.assert_array_equal(again["caption"][:, :2], WORDS[:, :2])


@pytest.mark.on_torch
@pytest.mark.parametrize("posterior", ["product_of_experts", "mixture_of_experts", "mixture_of_products"])
def test_fields_without_a_prefix_are_no_evidence(posterior):
    names = ("a", "b")
    vae = moved(
        kv.VAE(
            {"a": (5, 3), "b": (5, 2)},
            2,
            likelihood=dict.fromkeys(names, "gaussian"),
            posterior=posterior,
            encoder=kv.encoders.PerField({name: kv.encoders.GRU((4,)) for name in names}),
            decoder=kv.decoders.Joint({name: kv.decoders.GRU((4,)) for name in names}),
        )
    )
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(2, 5, width)).astype("float32") for width in (3, 2))
    found = vae.generate(prefix={"a": a}, temperature=0)
    z = vae.encode({"a": a})
    np.testing.assert_allclose(found["b"], vae.decode(z, prefix={"a": a})["b"], atol=1e-5)
    # Nor is one of no steps in some rows.
    some = {"a": a, "b": [b[0], b[1, :0]]}
    found = vae.generate(prefix=some, temperature=0)
    np.testing.assert_allclose(found["b"][1], vae.decode(z, prefix={"a": a})["b"][1], atol=1e-5)


def test_elements_that_are_missing_in_a_prefix_are_the_models():
    vae = kv.VAE(kv.data.Field((4, 2), missing="nan"), 2, likelihood="gaussian", decoder=kv.decoders.GRU((4,)))
    prefix = np.array([[[1.0, np.nan], [2.0, 3.0]]], "float32")
    decoded = vae.generate(prefix=prefix, temperature=0.0)
    assert np.isfinite(decoded).all()
    np.testing.assert_array_equal(decoded[0, :2][~np.isnan(prefix[0])], [1.0, 2.0, 3.0])


def test_half_precision():
    half = {"dtype": "mixed_float16"}
    networks = {"encoder": kv.encoders.GRU((4,), **half), "decoder": kv.decoders.GRU((4,), **half)}
    vae = kv.VAE((5, 2), 3, likelihood="gaussian", **networks, **half)
    x = RNG.standard_normal((2, 3, 2)).astype("float32")
    generated = vae.generate(prefix=x, seed=0)
    assert np.isfinite(generated).all()
    np.testing.assert_array_equal(generated[:, :3], x)


@pytest.mark.every_backend
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch runs without being traced")
def test_no_length_of_a_prefix_compiles_anew(monkeypatch):
    vae, traced = model("gru"), []
    call = kv.inference.runner.BatchFunction.call
    monkeypatch.setattr(kv.inference.runner.BatchFunction, "call", lambda own, x: traced.append(1) or call(own, x))
    for length in (1, 3, 2, 6):
        vae.generate(prefix=WORDS[:, :length], length=9, seed=0)
    assert len(traced) <= 2


# Draws of tokens ----------------------------------------------------------------------------------------


@pytest.mark.on_torch
def test_limited_draws():
    """One category is the greedy one; a nucleus leaves only what its mass holds, at the temperature."""
    vae = model("gru")
    z = RNG.standard_normal((4, 3))
    greedy = vae.decode(z, length=6)
    for limit in ({"top_k": 1}, {"top_p": 1e-6}, {"top_k": 5, "top_p": 0.01}):
        np.testing.assert_array_equal(vae.decode(z, mode="sample", length=6, **limit), greedy)
    all_of_them = vae.decode(z, mode="sample", length=6, seed=0)
    np.testing.assert_array_equal(vae.decode(z, mode="sample", length=6, seed=0, top_k=99, top_p=1.0), all_of_them)
    first = vae.generate(500, mode="sample", length=1, top_k=2, fixed={0: z[0]}, seed=0)
    assert len(np.unique(first)) == 2
    hot = vae.generate(500, mode="sample", length=1, top_p=0.5, data_temperature=50.0, fixed={0: z[0]}, seed=0)
    assert len(np.unique(hot)) == 3  # of six, near equal at this temperature


@pytest.mark.on_torch
def test_columns_with_categories_are_limited():
    columns = kv.likelihoods.Columns([("gaussian", 1), (TOKENS(5), 1)])
    vae = kv.VAE((2,), 2, likelihood=columns, encoder=kv.encoders.MLP((4,)), decoder=kv.decoders.MLP((4,)))
    drawn = vae.generate(200, mode="sample", top_k=1, fixed={0: np.zeros(2)}, seed=0)
    assert len(np.unique(drawn[:, 1])) == 1
    assert len(np.unique(drawn[:, 0])) == 200


# Decoders of plugins ------------------------------------------------------------------------------------


class OfAnOlderVersion(kv.decoders.Autoregressive):
    """A plugin whose `decode` was written before there were prefixes."""

    def call(self, z, target=None, mask=None, training=None):
        return kv.layers.shift_right(ops.convert_to_tensor(target)) + z[:, None, :2]

    def compute_output_shape(self, z_shape, target_shape=None):
        return (z_shape[0], 5, 2)

    def decode(self, z, likelihood, *, seed=None, mode="mean", temperature=1.0, length=None):
        return super().decode(z, likelihood, seed=seed, mode=mode, temperature=temperature, length=length)


def test_older_decoders_work_without_a_prefix():
    vae = of_series(OfAnOlderVersion())
    assert compiled(vae).generate(2, num_return=2).shape == (2, 2, 5, 2)
    with pytest.raises(ValueError, match=r"Argument `prefix`: the decoder OfAnOlderVersion has a decode of its own"):
        vae.generate(prefix=np.zeros((2, 2)))


# Errors -------------------------------------------------------------------------------------------------

GRU_MODEL = functools.partial(model, "gru")
SERIES = functools.partial(model, "one pass")
REFUSED = {
    "another width": (SERIES, {"prefix": np.zeros((3, 2, 4))}, "`prefix` must have shape (batch, any, 2)"),
    "axes": (SERIES, {"prefix": np.zeros(2)}, "`prefix` must have shape (batch, any, 2), or that of one prefix"),
    "NaN": (SERIES, {"prefix": np.full((3, 2, 2), np.nan)}, "`prefix` must be finite"),
    "NaN without training": (
        SERIES,
        {"prefix": np.full((3, 2, 2), np.nan)},
        "Leave those steps and the later ones out: prefix_mask",
    ),
    "NaN declared": (SERIES, {"prefix": np.full((3, 2, 2), np.nan)}, "missing='nan'"),
    "no steps": (
        SERIES,
        {"prefix": np.zeros((3, 0, 2))},
        "3 such rows in all, and its latents cannot be inferred. Pass latents_from='prior'",
    ),
    "no steps for all": (SERIES, {"prefix": np.zeros((0, 2))}, "Pass latents_from='prior'"),
    "no rows": (SERIES, {"prefix": np.zeros((0, 3, 2))}, "`prefix` must have at least one row"),
    "too long": (SERIES, {"prefix": np.zeros((3, 6, 2))}, "at most 5 steps. Received: 6"),
    "no such token": (GRU_MODEL, {"prefix": [[2, 9]], "length": 4}, "`prefix`: the likelihood expects categories"),
    "no length": (GRU_MODEL, {"prefix": [[2, 3]]}, "Argument `length`"),
    "rows": (GRU_MODEL, {"prefix": [[2, 3], [4]], "n": 3, "length": 4}, "Expected: 3 rows. Received: 2. For several"),
    "a dict": (GRU_MODEL, {"prefix": {"x": [[2]]}, "length": 4}, "of type dict. A mask is passed by its own name"),
    "text": (GRU_MODEL, {"prefix": "23", "length": 4}, "of type str."),
    "a list of text": (
        GRU_MODEL,
        {"prefix": ["23", "2"], "length": 4},
        "Argument `prefix` must be an array of numbers",
    ),
    "a long list": (GRU_MODEL, {"prefix": [[2, [3]]] * 99, "length": 4}, "Received: a list of 2 items."),
    "gap": (
        GRU_MODEL,
        {"prefix": WORDS[:2, :3], "prefix_mask": [[1, 0, 1], [1, 1, 1]], "length": 4},
        "`prefix_mask`: the steps of a prefix follow one another",
    ),
    "shape of mask": (
        GRU_MODEL,
        {"prefix": WORDS[:2, :3], "prefix_mask": np.ones((2, 2)), "length": 4},
        "`prefix_mask` must have an entry for each step of the prefix. Expected: shape (2, 3)",
    ),
    "mask of a list": (GRU_MODEL, {"prefix": [[2]], "prefix_mask": [[1]], "length": 4}, "is for arrays"),
    "mask alone": (GRU_MODEL, {"prefix_mask": [[1]], "length": 4}, "`prefix_mask` needs a prefix"),
    "nothing given": (GRU_MODEL, {"prefix": [[2], []], "length": 4}, "row 1 has no step that counts"),
    "unequal rows": (SERIES, {"prefix": [np.zeros((2, 2)), np.zeros((2, 3))]}, "each prefix must be of shape"),
    "sampler": (GRU_MODEL, {"prefix": [[2]], "sampler": "mixture", "length": 4}, "`sampler`: the latents are drawn"),
    "fixed": (GRU_MODEL, {"prefix": [[2]], "fixed": {0: np.zeros(3)}, "length": 4}, "`fixed`: the latents are drawn"),
    "from nowhere": (GRU_MODEL, {"prefix": [[2]], "latents_from": "x", "length": 4}, "`latents_from` must be one of"),
    "no weights": (GRU_MODEL, {"candidates": 3, "length": 4}, "`candidates`: they are weighed"),
    "not drawn": (GRU_MODEL, {"top_p": 0.9, "length": 4}, "pass mode='sample' too"),
    "mass": (
        GRU_MODEL,
        {"top_p": 1.5, "mode": "sample", "length": 4},
        "`top_p` must be a number above 0",
    ),
    "mean of several": (
        GRU_MODEL,
        {"prefix": [[2]], "length": 4, "candidates": 3, "temperature": 0.0},
        "`candidates`: they are draws of latents",
    ),
    "booleans": (GRU_MODEL, {"prefix": [[True, False]], "length": 4}, "Received: booleans"),
    "NaN only": (
        lambda: of_series(kv.decoders.GRU((3,)), kv.data.Field((5, 2), missing="nan")),
        {"prefix": [[[1.0, np.nan]], [[np.nan, np.nan]]]},
        "row 1 has no step that counts, 1 such rows",
    ),
    "no categories": (SERIES, {"top_k": 3, "mode": "sample"}, "the likelihood Gaussian has none"),
}


@pytest.mark.on_torch
def test_a_prefix_of_no_steps_with_latents_from_the_prior_is_none():
    vae, options = GRU_MODEL(), {"latents_from": "prior", "length": 4, "seed": 0}
    expected = vae.generate(2, length=4, seed=0)
    for prefix in (np.zeros((2, 0), "int32"), [[], []]):
        np.testing.assert_array_equal(vae.generate(prefix=prefix, **options), expected)


@pytest.mark.refusals
@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    make, arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        make().generate(**arguments)


@pytest.mark.refusals
def test_other_refusals():
    vae = model("one pass")
    with pytest.raises(ValueError, match="steps that are given have no distribution"):
        vae.decode(np.zeros((2, 3)), mode="distribution", prefix=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="Argument `x` must hold arrays where there is a prefix"):
        vae.reconstruct(iter([np.zeros((2, 5, 2))]), prefix=np.zeros((2, 2)))
    joint = kv.VAE({"a": (3,), "b": (2,)}, 2, likelihood={"a": "bernoulli", "b": "bernoulli"})
    table = kv.VAE((2,), 2, likelihood=kv.likelihoods.Columns([("gaussian", 1), ("bernoulli", 1)]))
    with pytest.raises(ValueError, match="the columns of a table are none"):
        table.generate(prefix=np.zeros((2, 1)))
    for prefix in (np.zeros((2, 3)), {"c": np.zeros((2, 3))}, {}):
        with pytest.raises(ValueError, match=r"Argument `prefix` must be a dict with some of the fields"):
            joint.generate(prefix=prefix)
    with pytest.raises(ValueError, match=r"`prefix_mask` is for fields with a prefix. Expected: some of \['a'\]"):
        joint.generate(prefix={"a": np.zeros((2, 1))}, prefix_mask={"b": np.ones((2, 1))})
    with pytest.raises(ValueError, match="every field must have as many rows as the others"):
        joint.generate(prefix={"a": np.zeros((2, 1)), "b": np.zeros((3, 1))})
