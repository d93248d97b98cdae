"""The posterior with correlations, from parameters that the encoder returns."""

import keras
import numpy as np
import pytest

import keras_vae as kv

PARAMETERS = np.array([[1.0, 2.0, 3.0, 0.1, 0.2, 0.3, 4.0, 5.0, 6.0]], "float32")


@pytest.mark.parametrize("form", ["one tensor", "list"])
def test_parameters_are_taken_as_they_are(form):
    features = PARAMETERS if form == "one tensor" else np.split(PARAMETERS, [3, 6], axis=1)
    posterior = kv.posteriors.FullCovariance(project=False)
    posterior.build(keras.tree.map_structure(lambda array: array.shape, features), (1, 0), (3,))
    features = keras.tree.map_structure(keras.ops.convert_to_tensor, features)
    q = posterior.distribution(features, keras.ops.zeros((1, 0)))
    expected = np.array([[0, 0, 0], [4, 0, 0], [5, 6, 0]]) + np.diag(np.exp([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(q.scale_tril)[0], expected, rtol=1e-6)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(q.mean()), PARAMETERS[:, :3])
    assert not posterior.weights


@pytest.mark.on_torch
def test_a_model_without_projection_trains_and_loads(tmp_path):
    x = np.random.default_rng(0).random((32, 6)).astype("float32")
    encoder = kv.encoders.MLP((8, 5), activation="tanh")
    vae = kv.VAE((6,), 2, encoder=encoder, posterior=kv.posteriors.FullCovariance(project=False), seed=0)
    vae.compile("adam")
    vae.fit(x, verbose=0)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.elbo(x, seed=0), vae.elbo(x, seed=0), rtol=1e-5)


@pytest.mark.refusals
def test_features_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"project=False.*widths \[2, 2, 1\].*width 5.*Received: \[\(6,\)\]"):
        kv.VAE((6,), 2, encoder=kv.encoders.MLP((6,)), posterior=kv.posteriors.FullCovariance(project=False))
