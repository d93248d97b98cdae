"""Sequences: padding counts nowhere, no step sees a later one, and what is decoded is what was trained."""

import gc
import weakref

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.mathematics.autodiff import vector_jacobian

ENCODERS = {
    "gru": lambda: kv.encoders.GRU((3, 4)),
    "lstm": lambda: kv.encoders.LSTM((4,), bidirectional=False),
    "tcn": lambda: kv.encoders.TCN((3, 4), kernel_size=2),
    "transformer": lambda: kv.encoders.Transformer(width=6, blocks=2, heads=2),
}
DECODERS = {
    "gru": kv.decoders.GRU,
    "lstm": kv.decoders.LSTM,
    "tcn": kv.decoders.TCN,
    "transformer": kv.decoders.Transformer,
}
SIZES = {
    "gru": {"hidden_units": (5, 4)},
    "lstm": {"hidden_units": (4,)},
    "tcn": {"filters": (5, 4), "kernel_size": 2},
    "transformer": {"width": 6, "blocks": 2, "heads": 2},
}
PADDING, END, WORDS = 0, 1, 6
LENGTHS = np.array([7, 2, 5, 1])


def make(name, data_shape=(None, 3), likelihood=None, **options):
    keras.utils.set_random_seed(1)
    vae = kv.VAE(
        data_shape,
        latent_dim=2,
        encoder=ENCODERS[name](),
        decoder=DECODERS[name](**SIZES[name], **options),
        likelihood=likelihood or kv.likelihoods.Gaussian(scale=0.5),
        seed=0,
    )
    generator = np.random.default_rng(0)
    for weight in vae.trainable_weights:
        weight.assign(ops.convert_to_numpy(weight) + 0.3 * generator.standard_normal(weight.shape))
    return vae


def tokens():
    return kv.likelihoods.Categorical(WORDS, padding=PADDING, end=END)


def padded(length, seed):
    """The same sequences at any length, with other garbage behind them."""
    values = np.random.default_rng(5).standard_normal((4, 7, 3)).astype("float32")
    x = 100 * np.random.default_rng(seed).standard_normal((4, length, 3)).astype("float32")
    mask = np.arange(length) < LENGTHS[:, None]
    x[:, :7][mask[:, :7]] = values[mask[:, :7]]
    return {"x": x, "mask": mask}


def latents(rows=4):
    return np.random.default_rng(3).standard_normal((rows, 2)).astype("float32")


@pytest.mark.parametrize("name", ENCODERS)
def test_padding_changes_neither_elbo_nor_gradients(name):
    losses, steps = [], []
    for length, seed in ((7, 0), (11, 1)):
        vae = make(name)
        before = [ops.convert_to_numpy(weight) for weight in vae.trainable_weights]
        # A step of size one along the gradient shows the gradient.
        vae.compile(keras.optimizers.SGD(1.0))
        losses.append(vae.train_on_batch(padded(length, seed), return_dict=True))
        after = [ops.convert_to_numpy(weight) for weight in vae.trainable_weights]
        steps.append([new - old for new, old in zip(after, before, strict=True)])
    for term in ("loss", "reconstruction_loss", "kl_loss"):
        np.testing.assert_allclose(losses[0][term], losses[1][term], rtol=1e-5)
    assert max(np.abs(step).max() for step in steps[0]) > 0.01
    for first, second in zip(*steps, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5 * max(1.0, np.abs(first).max()))


@pytest.mark.parametrize("name", ENCODERS)
def test_a_gap_in_the_mask_is_not_read(name):
    vae = make(name)
    data = padded(7, 0)
    data["mask"] = data["mask"].copy()
    data["mask"][0, 3] = False
    elbo = vae.elbo(data, seed=2)
    data["x"] = data["x"].copy()
    data["x"][0, 3] = 1000.0
    np.testing.assert_allclose(vae.elbo(data, seed=2), elbo, rtol=1e-5)


@pytest.mark.parametrize("name", DECODERS)
def test_no_step_sees_itself_or_a_later_one(name):
    vae = make(name)
    z = ops.convert_to_tensor(latents(1))
    target = np.random.default_rng(0).standard_normal((1, 5, 3)).astype("float32")

    def features(target):
        return vae.decoder(z, target=target, training=False)

    # One backward pass for each step: TensorFlow's vectorised Jacobian of dilated convolutions crashes.
    influence = np.zeros((5, 5))
    for step in range(5):
        upstream = np.zeros((1, 5, vae.decoder.feature_width()), "float32")
        upstream[:, step] = np.random.default_rng(1).standard_normal(upstream.shape[-1])
        influence[step] = np.abs(vector_jacobian(features, [target], upstream)[1][0]).max(axis=(0, 2))
    assert np.abs(np.triu(influence)).max() == 0.0
    assert (np.diagonal(influence, -1) > 1e-4).all()
    assert (influence[:, 0][1:] > 1e-6).all() or name == "tcn"  # a tcn of two blocks sees four steps back


