"""Latents of every time step through the model: training, files, conditions, lengths, errors, and music."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv

LENGTHS = np.array([5, 2, 3, 1, 4, 5, 3, 2])
MASK = np.arange(5) < LENGTHS[:, None]
X = (np.random.default_rng(0).random((8, 5, 3)) < 0.3).astype("float32")
CONDITION = np.random.default_rng(1).random((8, 4)).astype("float32")


def make(data_shape=(None, 3), markov=None, **options):
    dtype = options.get("dtype")
    options = {
        "encoder": kv.encoders.GRU((4,), return_sequences=True, dtype=dtype),
        "decoder": kv.decoders.GRU((4,), dtype=dtype),
        "seed": 0,
        **options,
    }
    return kv.VAE(data_shape, latents=kv.latents.Markov(2, dtype=dtype, **(markov or {})), **options)


class Batches(keras.utils.PyDataset):
    """Two batches, each padded to its own longest sequence."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        rows = np.argsort(LENGTHS)[4 * index : 4 * index + 4]
        longest = LENGTHS[rows].max()
        return ({"x": X[rows, :longest], "mask": MASK[rows, :longest]},)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_trains_and_reloads(dtype, tmp_path):
    vae = make(dtype=dtype)
    vae.compile(keras.optimizers.Adam(0.02))
    history = vae.fit({"x": X, "mask": MASK}, epochs=15, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.latents.transition.dense_layers[0].compute_dtype == ("float32" if dtype == "float32" else "float16")
    np.testing.assert_array_equal(loaded.encode(X), vae.encode(X))
    for name in ("elbo", "log_likelihood"):
        old, new = (getattr(model, name)({"x": X, "mask": MASK}, num_samples=3, seed=2) for model in (vae, loaded))
        assert np.isfinite(old).all()
        np.testing.assert_array_equal(old, new)


def test_every_weight_learns():
    vae = make(condition_shape=(4,))
    before = [ops.convert_to_numpy(weight) for weight in vae.latents.trainable_weights]
    vae.compile(keras.optimizers.Adam(0.02))
    vae.fit({"x": X, "mask": MASK, "condition": CONDITION}, epochs=3, verbose=0)
    for weight, old in zip(vae.latents.trainable_weights, before, strict=True):
        assert np.abs(ops.convert_to_numpy(weight) - old).max() > 0, weight.path


def test_batches_of_different_lengths():
    vae = make()
    vae.compile("adam")
    losses = vae.fit(Batches(), epochs=2, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert vae.elbo(Batches()).shape == (8,)


@pytest.mark.parametrize("length", [None, 5])
def test_compiles(length):
    vae = make((length, 3))
    vae.compile("adam", jit_compile=True)
    assert np.isfinite(vae.fit({"x": X, "mask": MASK}, epochs=1, verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    "decoder",
    [
        lambda: kv.decoders.GRU((4,)),
        lambda: kv.decoders.GRU((4,), autoregressive=False),
        lambda: kv.decoders.TCN((4,)),
        lambda: keras.Sequential([keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(4)]),
    ],
    ids=["gru", "gru of latents alone", "tcn", "a Keras model"],
)
def test_lengths(decoder):
    vae = make(decoder=decoder())
    assert vae.encode(X).shape == (8, 5, 2)
    assert vae.encode(X, mode="distribution").loc.shape == (8, 5, 2)
    assert vae.generate(3, length=7).shape == (3, 7, 3)
    assert vae.generate(2, length=4, fixed={0: np.zeros((4, 2))}).shape == (2, 4, 3)
    assert vae.decode(np.zeros((2, 6, 2))).shape == (2, 6, 3)
    assert vae.reconstruct(X).shape == vae.predict(X).shape == X.shape
    assert vae.interpolate(X[:2], X[2:4], steps=3).shape == (2, 3, 5, 3)
    assert vae.log_likelihood(X, num_samples=4).shape == (8,)


def test_lengths_that_the_model_knows():
    assert make((5, 3)).generate(2).shape == (2, 5, 3)
    assert make(decoder=kv.decoders.GRU((4,), max_length=6)).generate(2).shape == (2, 6, 3)


def test_by_name():
    vae = kv.VAE((None, 3), latent_dim=4, latents="markov", encoder=kv.encoders.GRU((4,), return_sequences=True))
    assert vae.encode(X).shape == (8, 5, 4)
    assert vae.latents.level_shapes() == ((None, 4),)


def test_tokens():
    tokens = np.where(MASK, np.random.default_rng(1).integers(1, 7, (8, 5)), 0)
    vae = make((5,), likelihood=kv.likelihoods.Categorical(7, padding=0))
    vae.compile("adam")
    assert np.isfinite(vae.fit(tokens, epochs=1, verbose=0).history["loss"]).all()
    assert vae.generate(3).shape == (3, 5)


@pytest.mark.parametrize("seen_by", [("posterior", "prior", "decoder"), ("prior",), ("posterior", "decoder")])
def test_conditions(seen_by):
    vae = make(condition_shape=(4,), condition_to=seen_by)
    prior = vae.latents.step_prior
    prior.loc_head.dense.kernel.assign(np.ones(prior.loc_head.dense.kernel.shape))
    data = [ops.convert_to_tensor(X), ops.convert_to_tensor(CONDITION)]
    level, other = (vae.terms([data[0], one], deterministic=True).levels[0] for one in (data[1], data[1] + 1.0))
    depends = {
        name: bool(np.abs(ops.convert_to_numpy(getattr(level, name).loc - getattr(other, name).loc)[:, 0]).max() > 1e-5)
        for name in ("posterior", "prior")
    }
    assert depends == {name: name in seen_by for name in depends}
    assert vae.generate(3, CONDITION[0], length=4).shape == (3, 4, 3)
    assert vae.log_likelihood([X, CONDITION], num_samples=3).shape == (8,)


def test_noise_of_every_step_and_sample_is_its_own_and_repeats():
    vae = make()
    x = ops.convert_to_tensor(np.zeros((2, 6, 3), "float32"))
    level = vae.terms(x, seed=1, num_samples=3).levels[0]
    noise = ops.convert_to_numpy((level.z - level.posterior.loc) * ops.exp(-0.5 * level.posterior.log_var))
    assert noise.shape == (6, 6, 2)
    assert len(np.unique(noise.round(4))) == noise.size
    np.testing.assert_array_equal(vae.generate(2, length=4, seed=3), vae.generate(2, length=4, seed=3))
    (z,), (again,) = (vae.latents.generate(ops.zeros((2, 0)), seed=seed, length=9) for seed in (3, 3))
    np.testing.assert_array_equal(ops.convert_to_numpy(z), ops.convert_to_numpy(again))
    assert len(np.unique(ops.convert_to_numpy(z).round(4))) == 36


def test_at_temperature_zero_the_chain_is_that_of_the_means():
    vae = make()
    prior = vae.latents.step_prior
    prior.loc_head.dense.bias.assign([1.0, -2.0])
    (z,) = vae.latents.generate(ops.zeros((2, 0)), seed=0, length=3, temperature=0.0)
    np.testing.assert_allclose(ops.convert_to_numpy(z), np.broadcast_to([1.0, -2.0], (2, 3, 2)), atol=1e-3)


def test_a_posterior_relative_to_the_prior_and_a_transition_of_ones_own():
    vae = make(markov={"posterior": "residual", "transition": keras.layers.Dense(5, activation="tanh")})

    def posterior_loc():
        return ops.convert_to_numpy(vae.terms(ops.convert_to_tensor(X), deterministic=True).levels[0].posterior.loc)

    before = posterior_loc()
    vae.latents.step_prior.loc_head.dense.bias.assign([3.0, 3.0])
    difference = posterior_loc() - before
    np.testing.assert_allclose(difference[:, 0], 3.0, atol=1e-4)
    config = vae.latents.get_config()
    assert kv.latents.Markov.from_config(config).transition.units == 5


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: make(encoder="gru"), "return_sequences=True"),
        (lambda: make((6, 3), encoder=keras.layers.AveragePooling1D(2)), "6 steps, as the data have"),
        (lambda: make((5, 3), markov={"prior": "vamp"}), "made of the encoder's posteriors"),
        (lambda: make(markov={"prior": "mixture"}), "distribution_class=GaussianMixture"),
        (lambda: make(markov={"posterior": "full_covariance"}), "distribution_class=MultivariateGaussian"),
        (lambda: make(markov={"posterior": "von_mises_fisher"}), "'sphere'"),
        (lambda: make(markov={"transition": keras.layers.Reshape((1, -1))}), "`transition` must return a vector"),
        (lambda: make(latent_dim=3), "Leave one of the two out"),
        (lambda: make(prior="gaussian"), "have their own"),
        (lambda: make().generate(2), "Argument `length`"),
    ],
)
def test_what_does_not_fit_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_several_feature_tensors_and_several_fields_are_refused():
    markov = kv.latents.Markov(2)
    with pytest.raises(ValueError, match="return_sequences"):
        markov.build([(None, 5, 3), (None, 5, 3)], (None, 0), (5, 2))
    with pytest.raises(ValueError, match=r"Received: the fields \['a', 'b'\]"):
        markov.resolve_latent_shape(2, {"a": (5, 3), "b": (5,)})
    with pytest.raises(TypeError, match="transition"):
        kv.latents.Markov(2, transition=64)


