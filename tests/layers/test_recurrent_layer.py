"""Recurrent layers that torch computes in one operation give what Keras' loop gives, gradients included."""

import keras
import numpy as np
import pytest

from keras_vae.backend import recurrence
from keras_vae.layers import recurrent_layer

OWN = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
X = np.random.default_rng(0).normal(size=(5, 7, 3)).astype("float32")
PADDED = np.arange(7) < np.array([7, 3, 0, 1, 5])[:, None]
GAPS = np.random.default_rng(1).random((5, 7)) < 0.6
MASKS = {"whole": None, "padded": PADDED, "gaps": GAPS}


def pair(name, both=False, **options):
    """The layer, and Keras' own with the same weights."""
    layers = [kind(4, seed=0, **options) for kind in (recurrent_layer(name), OWN[name])]
    if both:
        layers = [keras.layers.Bidirectional(layer) for layer in layers]
    for layer in layers:
        layer.build(X.shape)
    rng = np.random.default_rng(2)
    weights = [rng.normal(scale=0.5, size=weight.shape) for weight in layers[0].get_weights()]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def outputs(layer, mask=None, **arguments):
    mask = None if mask is None else keras.ops.convert_to_tensor(mask)
    return [keras.ops.convert_to_numpy(each) for each in keras.tree.flatten(layer(X, mask=mask, **arguments))]


def compare(own, expected, **arguments):
    for value, reference in zip(outputs(own, **arguments), outputs(expected, **arguments), strict=True):
        np.testing.assert_allclose(value, reference, atol=1e-5)


@pytest.mark.parametrize("mask", list(MASKS))
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("name", list(OWN))
def test_outputs_are_those_of_keras(name, every_step, both, mask):
    own, expected = pair(name, both, return_sequences=every_step)
    compare(own, expected, mask=MASKS[mask])


@pytest.mark.parametrize("name", list(OWN))
def test_from_a_state_and_backwards(name):
    own, expected = pair(name, return_sequences=True, go_backwards=True)
    state = [
        keras.ops.convert_to_tensor(np.full((5, 4), 0.3 + i, "float32")) for i in range(2 if name == "lstm" else 1)
    ]
    compare(own, expected, initial_state=state, mask=PADDED)


@pytest.mark.parametrize(
    ("name", "options", "mask"),
    [
        ("lstm", {"return_state": True}, None),
        ("gru", {"return_state": True}, "gaps"),
        ("lstm", {"return_state": True}, "gaps"),
        ("lstm", {"activation": "relu"}, None),
        ("gru", {"recurrent_activation": "hard_sigmoid"}, None),
        ("gru", {"reset_after": False}, None),
        ("lstm", {"use_bias": False}, None),
        ("lstm", {"dropout": 0.5}, None),
    ],
)
def test_other_options_are_computed_by_keras_where_torch_has_no_operation(name, options, mask):
    own, expected = pair(name, **options)
    compare(own, expected, mask=None if mask is None else MASKS[mask])


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="the other backends have no such operation")
@pytest.mark.parametrize("mask", list(MASKS))
@pytest.mark.parametrize("name", list(OWN))
def test_gradients_are_those_of_keras_and_no_loop_runs(name, mask, monkeypatch):
    gradients = []
    for layer in pair(name, return_sequences=True):
        if layer.__class__ is recurrent_layer(name):
            monkeypatch.setattr(keras.layers.RNN, "inner_loop", None)
        else:
            monkeypatch.undo()
        layer.zero_grad()
        (layer(X, mask=None if mask == "whole" else keras.ops.convert_to_tensor(MASKS[mask])) ** 2).sum().backward()
        gradients.append([weight.value.grad.numpy() for weight in layer.trainable_weights])
    for value, reference in zip(*gradients, strict=True):
        np.testing.assert_allclose(value, reference, atol=1e-4)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch has one")
def test_other_backends_compute_it_as_keras_does():
    (layer, _) = pair("gru")
    assert recurrence(layer, X, [], None) is None


def test_half_precision():
    for name in OWN:
        own, expected = pair(name, return_sequences=True, dtype="mixed_bfloat16")
        compared = [
            np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(layer(X), "float32"))) for layer in (own, expected)
        ]
        np.testing.assert_allclose(*compared, atol=0.05)


def test_a_name_that_is_none():
    with pytest.raises(ValueError, match=r"`name` must be one of .*'lstm'"):
        recurrent_layer("rnn")