@pytest.mark.parametrize("name", DECODERS)
def test_what_is_decoded_is_a_fixed_point(name):
    vae = make(name)
    z = latents()
    decoded = vae.decode(z, length=6)
    assert decoded.shape == (4, 6, 3)
    params = vae.likelihood(vae.decoder(ops.convert_to_tensor(z), target=ops.convert_to_tensor(decoded)))
    np.testing.assert_allclose(ops.convert_to_numpy(params["loc"]), decoded, atol=1e-5)


@pytest.mark.parametrize("name", DECODERS)
def test_decoded_tokens_are_a_fixed_point_and_end(name):
    vae = make(name, (9,), tokens())
    z = latents(16)
    decoded = vae.decode(z)
    assert decoded.dtype.kind == "i"
    target = vae.likelihood.to_network(ops.convert_to_tensor(decoded))
    params = vae.likelihood(vae.decoder(ops.convert_to_tensor(z), target=target))
    mode = ops.convert_to_numpy(vae.likelihood.distribution(params).mode())
    behind = np.cumsum(decoded == END, axis=1) - (decoded == END) > 0
    np.testing.assert_array_equal(decoded[~behind], mode[~behind])
    assert (decoded[behind] == PADDING).all()
    drawn = vae.decode(z, mode="sample", seed=1)
    np.testing.assert_array_equal(drawn, vae.decode(z, mode="sample", seed=1))
    assert (drawn != vae.decode(z, mode="sample", seed=2)).any()
    np.testing.assert_array_equal(vae.decode(z, mode="sample", data_temperature=0.0, seed=1), decoded)
    ended = (drawn == END).any(axis=1)
    assert ended.any()
    assert (drawn[np.cumsum(drawn == END, axis=1) - (drawn == END) > 0] == PADDING).all()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", DECODERS)
def test_decoding_in_half_precision(name, policy):
    full = make(name)
    keras.config.set_dtype_policy(policy)
    half = make(name)
    half.set_weights(full.get_weights())
    decoded = half.decode(latents(), length=5)
    np.testing.assert_allclose(decoded, full.decode(latents(), length=5), atol=0.3)
    assert half.decode(latents(), length=5, mode="sample", seed=1).shape == (4, 5, 3)


@pytest.mark.parametrize("name", DECODERS)
def test_from_the_latents_alone(name):
    vae = make(name, autoregressive=False, max_length=4)
    z, data = ops.convert_to_tensor(latents()), padded(7, 0)
    features = [
        ops.convert_to_numpy(vae.decoder(z, target=ops.convert_to_tensor(x))) for x in (data["x"], 0 * data["x"])
    ]
    np.testing.assert_array_equal(*features)
    assert np.abs(np.diff(features[0], axis=1)).max() > 1e-3  # the steps differ
    np.testing.assert_allclose(
        ops.convert_to_numpy(vae.likelihood(features[0])["loc"]), vae.decode(latents(), length=7), atol=1e-5
    )
    assert vae.generate(2).shape == (2, 4, 3)


def test_tokens_from_the_latents_alone_end_too():
    vae = make("gru", (12,), tokens(), autoregressive=False)
    assert not vae.decoder.requires_target
    drawn = vae.decode(latents(8), mode="sample", seed=0)
    behind = np.cumsum(drawn == END, axis=1) - (drawn == END) > 0
    assert behind.any()
    assert (drawn[behind] == PADDING).all()


