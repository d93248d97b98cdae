"""Targets beside the data, which an objective predicts from the latents."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.objectives import Supervised, Terms
from tests.models.small import compiled, small_vae, vectors

X = vectors(24)
Y = X.sum(axis=1)
LABELS = (X[:, 0] > 0.5).astype("int32")


class Batches(keras.utils.PyDataset):
    """Six rows at a time."""

    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return tuple(array[6 * index : 6 * index + 6] for array in self.arrays)


def softmax(classes=2):
    return keras.layers.Dense(classes, activation="softmax")


def terms_of(y, z, **values):
    """Terms of given numbers, under which the inner objective is 0."""
    rows = len(z[0])
    return Terms.of(y=y, z=z, log_likelihood=ops.zeros((rows, 1)), kl=ops.zeros((rows, 1)), **values)


def built(shapes, **options):
    objective = Supervised(**options)
    objective.build({"latent_shapes": shapes})
    return objective


def losses(objective, terms):
    return ops.convert_to_numpy(objective.loss(terms))


@pytest.mark.parametrize("y", [np.array([1.0, 2.0]), np.array([[1.0], [2.0]]), np.array([1, 2])])
@pytest.mark.parametrize("loss", ["mse", keras.losses.MeanSquaredError(), keras.losses.mean_squared_error])
def test_the_loss_is_the_weighted_keras_loss_of_the_head(y, loss):
    objective = built([(2,), (1,)], head=keras.layers.Dense(1, kernel_initializer="ones"), loss=loss, weight=2.0)
    z = [np.array([[[1.0, 2.0]], [[0.0, 1.0]]], "float32"), np.array([[[3.0]], [[0.0]]], "float32")]
    np.testing.assert_allclose(losses(objective, terms_of(y, z)), [2 * 25.0, 2 * 1.0])
    assert float(objective.prediction_tracker.result()) == 13.0


def test_the_loss_is_averaged_over_the_draws_and_not_taken_of_their_mean():
    objective = built([(1,)], head=keras.layers.Dense(1, kernel_initializer="ones"))
    z = [np.array([[[1.0], [3.0]], [[0.0], [0.0]]], "float32")]
    np.testing.assert_allclose(losses(objective, terms_of(np.array([2.0, 1.0]), z)), [1.0, 1.0])
    prediction = objective.predict_target(terms_of(None, z))
    np.testing.assert_allclose(ops.convert_to_numpy(prediction), [[2.0], [0.0]])


def test_the_loss_is_averaged_over_remaining_axes():
    head = keras.Sequential([keras.layers.Dense(6, kernel_initializer="zeros"), keras.layers.Reshape((3, 2))])
    y = np.arange(12.0).reshape(2, 3, 2)
    expected = np.square(y).mean(axis=(1, 2))
    np.testing.assert_allclose(losses(built([(2,)], head=head), terms_of(y, [np.ones((2, 1, 2), "float32")])), expected)


@pytest.mark.parametrize("labels", [np.array([0, 2]), np.array([[0], [2]]), np.array([0.0, 2.0])])
def test_class_labels(labels):
    head = keras.layers.Dense(3, kernel_initializer="zeros", bias_initializer="zeros")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    objective = built([(2,)], head=head, loss=loss, metrics=["accuracy"])
    found = losses(objective, terms_of(labels, [np.ones((2, 1, 2), "float32")]))
    np.testing.assert_allclose(found, np.log([3.0, 3.0]), rtol=1e-6)
    assert float(objective.extra_metrics[0].result()) == 0.5


@pytest.mark.parametrize(
    ("options", "y"),
    [
        ({"head": keras.layers.Dense(3)}, np.zeros(3)),  # would broadcast
        ({"head": keras.layers.Dense(1)}, np.zeros((3, 3))),
        ({"head": softmax(3), "loss": "sparse_categorical_crossentropy"}, np.zeros((3, 3))),
    ],
)
def test_a_y_that_would_broadcast_is_refused(options, y):
    objective = built([(2,)], **options)
    with pytest.raises(ValueError, match="`y` must"):
        objective.loss(terms_of(y, [np.ones((3, 1, 2), "float32")]))


def test_latents_of_any_length_are_refused():
    with pytest.raises(ValueError, match="time axis"):
        built([(None, 2)])


@pytest.mark.parametrize(
    ("options", "y", "logged"),
    [
        (dict, Y, []),
        (lambda: {"loss": "mae", "metrics": [keras.metrics.R2Score()]}, Y[:, None], ["r2_score"]),
        (
            # made in the test, where the seed of the initial weights is fixed
            lambda: {"head": softmax(), "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
            LABELS,
            ["accuracy"],
        ),
    ],
)
def test_fit_learns_to_predict_and_logs_it(options, y, logged):
    objective = Supervised(weight=20.0, **options())
    vae = compiled(small_vae(objective=objective), keras.optimizers.Adam(0.03))
    history = vae.fit(X, y, epochs=40, batch_size=8, validation_data=(X, y), verbose=0).history
    names = ["prediction_loss", *logged]
    assert set(names) | {f"val_{name}" for name in names} <= set(history)
    assert history["prediction_loss"][-1] < 0.6 * history["prediction_loss"][0]
    values = vae.evaluate(X, y, verbose=0, return_dict=True)
    expected = values["kl_loss"] + values["reconstruction_loss"] + 20.0 * values["prediction_loss"]
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-4)
    predicted = vae.predict_target(X, batch_size=7)
    assert predicted.shape == (24, 2 if logged == ["accuracy"] else 1)
    if logged == ["accuracy"]:
        assert np.mean(predicted.argmax(axis=1) == y) > 0.8
    z = vae.encode(X)
    np.testing.assert_allclose(predicted, ops.convert_to_numpy(objective.head(z)), rtol=1e-4, atol=1e-5)


def test_a_ragged_last_batch_weighs_its_rows():
    vae = compiled(small_vae(objective=Supervised(head=keras.layers.Dense(1, kernel_initializer="zeros"))))
    for batch_size in (24, 10):
        values = vae.evaluate(X, Y, batch_size=batch_size, verbose=0, return_dict=True)
        np.testing.assert_allclose(values["prediction_loss"], np.mean(Y**2), rtol=1e-5)
    weights = np.linspace(0.0, 2.0, 24)
    values = vae.evaluate(X, Y, batch_size=10, sample_weight=weights, verbose=0, return_dict=True)
    np.testing.assert_allclose(values["prediction_loss"], np.mean(weights * Y**2), rtol=1e-5)


def test_every_form_of_data():
    vae = compiled(small_vae(objective="supervised", condition_shape=(6,)))
    inputs = [X, X]
    assert "val_prediction_loss" in vae.fit(inputs, Y, validation_data=(inputs, Y), verbose=0).history
    vae = compiled(small_vae(objective="supervised"))
    stream = Batches(X, Y, np.ones(24))
    history = vae.fit(stream, validation_data=Batches(X, Y), verbose=0).history
    assert "val_prediction_loss" in history
    expected = vae.predict_target(X)
    np.testing.assert_allclose(vae.predict_target(Batches(X, Y)), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(vae.predict_target(Batches(X)), expected, rtol=1e-5, atol=1e-6)
    assert vae.predict(Batches(X), verbose=0).shape == X.shape
    assert len(vae.test_on_batch(X, Y)) == len(vae.train_on_batch(X, Y))
    assert vae.elbo(X).shape == (24,)


def test_beta_and_num_samples_are_those_of_the_objective_inside():
    vae = compiled(small_vae(objective=Supervised(kv.objectives.ELBO(beta=0.5, num_samples=3))))
    assert vae.objective.num_samples == 3
    history = vae.fit(X, Y, batch_size=6, callbacks=[kv.callbacks.BetaSchedule(8)], verbose=0).history
    assert history["beta"] == [0.5 * 3 / 8]
    assert float(vae.objective.objective.beta) == 0.5 * 3 / 8


def test_beta_schedule_says_so_where_there_is_none():
    class Plain(kv.objectives.Objective):
        def loss(self, terms):
            return -ops.mean(terms.log_likelihood, axis=1)

    vae = compiled(small_vae(objective=Supervised(Plain())))
    with pytest.raises(ValueError, match="no objective with a `beta`"):
        vae.fit(X, Y, callbacks=[kv.callbacks.BetaSchedule(8)], verbose=0)


def test_saved_and_loaded(tmp_path):
    head = keras.Sequential([keras.layers.Dense(4, activation="relu"), softmax()])
    loss = keras.losses.SparseCategoricalCrossentropy(name="cross_entropy")
    objective = Supervised(
        kv.objectives.ELBO(0.5), head, loss, 3.0, ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(1, name="p")]
    )
    vae = compiled(small_vae(objective=objective))
    vae.fit(X, LABELS, verbose=0)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict_target(X), vae.predict_target(X), rtol=1e-6)
    before, after = (model.evaluate(X, LABELS, verbose=0, return_dict=True) for model in (vae, loaded))
    assert before.keys() == after.keys()
    np.testing.assert_allclose(before["prediction_loss"], after["prediction_loss"], rtol=0.2)
    assert loaded.objective.weight == 3.0
    assert "val_accuracy" in loaded.fit(X, LABELS, validation_data=(X, LABELS), verbose=0).history


def test_inside_another_model_it_says_that_it_needs_y():
    vae = small_vae(objective="supervised")
    outer = keras.Sequential([keras.Input((6,)), vae])
    outer.compile("adam", loss="mse")
    with pytest.raises(ValueError, match=r"Supervised predicts `y`"):
        outer.fit(X, X, verbose=0)


def test_the_loss_is_float32_in_half_precision():
    vae = kv.VAE((6,), 2, objective=Supervised(dtype="mixed_float16"), dtype="mixed_float16")
    terms = vae.terms(X, 1e3 * Y, seed=0)  # a square that float16 cannot hold
    found = vae.objective.loss(terms)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert np.isfinite(ops.convert_to_numpy(found)).all()
