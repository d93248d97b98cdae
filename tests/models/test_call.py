"""A VAE called as Keras users call a model: its reconstruction, alone and inside other models."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, one_hot, small_vae, vectors

X = vectors(32)


@keras.saving.register_keras_serializable("tests")
class Noted(keras.layers.Layer):
    """Adds losses, as a regularizer of its own: 2 for every call."""

    def call(self, inputs):
        self.add_loss(ops.convert_to_tensor(2.0))
        return inputs


MODELS = {
    "vector": lambda: (small_vae(), X),
    "two levels": lambda: (small_vae(latent_dim=(2, 2), latents="hierarchical"), X),
    "vamp": lambda: (compiled(small_vae(prior=kv.priors.VampPrior(3, "random_normal"))), X),
    "conditional": lambda: (small_vae(condition_shape=(3,)), [X, one_hot(32)]),
    "tokens": lambda: (
        kv.VAE((5,), 2, likelihood=kv.likelihoods.Categorical(4), encoder=kv.encoders.GRU((4,)), decoder="gru"),
        np.arange(160).reshape(32, 5) % 4,
    ),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_call_is_the_reconstruction(make):
    vae, data = make()
    called = vae(keras.tree.map_structure(ops.convert_to_tensor, data))
    np.testing.assert_allclose(ops.convert_to_numpy(called), vae.predict(data), atol=1e-5)


def test_a_call_changes_no_training():
    vae = small_vae()
    before = ops.convert_to_numpy(vae.seed_generator.state)
    vae(ops.convert_to_tensor(X))
    np.testing.assert_array_equal(ops.convert_to_numpy(vae.seed_generator.state), before)
    assert vae.losses == []


def test_a_call_in_training_is_for_loops_by_hand():
    vae = small_vae()
    x = ops.convert_to_tensor(X)
    draws = [ops.convert_to_numpy(vae(x, training=True)) for _ in range(2)]
    assert np.abs(draws[0] - draws[1]).max() > 1e-4
    (loss,) = vae.losses
    assert abs(float(ops.convert_to_numpy(loss)) + vae.elbo(X, num_samples=50).mean()) < 0.5
    compiled(vae)
    assert vae.evaluate(X, verbose=0, return_dict=True)["loss"] < 2 * float(ops.convert_to_numpy(loss))


def sequential(vae):
    return keras.Sequential([keras.Input((6,)), vae])


def functional(vae):
    inputs = keras.Input((6,))
    return keras.Model(inputs, vae(inputs))


@keras.saving.register_keras_serializable("tests")
class Outer(keras.Model):
    def __init__(self, vae, **kwargs):
        super().__init__(**kwargs)
        self.vae = vae

    def call(self, inputs, training=None):
        return self.vae(inputs, training=training)


@pytest.mark.parametrize("wrap", [sequential, functional, Outer])
def test_inside_another_model_it_adds_its_objective_once(wrap):
    vae = small_vae()
    model = wrap(vae)
    model.compile(keras.optimizers.Adam(0.02), loss="mse", loss_weights=0.0)
    history = model.fit(X, X, batch_size=32, epochs=25, verbose=0).history["loss"]
    assert history[-1] < history[0] - 0.3
    alone = compiled(small_vae())
    alone.set_weights(vae.get_weights())
    rows = np.tile(X, (40, 1))
    expected = alone.evaluate(rows, batch_size=1280, verbose=0, return_dict=True)["loss"]
    assert abs(model.evaluate(rows, rows, batch_size=1280, verbose=0) - expected) < 0.1
    np.testing.assert_allclose(model.predict(X, verbose=0), vae.predict(X), atol=1e-5)


@pytest.mark.parametrize("wrap", [sequential, functional])
def test_inside_another_model_it_saves(wrap, tmp_path):
    model = wrap(small_vae())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6)


def networks(regularizer=None, noted=False):
    layers = [keras.layers.Dense(8, activation="relu", kernel_regularizer=regularizer)]
    return keras.Sequential([keras.Input((6,)), *layers, *([Noted()] if noted else [])])


@pytest.mark.parametrize("prior", ["standard", "vamp"])
def test_losses_of_layers_count(prior):
    """Those that layers add, and those of regularizers; of a second pass through the encoder too."""
    losses = {}
    for name, options in {
        "none": {},
        "noted": {"noted": True},
        "both": {"noted": True, "regularizer": keras.regularizers.L2(0.5)},
    }.items():
        keras.utils.set_random_seed(0)
        chosen = "standard" if prior == "standard" else kv.priors.VampPrior(3, "random_normal")
        vae = compiled(small_vae(encoder=networks(**options), prior=chosen))
        losses[name] = vae.evaluate(X, batch_size=32, verbose=0, return_dict=True)["loss"]
        kernel = ops.convert_to_numpy(vae.encoder.model.layers[0].kernel)
    passes = 1 if prior == "standard" else 2
    assert losses["noted"] - losses["none"] == pytest.approx(2.0 * passes, abs=1e-4)
    assert losses["both"] - losses["noted"] == pytest.approx(0.5 * np.square(kernel).sum(), rel=1e-4)


def test_metrics_of_compile_see_targets_and_means():
    vae = compiled(small_vae(), metrics=["mse"])
    logs = vae.fit(X, batch_size=8, verbose=0, validation_data=X).history
    assert {"mse", "val_mse"} <= set(logs)
    mean = vae.evaluate(X, verbose=0, return_dict=True)["mse"]
    assert mean == pytest.approx(np.square(vae.predict(X) - X).mean(), rel=0.3)


def test_what_training_needs_is_all_in_a_step():
    """Batch normalisation learns its means in `compute_loss`, and dropout is on there."""
    encoder = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5, seed=0)]
    )
    vae = compiled(small_vae(encoder=encoder))
    before = ops.convert_to_numpy(encoder.layers[1].moving_mean).copy()
    vae.fit(X, batch_size=16, verbose=0)
    after = ops.convert_to_numpy(encoder.layers[1].moving_mean)
    assert np.abs(after - before).max() > 1e-4
    vae.evaluate(X, verbose=0)
    np.testing.assert_array_equal(ops.convert_to_numpy(encoder.layers[1].moving_mean), after)
    one, two = vae.predict(X), vae.predict(X)
    np.testing.assert_array_equal(one, two)


def test_a_plot_of_the_model(tmp_path):
    pytest.importorskip("pydot")
    keras.utils.plot_model(functional(small_vae()), tmp_path / "model.dot")
