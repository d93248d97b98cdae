"""Conditions by name for networks inside other networks, and models that are called without their condition."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, one_hot, small_vae, vectors

X, C = vectors(12), one_hot(12)
FIELDS = {"left": X, "right": X[:, :4]}


@keras.saving.register_keras_serializable("tests")
class Shifted(keras.Model):
    """Features shifted by the condition."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense, self.shift = keras.layers.Dense(8), keras.layers.Dense(8)

    def build(self, input_shape):
        self.dense.build(input_shape)
        self.shift.build((None, 3))

    def call(self, inputs, condition, training=None):
        return self.dense(inputs) + self.shift(condition)


def saved(vae, path):
    vae.save(path / "model.keras")
    return keras.saving.load_model(path / "model.keras")


def test_a_denoising_encoder_passes_the_condition_on(tmp_path):
    noisy = kv.encoders.Denoising(Shifted(), keras.layers.GaussianNoise(0.3))
    vae = compiled(small_vae(encoder=noisy, condition_shape=(3,), condition_to=("prior",)))
    vae.fit([X, C], verbose=0)
    found = vae.encode([X, C])
    assert np.abs(found - vae.encode([X, C[::-1]])).max() > 1e-3
    np.testing.assert_allclose(saved(vae, tmp_path).encode([X, C]), found, atol=1e-6)


@pytest.mark.parametrize("by_name", ["both", "left"])
def test_networks_of_fields_get_the_condition(by_name, tmp_path):
    """One that does not take it by name: an encoder goes without, a decoder has it appended to z."""
    encoders = {"left": Shifted(), "right": Shifted() if by_name == "both" else kv.encoders.MLP((4,))}
    decoders = {"left": Shifted(), "right": Shifted() if by_name == "both" else kv.decoders.MLP((4,))}
    shapes, likelihoods = {"left": (6,), "right": (4,)}, dict.fromkeys(FIELDS, "gaussian")
    options = {"encoder": encoders, "decoder": decoders, "likelihood": likelihoods, "condition_shape": (3,), "seed": 0}
    vae = compiled(kv.VAE(shapes, 2, condition_to=("decoder",), **options))
    vae.fit({"x": FIELDS, "condition": C}, verbose=0)
    other = C[::-1].copy()
    means = [vae.encode({"x": FIELDS, "condition": condition}) for condition in (C, other)]
    assert np.abs(means[0] - means[1]).max() > 1e-3
    z = np.zeros((12, 2), "float32")
    decoded = [vae.decode(z, condition) for condition in (C, other)]
    for name in FIELDS:
        assert np.abs(decoded[0][name] - decoded[1][name]).max() > 1e-3
    loaded = saved(vae, tmp_path)
    np.testing.assert_allclose(loaded.encode({"x": FIELDS, "condition": C}), means[0], atol=1e-5)
    np.testing.assert_allclose(loaded.decode(z, C)["right"], decoded[0]["right"], atol=1e-5)


@pytest.mark.refusals
@pytest.mark.parametrize("use", ["called", "in a Functional model", "in a Sequential model", "terms"])
def test_a_model_without_its_condition_says_so(use):
    vae, inputs = small_vae(condition_shape=(3,)), keras.Input((6,))
    uses = {
        "called": lambda: vae(X),
        "in a Functional model": lambda: keras.Model(inputs, vae(inputs)),
        "in a Sequential model": lambda: keras.Sequential([keras.layers.Dense(6), vae])(X),
        "terms": lambda: vae.terms(X),
    }
    with pytest.raises(ValueError, match=r"`condition`: .*condition_shape=\(3,\).*only x.*vae\(\[inputs, condition"):
        uses[use]()


def test_a_model_inside_another_with_its_condition():
    vae = small_vae(condition_shape=(3,))
    inputs, condition = keras.Input((6,)), keras.Input((3,))
    outer = keras.Model([inputs, condition], vae([inputs, condition]))
    np.testing.assert_allclose(ops.convert_to_numpy(outer([X, C])), vae.predict([X, C]), atol=1e-6)