class TestFeaturesOfEveryStep:
    @pytest.mark.parametrize("name", ENCODERS)
    def test_padding_and_gaps_are_not_read(self, name):
        encoder = type(ENCODERS[name]()).from_config({**ENCODERS[name]().get_config(), "return_sequences": True})
        encoder.build((None, None, 3))
        assert encoder.compute_output_shape((None, None, 3))[:2] == (None, None)
        seen = []
        for length, seed in ((7, 0), (11, 1)):
            data = padded(length, seed)
            data["mask"] = data["mask"] & (np.arange(length) != 3)  # a gap
            data["x"][:, 3] = seed
            seen.append(ops.convert_to_numpy(encoder(data["x"], mask=data["mask"])))
            assert seen[-1].shape == encoder.compute_output_shape(data["x"].shape)
            assert (seen[-1][~data["mask"]] == 0).all()
        np.testing.assert_allclose(seen[0], seen[1][:, :7], atol=1e-5)
        assert np.abs(np.diff(seen[0][0, :3], axis=0)).max() > 1e-4  # the steps differ

    @pytest.mark.parametrize("name", ["gru", "transformer"])
    def test_a_valid_step_knows_the_later_ones(self, name):
        encoder = type(ENCODERS[name]())(return_sequences=True)
        x = np.random.default_rng(0).standard_normal((1, 6, 3)).astype("float32")
        before = ops.convert_to_numpy(encoder(x))
        x[:, -1] += 1.0
        assert np.abs(ops.convert_to_numpy(encoder(x)) - before)[:, 0].max() > 1e-5

    @pytest.mark.parametrize("name", ENCODERS)
    def test_old_configs_give_one_vector(self, name):
        encoder = ENCODERS[name]()
        config = encoder.get_config()
        assert config.pop("return_sequences") is False
        old = type(encoder).from_config(config)
        assert len(old(np.zeros((2, 5, 3), "float32")).shape) == 2


def latent_steps(rows=4, steps=6):
    return np.random.default_rng(3).standard_normal((rows, steps, 2)).astype("float32")


def in_time(name, steps=None, **options):
    """A decoder of latents with a time axis, and a likelihood for it, with weights that all matter."""
    keras.utils.set_random_seed(1)
    decoder = DECODERS[name](**SIZES[name], **options)
    decoder.build((None, steps, 2), (None, steps, 3))
    likelihood = kv.VAE((steps, 3), 2, decoder=kv.decoders.GRU((decoder.feature_width(),)), likelihood="gaussian")
    generator = np.random.default_rng(0)
    for weight in (*decoder.trainable_weights, *likelihood.likelihood.trainable_weights):
        weight.assign(ops.convert_to_numpy(weight) + 0.3 * generator.standard_normal(weight.shape))
    return decoder, likelihood.likelihood


def loop(decoder, z, target):
    """The features of all steps, one at a time, each from the true step before."""
    state, features = decoder.start(z, target.shape[1]), []
    for step in range(target.shape[1]):
        before = target[:, step - 1 : step] if step else np.zeros_like(target[:, :1])
        now, state = decoder.next_features(z, before, ops.convert_to_tensor(step, "int32"), state)
        features.append(ops.convert_to_numpy(now))
    return np.concatenate(features, axis=1)


