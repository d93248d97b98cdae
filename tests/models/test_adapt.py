"""Parts that see the data before training: once, before tracing, and without losing a batch."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, one_hot, small_vae, vectors
from tests.models.test_data_forms import STREAMS

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
