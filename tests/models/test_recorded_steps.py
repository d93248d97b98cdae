"""torch: steps that nobody asked to be recorded are recorded after a while, where nothing of a user's is in them."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.backend import recorded_steps
from tests.models.test_captured_steps import Counts, WritesInPlace, dense_model, fit

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="other backends trace their steps")

AFTER = 3


@pytest.fixture(autouse=True)
def records(monkeypatch):
    """The shapes of the batches whose steps were recorded, after few steps."""
    made = []

    class Noted(recorded_steps.CapturedStep):
        def __init__(self, model, data):
            super().__init__(model, data)
            made.append(tuple(keras.tree.flatten(data)[0].shape))

    monkeypatch.setattr(recorded_steps, "UNASKED_AFTER", AFTER)
    monkeypatch.setattr(recorded_steps, "CapturedStep", Noted)
    return made


def eagerly(vae):
    vae.compile(vae.optimizer, run_eagerly=True)
    return vae


def test_a_long_fit_is_recorded_and_trains_the_same(records):
    losses = fit(dense_model(1))
    assert records == [(8, 5)]  # the smaller last batch comes too seldom
    expected = fit(eagerly(dense_model(1)))
    assert records == [(8, 5)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_so_are_batches_that_a_user_trains_on_and_datasets(records):
    import torch

    x = np.random.default_rng(0).random((4, 5)).astype("float32")
    losses = []
    for vae in (dense_model(1), eagerly(dense_model(1))):
        losses.append([vae.train_on_batch(x)[0] for _ in range(6)])
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(48, 5)), batch_size=8)
        losses[-1] += vae.fit(loader, verbose=0).history["loss"]
    assert records == [(4, 5), (8, 5)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


class OwnModel(kv.VAE):
    pass


class OwnOptimizer(keras.optimizers.Adam):
    pass


def own_relu(x):
    return keras.ops.relu(x)


def own_metric(y_true, y_pred):
    return keras.ops.mean(y_true - y_pred, axis=-1)


def of_layer(layer):
    return lambda: dense_model(1, layer)


def compiled(vae, *args, **kwargs):
    vae.compile(*args, **kwargs)
    return vae


OF_USER = {
    "a layer": of_layer(WritesInPlace),
    "a layer that counts": of_layer(Counts),
    "a Lambda": of_layer(lambda: keras.layers.Lambda(own_relu)),
    "an activation": of_layer(lambda: keras.layers.Dense(5, activation=own_relu)),
    "a model": lambda: compiled(OwnModel((5,), 2, encoder="mlp", decoder="mlp", likelihood="gaussian")),
    "an optimizer": lambda: dense_model(1, optimizer=OwnOptimizer()),
    "a metric": lambda: compiled(dense_model(1), metrics=[own_metric]),
}


@pytest.mark.parametrize("make", OF_USER.values(), ids=OF_USER)
def test_what_a_user_wrote_is_not_recorded(make, records):
    vae = make()
    fit(vae)
    fit(vae)
    assert records == []


def test_keras_own_metrics_are_no_hindrance(records):
    fit(compiled(dense_model(1), metrics=["mae"]))
    assert records == [(8, 5)]


def test_steps_that_cannot_be_recorded_run_as_before_in_silence(recwarn, records):
    fit(dense_model(1, optimizer="nadam"))
    assert records == []
    assert [str(each.message) for each in recwarn if "record" in str(each.message)] == []


def test_what_changes_again_and_again_is_left_to_keras(monkeypatch, records):
    monkeypatch.setattr(recorded_steps, "MOST_RECORDS", 2)
    losses = []
    for vae in (dense_model(1), eagerly(dense_model(1))):
        losses.append([])
        for turn in range(4):
            vae.encoder.trainable = turn % 2 == 0
            losses[-1] += fit(vae)
    assert len(records) == 2
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_jit_compile_compiles_the_record(monkeypatch, records):
    """Keras would compile its own Python, which fails; what Inductor gets is the record, from the first step on."""
    import torch

    compiled_graphs = []
    monkeypatch.setattr(torch, "compile", lambda graph, **options: compiled_graphs.append(graph) or graph)
    vae = dense_model(1)
    vae.compile("adam", jit_compile=True)
    fit(vae)
    assert records == [(8, 5), (4, 5)]
    assert len(compiled_graphs) == 2
    assert all(isinstance(graph, torch.fx.GraphModule) for graph in compiled_graphs)
