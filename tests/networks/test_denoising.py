"""Noise in front of the encoder: in training only, and never in what is to be reconstructed."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.layers import SaltAndPepper
from tests.models.small import compiled, small_vae, vectors

X = vectors(16)


@keras.saving.register_keras_serializable("tests")
class Blank(keras.layers.Layer):
    """The worst noise, by a layer that knows nothing of training: nothing is left."""

    def call(self, inputs):
        return 0.0 * inputs

    def compute_output_shape(self, input_shape):
        return input_shape


def denoising(corruption, **kwargs):
    encoder = kv.encoders.Denoising(kv.encoders.MLP((8,)), corruption)
    return small_vae(encoder=encoder, **kwargs)


class TestSaltAndPepper:
    grey = np.full((50, 40), 0.5, "float32")

    def noisy(self, *args, **kwargs):
        return ops.convert_to_numpy(SaltAndPepper(*args, seed=1, **kwargs)(self.grey, training=True))

    def test_shares(self):
        noisy = self.noisy(0.4)
        shares = [(noisy == value).mean() for value in (0.0, 0.5, 1.0)]
        np.testing.assert_allclose(shares, [0.2, 0.6, 0.2], atol=0.04)

    def test_masking_noise_leaves_the_others_as_they_are(self):
        assert set(np.unique(self.noisy(0.4, 0.0))) == {0.0, 0.5}

    def test_ends_of_the_rate(self):
        np.testing.assert_array_equal(self.noisy(0.0), self.grey)
        assert set(np.unique(self.noisy(1.0, (0.25, 2.0, 3.0)))) == {0.25, 2.0, 3.0}

    def test_inference(self):
        np.testing.assert_array_equal(ops.convert_to_numpy(SaltAndPepper(1.0)(self.grey)), self.grey)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [({"rate": 1.5}, r"`rate` must be in \[0, 1\]"), ({"values": ()}, "`values` must hold at least one")],
    )
    def test_bad_arguments(self, arguments, words):
        with pytest.raises(ValueError, match=words):
            SaltAndPepper(**arguments)


def test_only_training_is_corrupted():
    """With nothing left of the data, training encodes all rows alike; inference does not, and the target is clean."""
    vae = denoising(Blank())
    terms = vae.terms(ops.convert_to_tensor(X), seed=0, training=True)
    features = {
        training: ops.convert_to_numpy(vae.encoder(ops.convert_to_tensor(X), training=training))
        for training in (True, False)
    }
    assert np.ptp(features[True], axis=0).max() == 0
    assert np.ptp(features[False], axis=0).max() > 0
    clean = small_vae(encoder=kv.encoders.MLP((8,)))
    clean.set_weights(vae.get_weights())
    np.testing.assert_allclose(vae.predict(X), clean.predict(X), atol=1e-6)
    np.testing.assert_allclose(vae.elbo(X, seed=0), clean.elbo(X, seed=0), atol=1e-5)
    # the loss of the training pass is that of the parameters with the data as they are
    expected = terms.likelihood.log_prob(ops.convert_to_tensor(X))
    np.testing.assert_allclose(
        ops.convert_to_numpy(terms.log_likelihood)[:, 0], ops.convert_to_numpy(expected), atol=1e-5
    )


@pytest.mark.on_torch
def test_it_learns_to_repair():
    """Reconstructions of masked rows, by a model that was trained on them, beside one that was not."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.integers(0, 2, (512, 1)), 6, axis=1).astype("float32")
    masked = np.where(rng.random(x.shape) < 0.5, 0.0, x).astype("float32")
    errors = []
    for encoder in (kv.encoders.MLP((16,)), kv.encoders.Denoising(kv.encoders.MLP((16,)), SaltAndPepper(0.5, 0.0, 0))):
        keras.utils.set_random_seed(0)
        vae = compiled(small_vae(encoder=encoder), keras.optimizers.Adam(0.02))
        vae.fit(x, epochs=25, verbose=0)
        errors.append(np.abs(vae.predict(masked) - x).mean())
    assert errors[1] < 0.6 * errors[0]


def test_a_file_keeps_the_noise(tmp_path):
    """Training goes on after loading with the noise that would have come."""
    vae = compiled(denoising(keras.layers.GaussianNoise(0.5, seed=3)))
    vae.fit(X, shuffle=False, verbose=0)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    losses = [model.fit(X, epochs=2, shuffle=False, verbose=0).history["loss"] for model in (vae, loaded)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_pseudo_inputs_are_corrupted_as_the_data_are():
    vae = denoising(Blank(), prior=kv.priors.VampPrior(4, seed=0))
    vae.prior.adapt(X)
    context = ops.zeros((4, 0))
    u = ops.convert_to_tensor(vae.prior.pseudo_inputs)
    trained, used = (ops.convert_to_numpy(vae.root_posterior(u, context, training=flag).loc) for flag in (True, False))
    assert np.ptp(trained, axis=0).max() == 0
    assert np.ptp(used, axis=0).max() > 0


def test_around_any_keras_model():
    model = keras.Sequential([keras.layers.Dense(5), keras.layers.Dropout(0.1, seed=0)])
    vae = compiled(small_vae(encoder=kv.encoders.Denoising(model)))
    assert np.isfinite(vae.fit(X, verbose=0).history["loss"]).all()


def test_what_it_cannot_do():
    with pytest.raises(TypeError, match=r"`corruption` must be a Keras layer.* Received: corruption='noise'"):
        kv.encoders.Denoising(corruption="noise")
    vae = denoising(keras.layers.Dense(3))
    with pytest.raises(
        ValueError, match=r"Dense must keep the shape of the data, \(6,\). Received: a layer that returns \(3,\)"
    ):
        vae(X, training=True)
