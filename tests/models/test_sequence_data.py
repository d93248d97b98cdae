"""Sequences of unequal length through `fit` and the verbs: masks in every form of data, and figures per token."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv

LENGTHS = np.array([5, 2, 3, 1, 4, 5])
MASK = np.arange(5) < LENGTHS[:, None]
X = np.where(MASK[..., None], np.random.default_rng(0).standard_normal((6, 5, 2)), 1e3).astype("float32")
TOKENS = np.where(MASK, np.random.default_rng(1).integers(2, 7, (6, 5)), 0)
WEIGHTS = np.array([2.0, 0.0, 1.0, 1.0, 0.5, 1.5], "float32")


class Batches(keras.utils.PyDataset):
    """Two batches, each padded to its own longest sequence."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        rows = ([1, 2, 3], [0, 4, 5])[index]
        longest = LENGTHS[rows].max()
        return ({"x": X[rows][:, :longest], "mask": MASK[rows][:, :longest]},)


def dataset():
    import tensorflow as tf

    spec = {"x": tf.TensorSpec((None, None, 2), "float32"), "mask": tf.TensorSpec((None, None), "bool")}
    return tf.data.Dataset.from_generator(lambda: (batch for (batch,) in Batches()), output_signature=spec)


def networks():
    return {"encoder": kv.encoders.GRU((3,), bidirectional=False), "decoder": kv.decoders.GRU((3,))}


@pytest.fixture(scope="module")
def sequences():
    """A model of series, and one of tokens, compiled."""
    keras.utils.set_random_seed(0)
    series = kv.VAE((None, 2), 2, likelihood=kv.likelihoods.Gaussian(scale=1.0), seed=0, **networks())
    tokens = kv.VAE((5,), 2, likelihood=kv.likelihoods.Categorical(7, padding=0, end=1), seed=0, **networks())
    for vae in (series, tokens):
        vae.compile(keras.optimizers.SGD(0.0))
    return series, tokens


@pytest.fixture(scope="module")
def averaging():
    """A model of series whose loss is an average over many latents, so that the noise hides nothing."""
    keras.utils.set_random_seed(0)
    likelihood = kv.likelihoods.Gaussian(scale=1.0)
    vae = kv.VAE(
        (None, 2), 2, likelihood=likelihood, objective=kv.objectives.ELBO(num_samples=400), seed=0, **networks()
    )
    vae.compile(keras.optimizers.SGD(0.0))
    return vae


@pytest.mark.parametrize("form", ["arrays", "PyDataset", "tf.data"])
def test_every_form_of_data_gives_the_same_sums(averaging, form):
    vae = averaging
    data = {"arrays": {"x": X, "mask": MASK}, "PyDataset": Batches(), "tf.data": dataset()}[form]
    expected = -vae.elbo({"x": X, "mask": MASK}, num_samples=400, seed=0)
    history = vae.fit(data, batch_size=3, epochs=1, shuffle=False, verbose=0, validation_data=({"x": X, "mask": MASK},))
    # Draws differ; the padding would add 10^6.
    assert abs(history.history["loss"][0] - expected.mean()) < 0.5
    assert abs(history.history["val_loss"][0] - expected.mean()) < 0.5


def test_validation_data_as_a_dict(sequences):
    history = sequences[0].fit(
        {"x": X, "mask": MASK}, epochs=1, verbose=0, validation_data={"x": X[:2], "mask": MASK[:2]}
    )
    assert history.history["val_loss"][0] < 100


def test_weights_of_sequences(averaging):
    losses = -averaging.elbo({"x": X, "mask": MASK}, num_samples=400, seed=0)
    result = averaging.evaluate({"x": X, "mask": MASK}, sample_weight=WEIGHTS, verbose=0, return_dict=True)
    assert abs(result["loss"] - (WEIGHTS * losses).mean()) < 0.5


def test_reconstruction_is_summed_over_valid_steps(sequences):
    vae = sequences[0]
    inputs = {"x": X, "mask": MASK}
    terms = vae.terms(inputs, seed=0)
    loc = ops.convert_to_numpy(terms.likelihood.loc)
    steps = -0.5 * (np.square(X - loc) + np.log(2 * np.pi)).sum(axis=-1)
    by_hand = np.where(MASK, steps, 0.0).sum(axis=1)
    given = ops.convert_to_numpy(terms.log_likelihood)[:, 0]
    np.testing.assert_allclose(given, by_hand, rtol=1e-4)


def test_perplexity_by_hand(sequences):
    vae = sequences[1]
    state = ops.convert_to_numpy(vae.seed_generator.state)
    terms = vae.terms(TOKENS, seed=vae.seed_generator)
    logits = ops.convert_to_numpy(terms.likelihood.logits).astype("float64")
    logits[..., 0] = -np.inf  # padding counts nowhere, so it has no probability
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    nats = -np.take_along_axis(log_p, TOKENS[..., None], axis=-1)[..., 0]
    nats = np.where(MASK, nats, 0.0).sum(axis=1)
    kl = ops.convert_to_numpy(terms.kl).sum(axis=1)
    for weights in (None, WEIGHTS):
        for tracker in vae.rate_trackers:
            tracker.reset_state()
        vae.seed_generator.state.assign(state)  # the same noise
        vae.compute_loss(x=TOKENS, sample_weight=weights, training=False)
        results = [float(tracker.result()) for tracker in vae.rate_trackers]
        w = np.ones(6) if weights is None else weights
        count = (w * LENGTHS).sum()
        by_hand = [np.exp((w * (nats + kl)).sum() / count), np.exp((w * nats).sum() / count)]
        np.testing.assert_allclose(results, by_hand, rtol=1e-4)