def test_chorales(shared_data):
    with np.load(shared_data("JSB_Chorales.npz"), allow_pickle=False) as arrays:
        rows = np.unpackbits(arrays["traindata"], axis=-1)[:, :88]
        pieces = np.split(rows, np.cumsum(arrays["traindata_len"])[:-1])[:64]
    lengths = np.array([min(len(piece), 32) for piece in pieces])
    x, mask = np.zeros((64, 32, 88), "float32"), np.arange(32) < lengths[:, None]
    for row, piece in enumerate(pieces):
        x[row, : lengths[row]] = piece[:32]
    vae = make((None, 88), decoder=keras.layers.Dense(32, activation="relu"))
    vae.compile(keras.optimizers.Adam(0.01))
    before = vae.elbo({"x": x, "mask": mask}, seed=0)
    vae.fit({"x": x, "mask": mask}, epochs=4, batch_size=16, verbose=0)
    after = vae.elbo({"x": x, "mask": mask}, seed=0)
    assert (after > before).all()
    assert (after / lengths).mean() > -20  # nats per step; independent fair keys have 61
    assert vae.generate(1, length=10).shape == (1, 10, 88)


def test_default_networks_have_features_of_every_step():
    vae = kv.VAE((None, 3), latents="markov", latent_dim=2, likelihood="gaussian")
    assert vae.encoder.return_sequences
    assert vae.encode(np.zeros((2, 5, 3), "float32")).shape == (2, 5, 2)
    assert vae.generate(2, length=4).shape == (2, 4, 3)