class TestLatentsWithATimeAxis:
    @pytest.mark.parametrize("in_steps", [True, False])
    @pytest.mark.parametrize("name", DECODERS)
    def test_one_pass_and_the_loop_agree(self, name, in_steps):
        keras.utils.set_random_seed(1)
        decoder = DECODERS[name](**SIZES[name])
        decoder.build((None, None, 2) if in_steps else (None, 2), (None, None, 3))
        z = latent_steps() if in_steps else latents()
        target = np.random.default_rng(0).standard_normal((4, 6, 3)).astype("float32")
        features = ops.convert_to_numpy(decoder(z, target=target))
        assert features.shape == (4, 6, decoder.feature_width())
        np.testing.assert_allclose(loop(decoder, ops.convert_to_tensor(z), target), features, atol=1e-5)

    @pytest.mark.parametrize("name", DECODERS)
    def test_a_step_knows_its_own_latents_and_earlier_ones(self, name):
        decoder, _ = in_time(name)
        z, target = latent_steps(1, 5), np.random.default_rng(0).standard_normal((1, 5, 3)).astype("float32")
        moved = np.zeros((5, 5))
        before = ops.convert_to_numpy(decoder(z, target=target))
        for step in range(5):
            other = z.copy()
            other[:, step] += 1.0
            moved[:, step] = np.abs(ops.convert_to_numpy(decoder(other, target=target)) - before).max(axis=(0, 2))
        assert np.abs(np.triu(moved, 1)).max() == 0.0
        assert (np.diagonal(moved) > 1e-3).all()
        assert (np.diagonal(moved, -1) > 1e-4).all()

    @pytest.mark.parametrize("autoregressive", [True, False])
    @pytest.mark.parametrize("name", DECODERS)
    def test_what_is_decoded_is_a_fixed_point(self, name, autoregressive):
        decoder, likelihood = in_time(name, autoregressive=autoregressive, max_length=3)
        assert decoder.requires_target is autoregressive
        z = latent_steps()
        decoded = decoder.decode(ops.convert_to_tensor(z), likelihood)
        assert tuple(decoded.shape) == (4, 6, 3)  # as many as z has, whatever max_length says
        target = {"target": decoded} if autoregressive else {}
        params = likelihood(decoder(z, **target))
        np.testing.assert_allclose(*(ops.convert_to_numpy(part) for part in (params["loc"], decoded)), atol=1e-5)
        again = decoder.decode(ops.convert_to_tensor(z), likelihood, length=6)
        np.testing.assert_array_equal(*(ops.convert_to_numpy(part) for part in (again, decoded)))
        with pytest.raises(ValueError, match=r"Expected: 4 steps. Received: latents of 6"):
            decoder.decode(ops.convert_to_tensor(z), likelihood, length=4)

    @pytest.mark.parametrize("name", DECODERS)
    def test_data_of_a_known_length(self, name):
        decoder, likelihood = in_time(name, steps=6)
        assert decoder.compute_output_shape((None, 6, 2)) == (None, 6, decoder.feature_width())
        assert tuple(decoder.decode(ops.convert_to_tensor(latent_steps()), likelihood).shape) == (4, 6, 3)

    @pytest.mark.parametrize("autoregressive", [True, False])
    @pytest.mark.parametrize("name", DECODERS)
    def test_steps_that_are_known_when_it_runs_only(self, name, autoregressive):
        decoder, likelihood = in_time(name, autoregressive=autoregressive)

        class Run(keras.Model):
            def call(self, z):
                return decoder.decode(z, likelihood)

        z = latent_steps()
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            run = tf.function(Run(), input_signature=[tf.TensorSpec((None, None, 2))])
        else:
            run = Run()
        expected = ops.convert_to_numpy(decoder.decode(ops.convert_to_tensor(z), likelihood))
        found = ops.convert_to_numpy(run(ops.convert_to_tensor(z)))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("name", DECODERS)
    def test_another_number_of_steps_than_the_data(self, name):
        decoder = DECODERS[name](**SIZES[name])
        with pytest.raises(ValueError, match=r"Argument `z`.*: 6 steps. Received: latents of 5.*flatten_latents"):
            decoder.build((None, 5, 2), (None, 6, 3))
        decoder.build((None, None, 2), (None, None, 3))
        with pytest.raises(ValueError, match=r"Expected: 4 steps. Received: latents of 6"):
            decoder(latent_steps(), target=np.zeros((4, 4, 3), "float32"))
        decoder = DECODERS[name](**SIZES[name], autoregressive=False)
        decoder.build((None, None, 2), (None, 4, 3))
        with pytest.raises(ValueError, match=r"Expected: 4 steps. Received: latents of 6"):
            decoder(latent_steps())
        with pytest.raises(ValueError, match=r"axes must be known. Received: z_shape=.*flatten_latents=False"):
            DECODERS[name](**SIZES[name], flatten_latents=True).build((None, None, 2), (None, None, 3))

    @pytest.mark.parametrize("name", DECODERS)
    def test_all_of_them_as_one_vector(self, name):
        """Latents of two axes that are no time, such as categorical ones: told to every step, as in files of 0.1."""
        flat = DECODERS[name](**SIZES[name], flatten_latents=True)
        config = flat.get_config()
        del config["flatten_latents"]
        old = DECODERS[name].from_config(config)
        vector = DECODERS[name](**SIZES[name])
        z, target = latent_steps(4, 2), np.random.default_rng(0).standard_normal((4, 6, 3)).astype("float32")
        for decoder, shape in ((flat, (None, 2, 2)), (old, (None, 2, 2)), (vector, (None, 4))):
            decoder.build(shape, (None, None, 3))
        expected = ops.convert_to_numpy(flat(z, target=target))
        for decoder, told in ((old, z), (vector, z.reshape(4, 4))):
            decoder.set_weights(flat.get_weights())
            np.testing.assert_array_equal(ops.convert_to_numpy(decoder(told, target=target)), expected)

    def test_a_config_written_by_hand_means_what_the_constructor_means(self):
        assert not kv.decoders.get({"class_name": "gru", "config": {"hidden_units": (4,)}}).flatten_latents

    def test_categorical_latents_of_sequences(self):
        vae = kv.VAE(
            (None, 3),
            2,
            encoder=kv.encoders.GRU((3,)),
            prior="uniform_categorical",
            posterior="categorical",
            decoder=kv.decoders.GRU((3,), flatten_latents=True),
            likelihood="gaussian",
        )
        assert vae.generate(2, length=5).shape == (2, 5, 3)

    def test_any_keras_model(self):
        decoder = kv.decoders.FromModel(keras.Sequential([keras.layers.Dense(5, "tanh"), keras.layers.Dense(4)]))
        decoder.build((None, None, 2), (None, None, 3))
        assert decoder.compute_output_shape((None, None, 2)) == (None, None, 4)
        z = latent_steps()
        features = ops.convert_to_numpy(decoder(z))
        assert features.shape == (4, 6, 4)
        np.testing.assert_allclose(ops.convert_to_numpy(decoder(z[:, 2:3])), features[:, 2:3], atol=1e-6)
        likelihood = kv.VAE((None, 3), 2, decoder=kv.decoders.GRU((4,)), likelihood="gaussian").likelihood
        assert tuple(decoder.decode(z, likelihood).shape) == (4, 6, 3)


