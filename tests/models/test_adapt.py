"""Parts that see the data before training: once, before tracing, and without losing a batch."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, one_hot, small_vae, vectors
from tests.models.test_data_forms import STREAMS

pytestmark = pytest.mark.eager

X = vectors(22)


@kv.priors.register("test_centred", package="tests")
class Centred(kv.priors.Prior):
    """A Gaussian around a number taken from the data."""

    seen = None
    calls = 0

    def build(self, context_shape, latent_shape, data_spec=None):
        super().build(context_shape, latent_shape, data_spec)
        self.centre = self.add_weight(name="centre", shape=(), initializer="zeros", trainable=False, autocast=False)
        self.adapted = self.add_weight(name="adapted", shape=(), initializer="zeros", trainable=False)

    def adapt(self, x, condition=None):
        self.calls += 1
        self.seen = (np.asarray(x), condition)
        self.centre.assign(float(np.mean(np.asarray(x))))
        self.adapted.assign(1.0)

    def distribution(self, context, *, encode=None):
        loc = ops.zeros((ops.shape(context)[0], *self.latent_shape)) + self.centre
        return kv.distributions.Gaussian(loc, ops.zeros_like(loc))


class CountsExamples(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.steps = 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1


@pytest.mark.parametrize("form", ["arrays", *(form for form in STREAMS if form != "generator")])
def test_adapts_once_from_everything(form):
    vae = compiled(small_vae(prior=Centred()))
    data = X if form == "arrays" else STREAMS[form]((X,))
    options = {"batch_size": 8} if form == "arrays" else {}
    counter = CountsExamples()
    first = vae.fit(data, verbose=0, shuffle=False, callbacks=[counter], **options).history
    assert vae.prior.calls == 1
    np.testing.assert_allclose(vae.prior.seen[0], X)
    assert counter.steps == 3
    np.testing.assert_allclose(ops.convert_to_numpy(vae.prior.centre), X.mean(), rtol=1e-5)
    # It was there before the step was traced: the first epoch's KL is to the adapted prior.
    assert first["kl_loss"][0] > 0.01
    vae.fit(data, verbose=0, **options)
    assert vae.prior.calls == 1


def test_not_after_loading(tmp_path):
    vae = compiled(small_vae(prior="test_centred"))
    vae.fit(X, verbose=0)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.fit(1 - X, verbose=0)
    assert loaded.prior.calls == 0
    np.testing.assert_allclose(ops.convert_to_numpy(loaded.prior.centre), X.mean(), rtol=1e-5)


def pseudo_inputs(seed=None, own_seed=None):
    vae = compiled(small_vae(prior=kv.priors.VampPrior(5, seed=own_seed), seed=seed), "sgd")
    vae.prior.adapt(X)
    return ops.convert_to_numpy(vae.prior.pseudo_inputs)


def test_pseudo_inputs_are_chosen_with_the_models_seed():
    np.testing.assert_array_equal(pseudo_inputs(seed=1), pseudo_inputs(seed=1))
    assert np.any(pseudo_inputs(seed=1) != pseudo_inputs(seed=2))
    np.testing.assert_array_equal(pseudo_inputs(seed=1, own_seed=3), pseudo_inputs(seed=2, own_seed=3))


def test_pseudo_inputs_are_chosen_with_the_random_seed_of_keras():
    chosen = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        chosen.append(pseudo_inputs())
    np.testing.assert_array_equal(chosen[0], chosen[1])
    assert np.any(chosen[0] != chosen[2])


def test_the_condition_is_shown_too():
    vae = compiled(small_vae(prior=Centred(), condition_shape=(3,)))
    vae.fit([X, one_hot(22)], verbose=0)
    np.testing.assert_allclose(vae.prior.seen[1], one_hot(22))


def test_adapted_by_hand_takes_a_generator():
    vae = compiled(small_vae(prior=Centred()))
    vae.prior.adapt(X)
    counter = CountsExamples()
    vae.fit(STREAMS["generator"]((X,)), verbose=0, callbacks=[counter])
    assert vae.prior.calls == 1
    assert counter.steps == 3
    assert np.isfinite(vae.train_on_batch(X, return_dict=True)["loss"])


def test_missing_elements_of_pseudo_inputs_start_at_the_mean_of_their_element():
    x = np.array([[1.0, np.nan], [3.0, 10.0]], "float32")
    vae = small_vae(data_shape=(2,), likelihood="gaussian", prior=kv.priors.VampPrior(2, seed=0))
    vae.prior.adapt(x)
    pseudo_inputs = ops.convert_to_numpy(vae.prior.pseudo_inputs)
    np.testing.assert_allclose(pseudo_inputs[np.argsort(pseudo_inputs[:, 0])], [[1.0, 10.0], [3.0, 10.0]])


@pytest.mark.parametrize("form", ["PyDataset", "tf.data"])
def test_a_late_batch_that_is_wrong_leaves_nothing_in_the_model(form):
    x = vectors(24)
    bad = x.copy()
    bad[20] = np.inf
    vae = compiled(small_vae(likelihood="gaussian", prior=kv.priors.VampPrior(24)))
    with pytest.raises(FloatingPointError, match="batch 3"):
        vae.fit(STREAMS[form]((bad,)), shuffle=False, verbose=0, callbacks=[kv.callbacks.StopOnInvalid()])
    assert all(np.isfinite(ops.convert_to_numpy(weight)).all() for weight in vae.weights)
    assert np.isfinite(vae.fit(x, verbose=0).history["loss"]).all()


class Unequal(keras.utils.PyDataset):
    """Sequences, two batches that differ in length."""

    def __init__(self, with_mask):
        super().__init__()
        series = np.random.default_rng(0).normal(scale=3.0, size=(8, 5, 2)).astype("float32")
        self.items = [(series,), (series[:4, :3],)]
        if with_mask:
            self.items = [({"x": x, "mask": np.ones(x.shape[:2], "bool")}, x, x[..., 0] ** 0) for (x,) in self.items]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


@pytest.mark.parametrize("with_mask", [False, True])
def test_batches_of_unequal_length(with_mask):
    data = Unequal(with_mask)
    vae = compiled(kv.VAE((None, 2), 2, likelihood="gaussian", encoder=kv.encoders.GRU(3), decoder=kv.decoders.GRU(3)))
    assert np.isfinite(vae.fit(data, verbose=0).history["loss"]).all()
    pooled = np.concatenate([(item[0]["x"] if with_mask else item[0]).reshape(-1, 2) for item in data.items])
    variance = np.exp(ops.convert_to_numpy(vae.likelihood.initial_log_var))
    # each step of the series has a mean of its own
    assert 0.5 < variance / pooled.var() < 1.1
    with pytest.raises(ValueError, match="batches of `x` differ in length"):
        vae.log_likelihood(data)


def test_rows_held_out_for_validation_are_not_shown():
    vae = compiled(small_vae(prior=Centred()))
    vae.fit(X, validation_split=0.25, verbose=0)
    np.testing.assert_array_equal(vae.prior.seen[0], X[:16])
    vae = compiled(small_vae(prior=Centred()))
    vae.fit(X, validation_split=0.25, validation_data=X[:4], verbose=0)  # Keras prefers the data
    np.testing.assert_array_equal(vae.prior.seen[0], X)
