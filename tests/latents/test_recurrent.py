"""Latents that see earlier data, through the model: training, files, lengths, conditions, data drawn step by step."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv

LENGTHS = np.array([5, 2, 3, 1, 4, 5])
MASK = np.arange(5) < LENGTHS[:, None]
X = np.random.default_rng(0).normal(size=(6, 5, 3)).astype("float32")
CONDITION = np.random.default_rng(1).random((6, 4)).astype("float32")
FORMS = {
    "vrnn": {"state": 3},
    "srnn": {"state": 3, "state_sees": "data", "chained": True, "posterior": "residual"},
    "state of latents": {"state": 3, "state_sees": "latents"},
    "state of data": {"state": 3, "state_sees": "data"},
    "lstm": {"state": keras.layers.LSTM(3, return_sequences=True), "chained": True},
    "storn": {"state": None, "prior": "standard"},
}
DECODERS = {
    "gru": lambda: kv.decoders.GRU((4,)),
    "gru of latents alone": lambda: kv.decoders.GRU((4,), autoregressive=False),
    "tcn": lambda: kv.decoders.TCN((4,)),
    "tcn of latents alone": lambda: kv.decoders.TCN((4,), autoregressive=False),
    "transformer": lambda: kv.decoders.Transformer(4, 1, 2),
    "dense": lambda: keras.Sequential([keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(4)]),
    "a Keras model": lambda: keras.layers.Conv1D(4, 2, padding="causal"),
}


def make(form="vrnn", data_shape=(None, 3), **options):
    dtype = options.get("dtype")
    own = FORMS[form] if isinstance(form, str) else form
    if isinstance(own.get("state"), keras.layers.Layer):
        own = {**own, "state": type(own["state"]).from_config(own["state"].get_config())}
    options = {
        "encoder": kv.encoders.GRU((4,), return_sequences=True, dtype=dtype),
        "decoder": kv.decoders.GRU((4,), dtype=dtype),
        "likelihood": "gaussian",
        "seed": 0,
        **options,
    }
    return kv.VAE(data_shape, latents=kv.latents.Recurrent(2, dtype=dtype, **own), **options)


def moved(vae, scale=0.2):
    rng = np.random.default_rng(0)
    for weight in vae.trainable_weights:
        weight.assign(ops.convert_to_numpy(weight) + scale * rng.standard_normal(weight.shape))
    return vae


@pytest.mark.parametrize(
    ("form", "dtype"), [("vrnn", "float32"), ("vrnn", "mixed_float16"), ("srnn", "float32"), ("storn", "float32")]
)
def test_trains_and_reloads(form, dtype, tmp_path):
    vae = make(form, dtype=dtype)
    vae.compile(keras.optimizers.Adam(0.02))
    before = [ops.convert_to_numpy(weight) for weight in vae.latents.trainable_weights]
    history = vae.fit({"x": X, "mask": MASK}, epochs=8, batch_size=6, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]
    for weight, old in zip(vae.latents.trainable_weights, before, strict=True):
        assert np.abs(ops.convert_to_numpy(weight) - old).max() > 0, weight.path
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.generate(3, length=4, seed=1), vae.generate(3, length=4, seed=1))
    for options in ({}, {"method": "particle_filter"}):
        old, new = (m.log_likelihood({"x": X, "mask": MASK}, 3, seed=2, **options) for m in (vae, loaded))
        assert np.isfinite(old).all()
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("form", ["vrnn", "srnn", "state of latents"])
def test_lengths(form):
    vae = make(form)
    assert vae.latents.sees_data == (form != "state of latents")
    assert vae.encode(X).shape == (6, 5, 2)
    assert vae.generate(3, length=7).shape == (3, 7, 3)
    assert vae.generate(2, length=4, fixed={0: np.zeros((4, 2))}).shape == (2, 4, 3)
    assert vae.decode(np.zeros((2, 6, 2))).shape == (2, 6, 3)
    assert vae.reconstruct(X, deterministic=False).shape == vae.predict(X).shape == X.shape
    assert vae.interpolate(X[:2], X[2:4], steps=3).shape == (2, 3, 5, 3)
    assert make(form, decoder=kv.decoders.GRU((4,), max_length=6)).generate(2).shape == (2, 6, 3)
    with pytest.raises(ValueError, match="Argument `length`"):
        vae.generate(2)


@pytest.mark.parametrize("decoder", list(DECODERS))
@pytest.mark.parametrize("form", ["vrnn", "srnn"])
def test_data_written_step_by_step_are_those_of_one_pass_over_them(form, decoder):
    vae = moved(make(form, decoder=DECODERS[decoder](), condition_shape=(4,)))
    z = np.random.default_rng(2).normal(size=(6, 5, 2)).astype("float32")
    x = vae.decode(z, CONDITION)
    terms = vae.terms([ops.convert_to_tensor(x), ops.convert_to_tensor(CONDITION)], seed=0)
    np.testing.assert_allclose(ops.convert_to_numpy(terms.decode(z).mean()), x, atol=1e-5)
    # Step by step: what comes later changes nothing.
    shorter = vae.decode(z[:, :3], CONDITION)
    np.testing.assert_allclose(shorter, x[:, :3], atol=1e-5)


@pytest.mark.parametrize("form", list(FORMS))
def test_draws_decode_as_in_the_pass_that_made_them(form):
    """What infer keeps of the state is what the decoder's input is computed from anew."""
    vae = moved(make(form))
    for samples in (1, 3):
        terms = vae.terms(ops.convert_to_tensor(X), seed=0, num_samples=samples)
        again = ops.convert_to_numpy(terms.log_likelihood_of(terms.latents))
        np.testing.assert_allclose(ops.convert_to_numpy(terms.log_likelihood), again, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", ["vrnn", "srnn"])
def test_generated_latents_and_data_follow_the_model(form):
    """At temperature 0 the latents are the means of their priors given the data that were generated before."""
    vae = moved(make(form))
    x = vae.generate(2, length=5, temperature=0.0)
    forward = vae.forward_pass
    data = forward.network_input(ops.convert_to_tensor(x))
    (z,) = vae.latents.generate(ops.zeros((2, 0)), data=data, seed=0, temperature=0.0)
    np.testing.assert_allclose(vae.decode(z), x, atol=1e-4)
    drawn = vae.generate(40, length=3, mode="sample", seed=4)
    assert len(np.unique(drawn.round(5))) == drawn.size
    np.testing.assert_array_equal(drawn, vae.generate(40, length=3, mode="sample", seed=4))
    assert np.abs(drawn - vae.generate(40, length=3, mode="sample", seed=5)).min() > 0


def test_padding_changes_nothing():
    vae = moved(make())
    padded = np.full((6, 8, 3), 7.0, "float32")
    padded[:, :5][MASK] = X[MASK]
    mask = np.pad(MASK, ((0, 0), (0, 3)))
    found = vae.encode({"x": padded, "mask": mask})
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(found[row : row + 1, :length], vae.encode(X[row : row + 1, :length]), atol=1e-5)
    for options in ({}, {"method": "particle_filter"}):
        estimates = [vae.log_likelihood(data, 4, seed=3, **options) for data in ({"x": padded, "mask": mask},)]
        estimates.append(
            vae.log_likelihood({"x": np.where(MASK[..., None], X, 7.0), "mask": MASK}, 4, seed=3, **options)
        )
        np.testing.assert_allclose(*estimates, rtol=1e-4, atol=1e-4)


def test_tokens_and_conditions():
    tokens = np.where(MASK, np.random.default_rng(1).integers(2, 7, (6, 5)), 0)
    tokens[np.arange(6), LENGTHS - 1] = 1
    vae = make(data_shape=(5,), likelihood=kv.likelihoods.Categorical(7, padding=0, end=1), condition_shape=(4,))
    vae.compile("adam")
    assert np.isfinite(vae.fit([tokens, CONDITION], epochs=1, verbose=0).history["loss"]).all()
    new = vae.generate(condition=CONDITION, mode="sample", seed=0)
    assert new.shape == (6, 5)
    ended = np.cumsum(new == 1, axis=1) - (new == 1) > 0
    assert (new[ended] == 0).all()
    estimates = [vae.log_likelihood([tokens, CONDITION], 200, seed=0, method=m) for m in METHODS]
    np.testing.assert_allclose(*estimates, atol=0.5)


METHODS = ("importance_sampling", "particle_filter")


@pytest.mark.parametrize("seen_by", [("posterior", "prior", "decoder"), ("prior",), ("posterior",)])
def test_conditions(seen_by):
    vae = moved(make(condition_shape=(4,), condition_to=seen_by))
    data = [ops.convert_to_tensor(X), ops.convert_to_tensor(CONDITION)]
    level, other = (vae.terms([data[0], one], deterministic=True).levels[0] for one in (data[1], data[1] + 1.0))
    depends = {
        name: bool(np.abs(ops.convert_to_numpy(getattr(level, name).loc - getattr(other, name).loc)[:, 0]).max() > 1e-5)
        for name in ("posterior", "prior")
    }
    assert depends == {name: name in seen_by for name in depends}
    # Before anything is seen, the state is that of no data, whatever they are.
    assert vae.generate(3, CONDITION[0], length=4).shape == (3, 4, 3)
    assert vae.log_likelihood([X, CONDITION], 3, method="particle_filter").shape == (6,)


def test_the_prior_sees_earlier_data_alone():
    vae = moved(make("srnn"))
    changed = X.copy()
    changed[:, 2:] += 1.0
    before, after = (
        ops.convert_to_numpy(vae.terms(ops.convert_to_tensor(x), seed=0).levels[0].state[0]) for x in (X, changed)
    )
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert np.abs(before[:, 3] - after[:, 3]).min() > 0


def test_word_dropout_hides_steps_from_the_state_in_training():
    vae = moved(make({"state": 3, "state_sees": "data", "word_dropout": 1.0}))
    x = ops.convert_to_tensor(X)
    hidden, seen = (vae.terms(x, seed=0, training=training).levels[0].state[0] for training in (True, False))
    empty = vae.terms(x * 0.0, seed=0).levels[0].state[0]
    np.testing.assert_allclose(ops.convert_to_numpy(hidden), ops.convert_to_numpy(empty), atol=1e-6)
    assert np.abs(ops.convert_to_numpy(seen - empty))[:, 1:].max() > 1e-3


def test_an_objective_that_draws_from_the_prior():
    vae = make("srnn", data_shape=(5, 3), objective="info_vae")
    vae.compile("adam")
    assert np.isfinite(vae.fit({"x": X, "mask": MASK}, epochs=1, verbose=0).history["loss"]).all()


def test_batches_of_different_lengths_and_several_samples():
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return (
                {"x": X[3 * index : 3 * index + 3, : 5 - index], "mask": MASK[3 * index : 3 * index + 3, : 5 - index]},
            )

    for objective in ("elbo", "iwae"):
        vae = make(objective=objective)
        vae.compile("adam")
        assert np.isfinite(vae.fit(Batches(), epochs=1, verbose=0).history["loss"]).all()


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: kv.latents.Recurrent(state=0), "`state`"),
        (lambda: kv.latents.Recurrent(state_sees="future"), "`state_sees`"),
        (lambda: kv.latents.Recurrent(state_sees=()), "Pass state=None"),
        (lambda: kv.latents.Recurrent(state=None, transition=keras.layers.Dense(3)), "no step is told anything"),
        (lambda: make(data_shape=(5, 3, 1)), "sequences"),
        (lambda: make(encoder="gru"), "return_sequences=True"),
        (
            lambda: make(decoder=keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True))),
            "both directions",
        ),
        (lambda: make().decode(np.zeros((1, 2, 2)), mode="distribution"), "see the data of earlier steps"),
        (lambda: make().latents.decoder_input((np.zeros((1, 2, 2)),), np.zeros((1, 0))), "Argument `data`"),
        (lambda: kv.VAE((4,)).log_likelihood(np.zeros((1, 4)), method="particle_filter"), "latent for every time step"),
        (lambda: kv.VAE((4,)).log_likelihood(np.zeros((1, 4)), method="smc"), "`method`"),
    ],
)
def test_what_does_not_fit_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.refusals
@pytest.mark.parametrize("form", ["vrnn", "markov"])
def test_lengths_that_given_latents_do_not_suffice_for(form):
    own = {"state": None, "chained": True} if form == "markov" else form
    vae = make(own, decoder=keras.layers.Dense(4))
    z, message = np.zeros((6, 5, 2)), r"`length`.*of 5 steps.*Received: length=7"
    for call in (
        lambda: vae.decode(z, length=7),
        lambda: vae.reconstruct(X, length=7),
        lambda: vae.reconstruct(iter([X[:3]]), length=7),
        lambda: vae.reconstruct(X, prefix=X[:, :2], length=7),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    if form == "markov":
        with pytest.raises(ValueError, match=r"Expected: 5, or no length. Received: length=3"):
            vae.decode(z, length=3)
    else:
        np.testing.assert_array_equal(vae.decode(z, length=3), vae.decode(z[:, :3]))
    for fixed in (None, {0: z[0]}):
        with pytest.raises(ValueError, match=r"Pass length=.*, or set max_length of the decoder FromModel"):
            vae.generate(2, fixed=fixed)


@pytest.mark.refusals
@pytest.mark.parametrize("option", ["return_state", "stateful"])
def test_states_that_keep_their_own_are_refused(option):
    with pytest.raises(ValueError, match=f"`state`.*Expected: {option}=False"):
        kv.latents.Recurrent(state=keras.layers.GRU(3, return_sequences=True, **{option: True}))


@pytest.mark.refusals
def test_states_that_are_no_recurrent_layers_are_refused():
    for state in (keras.layers.Dense(3), keras.layers.GRU(3), "gru"):
        with pytest.raises((TypeError, ValueError), match="`state`"):
            kv.latents.Recurrent(state=state)


L = keras.layers
NOT_CAUSAL = {
    "normalization over steps": lambda: keras.Sequential([L.Dense(4), L.LayerNormalization(axis=[1, 2])]),
    "activation over steps": lambda: L.Dense(4, activation=lambda h: h - ops.mean(h, axis=1, keepdims=True)),
    "flattened": lambda: keras.Sequential([L.Flatten(), L.Dense(20), L.Reshape((5, 4))]),
    "both sides": lambda: L.Conv1D(4, 3, padding="same"),
    "backwards": lambda: L.GRU(4, return_sequences=True, go_backwards=True),
    "zeros at first": lambda: L.Conv1D(4, 3, padding="same", kernel_initializer="zeros"),
    "resnet": lambda: "resnet",
    "conv": lambda: "conv",
    "mlp": lambda: "mlp",
    "one vector": lambda: kv.decoders.GRU((4,), flatten_latents=True),
}


@pytest.mark.refusals
@pytest.mark.parametrize("name", NOT_CAUSAL)
def test_decoders_that_see_later_steps_are_refused(name):
    with pytest.raises(ValueError, match="later steps"):
        make(data_shape=(5, 3), decoder=NOT_CAUSAL[name]())
    chain = make({"state": None, "chained": True}, data_shape=(5, 3), decoder=NOT_CAUSAL[name]())
    with pytest.raises(ValueError, match="later steps"):
        chain.log_likelihood(X, num_samples=2, method="particle_filter")


@pytest.mark.refusals
def test_decoders_whose_step_is_not_that_of_all_are_refused():
    class Doubled(kv.decoders.GRU):
        def next_features(self, z, target, step, state):
            features, state = super().next_features(z, target, step, state)
            return 2.0 * features, state

    with pytest.raises(ValueError, match="`next_features`"):
        make(decoder=Doubled((4,)))


@pytest.mark.refusals
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
@pytest.mark.parametrize(
    "name", ["slopes of each step", "scales of each step", "sums of earlier steps", "fixed length"]
)
def test_decoders_that_tell_steps_apart_are_decoded_as_in_one_pass(name, dtype):
    """Causal, but not the same for every step alone."""
    keras.config.set_dtype_policy(dtype)
    inputs = keras.Input((5, 5))
    layers = {
        "slopes of each step": lambda: [
            L.Dense(
                4,
            ),
            L.PReLU(),
        ],
        "scales of each step": lambda: [
            L.Dense(
                4,
            ),
            L.BatchNormalization(axis=1),
        ],
        "sums of earlier steps": lambda: [L.Dense(4, lambda h: ops.cumsum(h, axis=1))],
        "fixed length": lambda: [keras.Model(inputs, L.Dense(4)(inputs))],
    }
    vae = make(data_shape=(5, 3), decoder=keras.Sequential(layers[name]()))
    vae.set_weights([w + 0.3 * np.abs(np.sin(np.arange(w.size))).reshape(w.shape) for w in vae.get_weights()])
    z = np.random.default_rng(1).normal(size=(6, 5, 2)).astype("float32")
    data = vae.decode(z)
    whole = vae.terms({"x": ops.convert_to_tensor(data)}, seed=0).decode(ops.convert_to_tensor(z)).mean()
    np.testing.assert_allclose(data, ops.convert_to_numpy(whole), atol=1e-5 if dtype == "float32" else 2e-2)


@pytest.mark.parametrize("form", ["vrnn", "srnn", "state of latents", "storn"])
def test_goes_on_from_a_prefix(form):
    """Steps that are given stay; latents of the prefix are inferred, and what follows depends on both."""
    vae = moved(make(form))
    given = {"prefix": [X[0], X[1, :2], X[2, :3]], "length": 7, "mode": "sample", "seed": 3}
    new = vae.generate(**given, num_return=4)
    assert new.shape == (3, 4, 7, 3)
    for row, steps in enumerate((5, 2, 3)):
        np.testing.assert_array_equal(new[row, :, :steps], np.repeat(X[row : row + 1, :steps], 4, axis=0))
    assert len(np.unique(new[0, :, 5:].round(5))) == new[0, :, 5:].size
    # The mean, at temperature 0: that of the data written so far, as one pass over them says.
    after = vae.generate(prefix=X[:, :3], length=5, temperature=0.0)
    np.testing.assert_array_equal(after[:, :3], X[:, :3])
    z = vae.encode(X[:, :3])
    if vae.latents.sees_data:
        data = vae.forward_pass.network_input(ops.convert_to_tensor(after))
        mask = ops.ones((6, 3), dtype="bool")
        (z,) = vae.latents.continue_from((z,), mask, ops.zeros((6, 0)), data=data, length=5, temperature=0.0, seed=0)
        expected = vae.terms(ops.convert_to_tensor(after)).decode(z).mean()
        np.testing.assert_allclose(after[:, 3:], ops.convert_to_numpy(expected)[:, 3:], atol=1e-4)
    assert vae.generate(prefix=X[:2, :3], length=5, latents_from="prior", seed=0).shape == (2, 5, 3)
    assert vae.generate(prefix=X[:2, :3], length=5, candidates=3, seed=0).shape == (2, 5, 3)
