"""Likelihoods in models: where training starts, steps of a sequence, masks, gradients far out."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.mathematics.autodiff import vector_jacobian
from tests.models.small import compiled, small_vae
from tests.registered import own

RNG = np.random.default_rng(0)
LEVELS = RNG.integers(0, 256, (12, 4, 4, 3))


# "tfp" runs on one backend; the others are made of likelihoods, and have tests of their own.
SINGLE = [name for name in own(kv.registry.likelihoods) if name not in ("tfp", "joint", "columns")]


def built(likelihood, data_shape, width=5):
    likelihood.build((None, *data_shape[:-1], width), data_shape)
    return likelihood


@pytest.mark.parametrize(
    "make",
    [
        kv.likelihoods.DiscretizedLogistic,
        kv.likelihoods.DiscretizedLogisticMixture,
        lambda: kv.likelihoods.DiscretizedLogisticMixture(1),
        kv.likelihoods.BetaBinomial,
        lambda: kv.likelihoods.Categorical(256, ordered=True),
    ],
)
def test_training_on_8_bits_starts_near_8_bits(make):
    likelihood = built(make(), (4, 4, 3))
    # half a unit: with five features the head weighs each as much as it would weigh dozens of a real network
    features = 0.5 * RNG.standard_normal((12, 4, 4, 5)).astype("float32")
    log_prob = ops.convert_to_numpy(likelihood.distribution(likelihood(features)).log_prob(LEVELS))
    assert 7.9 < -log_prob.mean() / 48 / np.log(2) < 9.5


def test_a_mixture_of_one_channel_starts_at_8_bits():
    likelihood = built(kv.likelihoods.DiscretizedLogisticMixture(), (4, 4, 1))
    features = RNG.standard_normal((12, 4, 4, 5)).astype("float32")
    log_prob = ops.convert_to_numpy(likelihood.distribution(likelihood(features)).log_prob(LEVELS[..., :1]))
    assert 7.9 < -log_prob.mean() / 16 / np.log(2) < 9.0


@pytest.mark.parametrize("name", [name for name in SINGLE if name != "categorical"])
def test_one_step_at_a_time(name):
    """The distribution of one pixel, from features whose leading axes are shorter than the data's."""
    likelihood = built(kv.likelihoods.get(name), (3, 2, 2))
    features = RNG.standard_normal((5, 3, 2, 5)).astype("float32")
    whole = likelihood.distribution(likelihood(features))
    step = likelihood.distribution(likelihood(features[:, 1:2, 1:2]))
    x = ops.convert_to_numpy(whole.sample(0))[:, 1:2, 1:2]
    full = np.repeat(np.repeat(x, 3, 1), 2, 2)
    expected = ops.convert_to_numpy(whole.elementwise_log_prob(ops.convert_to_tensor(full)))[:, 1:2, 1:2]
    found = ops.convert_to_numpy(step.elementwise_log_prob(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert step.sample(1).shape == (5, 1, 1, 2)


def test_one_token_at_a_time():
    likelihood = kv.likelihoods.Categorical(5)
    likelihood.build((None, None, 6), (None,))
    features = RNG.standard_normal((3, 4, 6)).astype("float32")
    whole, step = (likelihood.distribution(likelihood(f)) for f in (features, features[:, 2:3]))
    np.testing.assert_allclose(
        ops.convert_to_numpy(whole.logits)[:, 2:3], ops.convert_to_numpy(step.logits), rtol=1e-5, atol=1e-6
    )
    assert step.mode().shape == (3, 1)


def test_tokens_padding_and_end():
    tokens = kv.likelihoods.Categorical(5, padding=4, end=1)
    x = np.array([[3, 1, 4], [0, 2, 1]])
    rows = ops.convert_to_numpy(tokens.to_network(x))
    np.testing.assert_array_equal(rows, np.eye(5)[x] * (x != 4)[..., None])
    np.testing.assert_array_equal(ops.convert_to_numpy(tokens.has_ended(x)), x == 1)
    assert (tokens.padding, tokens.default_mode) == (4, "mode")
    levels = kv.likelihoods.Categorical(5, ordered=True)
    np.testing.assert_allclose(ops.convert_to_numpy(levels.to_network(x)), x / 4, rtol=1e-6)
    assert (levels.valid_mask(x), levels.has_ended(x), levels.padding, levels.default_mode) == (None, None, 0, "mean")


def test_padding_changes_nothing():
    vae = small_vae((5,), likelihood=kv.likelihoods.Categorical(6, padding=0))
    x = RNG.integers(1, 6, (8, 5))
    x[:, 3:] = 0
    compiled(vae)
    logs = vae.evaluate(x, verbose=0, return_dict=True)
    # three tokens each: perplexities are of those alone
    assert np.exp(logs["reconstruction_loss"] / 3) == pytest.approx(logs["reconstruction_perplexity"], rel=1e-3)


@pytest.mark.parametrize("name", SINGLE)
def test_gradients_are_finite_far_out(name):
    make = {"categorical": lambda: kv.likelihoods.Categorical(256, ordered=True)}
    likelihood = built(make.get(name, lambda: kv.likelihoods.get(name))(), (1, 1, 2))
    _, high, integer, *_ = likelihood.support
    x = np.array([[0.01, 0.99]]) if high == 1.0 and not integer else np.array([[0.0, 255.0]])
    x = np.repeat((x + 0.5 if name == "log_normal" else x)[:, None, None], 3, 0).astype("float32")
    for size in (0.0, 20.0, -20.0, 3e4, -3e4):
        features = np.full((3, 1, 1, 5), 0.0, "float32")
        params = {key: ops.convert_to_numpy(value) + size for key, value in likelihood(features).items()}
        names = sorted(params)

        def loss(*values, names=names):
            return -likelihood.distribution(dict(zip(names, values, strict=True))).log_prob(x)

        arguments = [params[key].astype("float32") for key in names]
        value, found = vector_jacobian(loss, arguments, np.ones(3, "float32"))
        for tensor in (value, *found):
            assert np.isfinite(tensor).all(), (name, size)


def test_scales_start_at_the_spread_of_the_data():
    x = np.exp(2.0 * RNG.standard_normal((400, 6)) + 3.0)
    for likelihood, data, expected in (
        (kv.likelihoods.LogNormal(), x, 2.0),
        (kv.likelihoods.Laplace(), np.log(x), np.sqrt(2.0)),
        (kv.likelihoods.StudentT(), np.log(x), np.sqrt(2.0)),
    ):
        likelihood.build((None, 3), (6,))
        likelihood.adapt(data)
        assert likelihood.current_scale() == pytest.approx(expected, rel=0.1)
    assert likelihood.current_df() == pytest.approx(10.0)


def test_pseudo_inputs_move_in_units_of_the_range():
    vae = compiled(small_vae((4, 4, 3), likelihood="beta_binomial", prior=kv.priors.VampPrior(3, seed=0)),
                   keras.optimizers.Adam(1e-3))  # fmt: skip
    vae.prior.adapt(LEVELS)
    before = ops.convert_to_numpy(vae.prior.pseudo_inputs)
    assert vae.prior.unit == 255.0
    assert 0.0 <= before.min() < before.max() <= 1.0
    shown = []
    vae.prior.distribution(
        np.zeros((1, 0)), encode=lambda x, context: shown.append(x) or vae.root_posterior(x, context)
    )
    assert set(np.unique(np.round(ops.convert_to_numpy(shown[0])))) <= set(np.unique(LEVELS))
    np.testing.assert_allclose(ops.convert_to_numpy(shown[0]), 255.0 * before, rtol=1e-6)
    vae.fit(LEVELS, epochs=3, verbose=0)
    # a few steps of Adam are a few thousandths of the range
    assert 1e-4 < np.abs(ops.convert_to_numpy(vae.prior.pseudo_inputs) - before).max() < 0.1


def test_batch_normalisation_of_dense_stacks():
    encoder = kv.encoders.MLP((4,), normalization="batch")
    encoder.build((None, 3))
    x = (5.0 + 2.0 * RNG.standard_normal((64, 3))).astype("float32")
    assert encoder.get_config()["normalization"] == "batch"
    trained = ops.convert_to_numpy(encoder(x, training=True))
    assert 0.2 < trained.mean() < 0.6  # relu of something standardised
    before = ops.convert_to_numpy(encoder(x, training=False))
    for _ in range(600):
        encoder(x, training=True)
    np.testing.assert_allclose(ops.convert_to_numpy(encoder(x, training=False)), trained, atol=0.1)
    assert np.abs(before - trained).max() > 0.5
    encoder.trainable = False
    frozen = ops.convert_to_numpy(encoder(x[:2], training=True))
    np.testing.assert_allclose(frozen, ops.convert_to_numpy(encoder(x[:2], training=False)), rtol=1e-5)