class TestWordDropout:
    def test_a_hidden_step_is_not_seen_in_training(self):
        decoder = kv.decoders.GRU((4,), word_dropout=1.0)
        decoder.build((None, 2), (None, 5, 3))
        z, x = latents(2), np.random.default_rng(0).standard_normal((2, 5, 3)).astype("float32")

        def features(target, training):
            return ops.convert_to_numpy(decoder(z, target=target, training=training))

        np.testing.assert_array_equal(features(x, True), features(0 * x, True))
        assert np.abs(features(x, False) - features(0 * x, False)).max() > 0.01

    def test_the_rate_of_hidden_steps(self):
        layer = kv.layers.WordDropout(0.3, seed=1)
        x = np.ones((50, 40, 2), "float32")
        first, second = (ops.convert_to_numpy(layer(x, training=True)) for _ in range(2))
        assert abs((first[..., 0] == 0).mean() - 0.3) < 0.03
        np.testing.assert_array_equal(first[..., 0], first[..., 1])
        assert (first != second).any()
        assert set(np.unique(first)) == {0.0, 1.0}  # what is left is not scaled

    def test_its_noise_is_saved(self, tmp_path):
        vae = make("gru", (9,), tokens(), word_dropout=0.5)
        vae.compile("sgd")
        x = np.full((4, 9), 3, "int32")
        vae.fit(x, epochs=1, verbose=0)
        vae.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        state, restored = (ops.convert_to_numpy(model.decoder.hide.seed_generator.state) for model in (vae, loaded))
        np.testing.assert_array_equal(state, restored)
        assert state[1] > 0


class TestEmbedding:
    def test_wide_data_get_one(self):
        widths = {}
        for name, width, units in (("words", 200, None), ("keys", 88, None), ("asked", 88, 5), ("refused", 200, 0)):
            encoder, decoder = (family.GRU((3,), embedding_units=units) for family in (kv.encoders, kv.decoders))
            encoder.build((None, None, width))
            decoder.build((None, 2), (None, None, width))
            widths[name] = [part.embedding and part.embedding.units for part in (encoder, decoder)]
        assert widths == {"words": [64, 64], "keys": [None, None], "asked": [5, 5], "refused": [None, None]}

    @pytest.mark.parametrize("units", [-1, 1.5, "many"])
    def test_bad_units(self, units):
        with pytest.raises(ValueError, match="embedding_units"):
            kv.encoders.GRU(embedding_units=units)


@pytest.mark.parametrize("family", ["encoder", "decoder"])
@pytest.mark.parametrize("shape", [(5,), (5, 4, 3), (5, None)])
def test_data_that_are_no_sequences(family, shape):
    network = kv.encoders.GRU((3,)) if family == "encoder" else kv.decoders.GRU((3,))
    shapes = [(None, *shape)] if family == "encoder" else [(None, 2), (None, *shape)]
    with pytest.raises(ValueError, match=rf"{family} 'gru' needs sequences.*Received: \({shape[0]}"):
        network.build(*shapes)


def test_a_decoder_without_its_target_says_so():
    vae = make("gru")
    with pytest.raises(ValueError, match="needs `target`"):
        vae.decoder(latents())


