"""What users do with a trained model."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, one_hot, small_vae, vectors

X = vectors(11)
C = one_hot(11)


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(0)
    model = compiled(small_vae(), keras.optimizers.Adam(0.05))
    model.fit(vectors(64), epochs=5, verbose=0)
    return model


@pytest.fixture(scope="module")
def conditional():
    return small_vae(condition_shape=(3,))


def test_shapes_and_types(vae):
    results = {
        "predict": (vae.predict(X), (11, 6)),
        "reconstruct": (vae.reconstruct(X, deterministic=False), (11, 6)),
        "encode": (vae.encode(X), (11, 2)),
        "decode": (vae.decode(np.zeros((5, 2))), (5, 6)),
        "generate": (vae.generate(4), (4, 6)),
        "generate one": (vae.generate(), (1, 6)),
        "interpolate": (vae.interpolate(X[:3], X[3:6], steps=5), (3, 5, 6)),
        "elbo": (vae.elbo(X), (11,)),
    }
    for verb, (result, shape) in results.items():
        assert type(result) is np.ndarray, verb
        assert result.dtype == np.float32, verb
        assert result.shape == shape, verb
        assert np.isfinite(result).all(), verb


@pytest.mark.parametrize("rows", [1, 31, 32, 33])
def test_batches_do_not_show(vae, rows):
    x = vectors(rows, seed=3)
    assert vae.predict(x).shape == (rows, 6)
    np.testing.assert_allclose(vae.encode(x, batch_size=7), vae.encode(x), atol=1e-6)
    assert vae.generate(rows, batch_size=7).shape == (rows, 6)


def test_predict_is_decode_of_encode(vae):
    np.testing.assert_allclose(vae.predict(X), vae.decode(vae.encode(X)), atol=1e-6)
    np.testing.assert_allclose(vae.reconstruct(X), vae.predict(X), atol=1e-6)
    assert ((vae.predict(X) > 0) & (vae.predict(X) < 1)).all()


def test_modes_of_the_data(vae):
    mean = vae.predict(X)
    mode = vae.reconstruct(X, "mode")
    np.testing.assert_array_equal(mode, (mean > 0.5).astype("float32"))
    sample = vae.reconstruct(X, "sample", seed=0)
    assert set(np.unique(sample)) <= {0.0, 1.0}
    draws = np.stack([vae.decode(np.zeros((200, 2)), mode="sample", seed=seed) for seed in range(5)])
    np.testing.assert_allclose(draws.mean((0, 1)), vae.decode(np.zeros((1, 2)))[0], atol=0.1)


def test_distribution_of_the_latents(vae):
    q = vae.encode(X, "distribution")
    assert isinstance(q, kv.distributions.Gaussian)
    np.testing.assert_allclose(ops.convert_to_numpy(q.mean()), vae.encode(X), atol=1e-6)
    samples = vae.encode(np.tile(X, (300, 1)), "sample", seed=0, batch_size=1100).reshape(300, 11, 2)
    deviation = np.sqrt(ops.convert_to_numpy(q.variance()))
    np.testing.assert_allclose(samples.std(0), deviation, rtol=0.25)
    np.testing.assert_allclose(samples.mean(0), vae.encode(X), atol=5 * deviation.max() / np.sqrt(300))
    # Asked again, and for other data, it is rebuilt and not remembered.
    again = vae.encode(X[:4] * 0, "distribution")
    np.testing.assert_allclose(ops.convert_to_numpy(again.mean()), vae.encode(X[:4] * 0), atol=1e-6)


@pytest.mark.parametrize(
    "verb",
    [
        lambda vae, seed: vae.generate(5, seed=seed),
        lambda vae, seed: vae.encode(X, "sample", seed=seed),
        lambda vae, seed: vae.reconstruct(X, deterministic=False, seed=seed),
        lambda vae, seed: vae.decode(np.zeros((5, 2)), mode="sample", seed=seed),
        lambda vae, seed: vae.elbo(X, seed=seed),
    ],
    ids=["generate", "encode", "reconstruct", "decode", "elbo"],
)
def test_seeds(vae, verb):
    first = verb(vae, 7)
    unseeded = verb(vae, None)
    np.testing.assert_array_equal(verb(vae, 7), first)
    assert not np.array_equal(verb(vae, 8), first)
    assert not np.array_equal(verb(vae, None), unseeded)
    assert not np.array_equal(verb(vae, np.int64(9)), first)


def test_rows_of_one_call_differ(vae):
    z = vae.encode(np.repeat(X[:1], 40, axis=0), "sample", seed=0)
    assert len(np.unique(z[:, 0])) == 40


def test_temperature(vae):
    cold = vae.generate(3, temperature=0)
    np.testing.assert_allclose(cold, np.repeat(vae.decode(np.zeros((1, 2))), 3, axis=0), atol=1e-6)
    spread = [vae.generate(200, seed=0, temperature=value).std(0).mean() for value in (0.0, 0.3, 1, np.float32(3.0))]
    assert spread == sorted(spread)
    assert spread[0] < 1e-5 < spread[1]


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_interpolation(vae, path):
    walk = vae.interpolate(X[:3], X[3:6], steps=4, path=path)
    np.testing.assert_allclose(walk[:, 0], vae.predict(X[:3]), atol=1e-5)
    np.testing.assert_allclose(walk[:, -1], vae.predict(X[3:6]), atol=1e-5)
    single = vae.interpolate(X[0], X[3], steps=4, path=path)
    assert single.shape == (4, 6)
    np.testing.assert_allclose(single, walk[0], atol=1e-5)


def test_linear_interpolation_is_straight_and_spherical_keeps_norms(vae):
    a, b = vae.encode(X[:1]), vae.encode(X[1:2])
    np.testing.assert_allclose(vae.interpolate(X[:1], X[1:2], steps=3)[:, 1], vae.decode((a + b) / 2), atol=1e-5)
    assert vae.interpolate(X[0], X[0], steps=2, path="spherical").shape == (2, 6)
    assert vae.interpolate(X[0], X[1], steps=1).shape == (1, 6)


def test_elbo_is_minus_the_loss(vae):
    """They use different noise, so they agree up to its standard error."""
    many = np.tile(X, (100, 1))
    draws = vae.elbo(many, seed=0, batch_size=1100).reshape(100, 11)
    loss = vae.evaluate(many, batch_size=1100, verbose=0, return_dict=True)["loss"]
    assert abs(loss + draws.mean()) < 5 * np.sqrt(2) * draws.mean(1).std() / np.sqrt(100)
    averaged = vae.elbo(X, num_samples=50, seed=0)
    np.testing.assert_allclose(averaged, draws.mean(0), atol=6 * draws.std(0).max() / np.sqrt(50))


def test_elbo_ignores_beta():
    vae = small_vae(objective=kv.objectives.ELBO(beta=7.0))
    before = vae.elbo(X, seed=0)
    vae.objective.beta.assign(0.0)
    np.testing.assert_array_equal(vae.elbo(X, seed=0), before)


def test_conditional_verbs(conditional):
    assert conditional.predict([X, C]).shape == (11, 6)
    assert conditional.generate(4, C[:4]).shape == (4, 6)
    assert conditional.generate(condition=C[:4]).shape == (4, 6)
    one = conditional.generate(4, C[0], seed=0)
    np.testing.assert_allclose(one, conditional.generate(4, np.repeat(C[:1], 4, axis=0), seed=0), atol=1e-6)
    assert conditional.generate(condition=C[0]).shape == (1, 6)
    z = conditional.encode([X, C])
    assert not np.allclose(conditional.decode(z, C), conditional.decode(z, np.roll(C, 1, axis=1)))
    walk = conditional.interpolate(X[:2], X[2:4], 5, C[:2])
    np.testing.assert_allclose(walk[:, 0], conditional.predict([X[:2], C[:2]]), atol=1e-5)
    assert conditional.interpolate(X[0], X[1], 5, C[0]).shape == (5, 6)


def test_verbs_leave_the_training_alone():
    """Looking at a model between two epochs changes nothing of what it is trained on next."""

    class Looks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.elbo(X)
            self.model.generate(2)

        def on_train_batch_end(self, batch, logs=None):
            self.model.encode(X, "sample")

    runs = []
    for callbacks in ([], [Looks()]):
        keras.utils.set_random_seed(3)
        model = compiled(small_vae())
        # In order: on torch, every loader that Keras makes advances the generator that shuffles.
        history = model.fit(X, epochs=3, batch_size=4, shuffle=False, verbose=0, callbacks=callbacks).history
        runs.append(history["loss"])
    np.testing.assert_allclose(*runs, rtol=1e-6)


def test_verbs_in_a_callback_see_the_current_weights():
    """On JAX the weights are outside of the model while `fit` runs."""
    seen = []

    class Looks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.predict(X[:1]))

    model = compiled(small_vae(), keras.optimizers.SGD(0.1))
    before = model.predict(X[:1])
    model.fit(X, batch_size=4, verbose=0, callbacks=[Looks()])
    steps = [before, *seen]
    assert all(not np.allclose(a, b, atol=1e-7) for a, b in itertools.pairwise(steps))
    np.testing.assert_allclose(seen[-1], model.predict(X[:1]), atol=1e-6)


def test_progress_bar_only_on_long_work(vae, capsys):
    capsys.readouterr()
    vae.predict(X)
    vae.generate(100)
    assert capsys.readouterr().out == ""
    vae.generate(5000, batch_size=2500)
    assert "2/2" in capsys.readouterr().out
    vae.encode(X, verbose=1)
    assert "1/1" in capsys.readouterr().out
    vae.generate(5000, batch_size=2500, verbose=0)
    assert capsys.readouterr().out == ""


def test_a_verb_is_traced_once(vae):
    """The same verb with other seeds and temperatures runs the same compiled function."""
    vae.generate(4, seed=0, temperature=0.5)
    verbs = dict(vae.runner.functions)
    vae.generate(4, seed=1, temperature=0.9)
    assert vae.runner.functions == verbs


def test_summary(vae, capsys):
    vae.summary()
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("encoder", "decoder", "posterior", "likelihood"))
    # The encoder, two heads of two latents, the decoder, the likelihood's head, and beta.
    assert vae.count_params() == (6 * 8 + 8) + 2 * (8 * 2 + 2) + (2 * 8 + 8) + (8 * 6 + 6) + 1