def test_perplexity_is_reported(sequences):
    results = sequences[1].evaluate(TOKENS, verbose=0, return_dict=True)
    total = results["reconstruction_loss"] * len(TOKENS) / LENGTHS.sum()
    assert abs(results["reconstruction_perplexity"] - np.exp(total)) < 1e-3 * np.exp(total)


def test_verbs_of_series(sequences):
    vae = sequences[0]
    data = {"x": X, "mask": MASK}
    assert vae.encode(data).shape == (6, 2)
    assert vae.predict(data).shape == vae.reconstruct(data, mode="sample", seed=0).shape == (6, 5, 2)
    assert vae.reconstruct(data, length=8).shape == (6, 8, 2)
    assert vae.generate(2, length=3).shape == (2, 3, 2)
    assert vae.interpolate(X[0], X[5], steps=3).shape == (3, 5, 2)
    elbo = vae.elbo(data, num_samples=50, seed=0)
    bound = vae.log_likelihood(data, num_samples=50, seed=0)
    assert (bound > elbo - 0.1).all()
    np.testing.assert_allclose(vae.encode(Batches())[:3], vae.encode(data)[[1, 2, 3]], atol=1e-5)


def test_batches_of_several_lengths_in_verbs(sequences):
    series, _ = sequences
    per_row = series.elbo(Batches(), seed=0)
    assert per_row.shape == (6,)
    assert np.isfinite(per_row).all()
    with pytest.raises(ValueError, match=r"batches of `x` differ in length.*Pad every batch to one length"):
        series.predict(Batches(), verbose=0)


def test_verbs_of_tokens(sequences):
    vae = sequences[1]
    for tokens in (vae.predict(TOKENS), vae.reconstruct(TOKENS), vae.generate(6, mode="sample", seed=0)):
        assert tokens.shape == (6, 5)
        assert tokens.dtype.kind == "i"
        assert set(np.unique(tokens)) <= set(range(7))
    assert vae.interpolate(TOKENS[:2], TOKENS[4:], steps=3).shape == (2, 3, 5)
    assert np.isfinite(vae.log_likelihood(TOKENS, num_samples=5, seed=0)).all()


@pytest.mark.parametrize(
    ("index", "data", "words"),
    [
        (0, {"x": X, "mask": MASK & (np.arange(6) != 2)[:, None]}, r"row 2 has no valid step, 1 such.*mask is False"),
        (1, np.where(np.arange(6)[:, None] == 4, 0, TOKENS), r"row 4 has no valid step.*padding only"),
        (1, TOKENS + 2, r"Received: 7 at index|Received: 8 at index"),
        (1, TOKENS + 0.5, "whole numbers"),
        (0, {"x": X, "mask": MASK[:, :4]}, r"mask.*Received: shape \(6, 4\)"),
        (0, X[:, :0], "empty sequences"),
        (0, {"x": X, "mask": np.flip(MASK, 1)}, r"before a valid step in `mask`.*padding='post'"),
    ],
    ids=["all masked", "all padding", "unknown token", "no token", "short mask", "no steps", "padding in front"],
)
def test_bad_sequences_are_named(sequences, index, data, words):
    with pytest.raises(ValueError, match=words):
        sequences[index].fit(data, verbose=0)


def test_a_length_where_the_shape_has_one(sequences):
    with pytest.raises(ValueError, match=r"length.*data_shape=\(5,\)"):
        sequences[1].generate(2, length=3)


def test_the_default_networks():
    series = kv.VAE((None, 5), likelihood="gaussian")
    tokens = kv.VAE((40,), likelihood=kv.likelihoods.Categorical(60, padding=0, end=1))
    for vae in (series, tokens):
        assert type(vae.encoder) is kv.encoders.GRU
        assert type(vae.decoder) is kv.decoders.GRU


class TestTokensAreDecodedWell:
    """Padding is never decoded in front of an end, and what makes no sense for tokens is refused."""

    @pytest.fixture(scope="class")
    def vae(self):
        return kv.VAE(
            (6,), 2, decoder=kv.decoders.GRU((4,)), likelihood=kv.likelihoods.Categorical(4, padding=0, end=1), seed=0
        )

    def test_no_padding_in_front_of_the_end(self, vae):
        drawn = vae.generate(200, mode="sample", seed=0)
        behind = np.cumsum(drawn == 1, axis=1) - (drawn == 1) > 0
        assert behind.any()
        np.testing.assert_array_equal(drawn == 0, behind)

    @pytest.mark.parametrize(
        ("options", "words"),
        [({"mode": "mean"}, "no mean"), ({"data_temperature": 0.5}, "mode='sample'")],
    )
    def test_what_makes_no_sense_is_refused(self, vae, options, words):
        with pytest.raises(ValueError, match=words):
            vae.generate(2, **options)

    def test_padding_in_front_is_refused(self, vae):
        with pytest.raises(ValueError, match=r"row 1 has padding before a valid step.*padding='post'"):
            vae.elbo(np.array([[2, 3, 1, 0, 0, 0], [0, 0, 2, 3, 3, 1]]))


def test_pixels_divided_by_255_where_whole_numbers_are_expected():
    vae = kv.VAE((4,), 2, likelihood="discretized_logistic")
    for verb in (vae.encode, vae.elbo):
        with pytest.raises(ValueError, match="divided by 255"):
            verb(np.random.default_rng(0).random((3, 4)))


def test_a_name_that_needs_arguments_says_which():
    with pytest.raises(ValueError, match=r"'categorical' has no default for num_categories.*Categorical\(num_cat"):
        kv.VAE((4,), 2, likelihood="categorical")