def test_no_length_is_known():
    vae = make("gru")
    with pytest.raises(ValueError, match=r"length.*max_length"):
        vae.generate(2)
    assert vae.generate(2, length=3).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("data_shape", "likelihood", "words"),
    [((None, 3), "gaussian", "known length"), ((5,), tokens, "categorical data")],
)
def test_pseudo_inputs_cannot_be_sequences_of_unknown_length_or_of_tokens(data_shape, likelihood, words):
    with pytest.raises(ValueError, match=words):
        kv.VAE(data_shape, 2, prior="vamp", likelihood=likelihood if isinstance(likelihood, str) else likelihood())


def test_pseudo_inputs_of_a_known_length():
    vae = kv.VAE(
        (4, 3),
        2,
        encoder=ENCODERS["gru"](),
        decoder=kv.decoders.GRU((3,)),
        likelihood="gaussian",
        prior=kv.priors.VampPrior(3),
        seed=0,
    )
    x = np.random.default_rng(0).standard_normal((6, 4, 3)).astype("float32")
    vae.prior.adapt(x)
    assert vae.generate(2).shape == (2, 4, 3)


@pytest.mark.on_torch
def test_the_layers_that_bidirectional_copies_are_not_freed(monkeypatch):
    """While a file is loaded, Keras takes a layer at the address of a freed one for the same layer."""
    copied, make = [], keras.layers.Bidirectional

    def bidirectional(layer, **options):
        copied.append(weakref.ref(layer))
        return make(layer, **options)

    monkeypatch.setattr(keras.layers, "Bidirectional", bidirectional)
    encoder = kv.encoders.GRU((2, 2))
    encoder.build((None, 3, 2))
    gc.collect()
    assert [layer().name for layer in copied] == ["layer_0", "layer_1"]
    assert len(encoder.weights) == 4 * 3  # those copied have no weights here


class TestSkipConnections:
    @pytest.mark.parametrize("in_steps", [True, False])
    @pytest.mark.parametrize("name", DECODERS)
    def test_one_pass_and_the_loop_agree(self, name, in_steps):
        keras.utils.set_random_seed(1)
        decoder = DECODERS[name](**SIZES[name], skip_connections=True)
        decoder.build((None, None, 2) if in_steps else (None, 2), (None, None, 3))
        z = latent_steps() if in_steps else latents()
        target = np.random.default_rng(0).standard_normal((4, 6, 3)).astype("float32")
        features = ops.convert_to_numpy(decoder(z, target=target))
        assert features.shape == (4, 6, decoder.feature_width()) == decoder.compute_output_shape(z.shape, target.shape)
        np.testing.assert_allclose(loop(decoder, ops.convert_to_tensor(z), target), features, atol=1e-5)
        np.testing.assert_array_equal(features[..., -2:], z if in_steps else np.broadcast_to(z[:, None], (4, 6, 2)))

    @pytest.mark.parametrize("name", ["gru", "tcn", "transformer"])
    def test_the_second_layer_sees_the_latents_without_the_first(self, name):
        """With the first layer's weights at zero, z reaches the features of the network by the second layer alone."""
        changes = {}
        for skips in (False, True):
            vae = make(name, skip_connections=skips)
            decoder = vae.decoder
            first = {
                "gru": lambda d=decoder: [d.recurrent_layers[0], *d.first_states],
                "tcn": lambda d=decoder: [d.embed, d.blocks[0]],
                "transformer": lambda d=decoder: [d.embed, d.blocks[0]],
            }[name]()
            for weight in (weight for layer in first for weight in layer.weights):
                weight.assign(ops.zeros_like(weight))
            target = np.ones((4, 6, 3), "float32")
            features = ops.convert_to_numpy(decoder(ops.convert_to_tensor(latents()), target=target))
            changes[skips] = np.ptp(features[..., :4], axis=0).max()
        assert changes[False] < 1e-6
        assert changes[True] > 1e-2

    @pytest.mark.parametrize("name", DECODERS)
    def test_decoded_tokens_are_a_fixed_point(self, name):
        vae = make(name, (9,), tokens(), skip_connections=True)
        decoded = vae.decode(latents(8))
        target = vae.likelihood.to_network(ops.convert_to_tensor(decoded))
        params = vae.likelihood(vae.decoder(ops.convert_to_tensor(latents(8)), target=target))
        mode = ops.convert_to_numpy(vae.likelihood.distribution(params).mode())
        behind = np.cumsum(decoded == END, axis=1) - (decoded == END) > 0
        np.testing.assert_array_equal(decoded[~behind], mode[~behind])

    def test_old_configs_have_none(self):
        config = kv.decoders.GRU((4,)).get_config()
        assert config.pop("skip_connections") is False
        assert not kv.decoders.GRU.from_config(config).skip_connections
