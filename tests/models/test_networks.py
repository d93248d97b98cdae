"""Any Keras model as encoder or decoder, and any Keras layer in front of the condition."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

X = vectors(16)
IMAGES = np.random.default_rng(0).random((8, 8, 8, 1)).astype("float32")


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = keras.layers.Dense(units, activation="tanh")
        self.dropout = keras.layers.Dropout(0.2)

    def call(self, inputs, training=None):
        return self.dropout(self.dense(inputs), training=training)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def functional(width, units):
    inputs = keras.Input((width,))
    return keras.Model(inputs, keras.layers.Dense(units)(keras.layers.BatchNormalization()(inputs)))


NETWORKS = {
    "Sequential": lambda width: keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(4)]),
    "built Sequential": lambda width: keras.Sequential([keras.Input((width,)), keras.layers.Dense(4)]),
    "functional": lambda width: functional(width, 5),
    "subclassed": lambda width: Subclassed(7),
    "a layer": lambda width: keras.layers.Dense(4),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_any_model_as_both_networks(network, tmp_path):
    make = NETWORKS[network]
    vae = compiled(small_vae(encoder=make(6), decoder=make(2)))
    before = [ops.convert_to_numpy(weight) for weight in vae.trainable_weights]
    vae.fit(X, epochs=2, verbose=0)
    changed = [
        np.abs(ops.convert_to_numpy(w) - b).max() > 0 for w, b in zip(vae.trainable_weights, before, strict=True)
    ]
    assert all(changed)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(X), vae.predict(X), atol=1e-6)


def test_a_model_from_keras_applications():
    """The first blocks of one, as a backbone: the whole compiles for a minute."""
    whole = keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None)
    backbone = keras.Model(whole.input, whole.get_layer("block_2_add").output)
    x = np.random.default_rng(0).random((4, 32, 32, 3)).astype("float32")
    decoder = keras.Sequential(
        [keras.layers.Dense(8 * 8 * 2), keras.layers.Reshape((8, 8, 2)), keras.layers.UpSampling2D(4)]
    )
    vae = compiled(kv.VAE((32, 32, 3), 4, encoder=backbone, decoder=decoder))
    moving_mean = ops.convert_to_numpy(whole.get_layer("bn_Conv1").moving_mean)
    assert np.isfinite(vae.fit(x, verbose=0).history["loss"]).all()
    assert np.abs(ops.convert_to_numpy(whole.get_layer("bn_Conv1").moving_mean) - moving_mean).max() > 0
    assert vae.predict(x).shape == x.shape


def test_spatial_features_project_to_pixels():
    """A decoder that gives an image of features is projected pixel by pixel; an encoder's is flattened."""
    encoder = keras.Sequential([keras.layers.Conv2D(3, 3, padding="same")])
    decoder = keras.Sequential([keras.layers.Dense(64 * 2), keras.layers.Reshape((8, 8, 2))])
    vae = compiled(kv.VAE((8, 8, 1), 2, encoder=encoder, decoder=decoder))
    vae.fit(IMAGES, verbose=0)
    assert vae.likelihood.heads["logits"].dense.kernel.shape[0] == 2
    assert vae.predict(IMAGES).shape == IMAGES.shape


@pytest.mark.parametrize("outputs", ["two tensors", "one tensor"])
def test_models_that_end_in_the_parameters(outputs):
    inputs = keras.Input((6,))
    if outputs == "two tensors":
        parameters = [keras.layers.Dense(2, name="mean")(inputs), keras.layers.Dense(2, name="log_var")(inputs)]
    else:
        parameters = keras.layers.Dense(4)(inputs)
    encoder = keras.Model(inputs, parameters)
    decoder = keras.Sequential([keras.layers.Dense(6)])
    vae = compiled(
        small_vae(
            encoder=encoder,
            decoder=decoder,
            posterior=kv.posteriors.Gaussian(project=False),
            likelihood=kv.likelihoods.Bernoulli(project=False),
        )
    )
    vae.fit(X, verbose=0)
    assert len(vae.trainable_weights) == len(encoder.trainable_weights) + len(decoder.trainable_weights)
    expected = keras.tree.flatten(encoder(X))
    np.testing.assert_allclose(vae.encode(X), ops.convert_to_numpy(expected[0])[:, :2], atol=1e-6)
    probabilities = ops.sigmoid(decoder(vae.encode(X)))
    np.testing.assert_allclose(vae.predict(X), ops.convert_to_numpy(probabilities), atol=1e-5)


@pytest.mark.parametrize(
    ("condition_encoder", "width"),
    [
        (lambda: keras.layers.Embedding(3, 5), 5),
        (lambda: keras.layers.CategoryEncoding(3, output_mode="one_hot"), 3),
    ],
    ids=["Embedding", "CategoryEncoding"],
)
def test_integer_labels_as_condition(condition_encoder, width, tmp_path):
    labels = np.arange(16) % 3
    vae = compiled(small_vae(condition_shape=(), condition_encoder=condition_encoder()))
    assert vae.decoder.stack.dense_layers[0].kernel.shape[0] == 2 + width
    assert np.isfinite(vae.fit([X, labels], verbose=0).history["loss"]).all()
    assert vae.generate(4, 2).shape == (4, 6)
    assert vae.generate(condition=labels[:5]).shape == (5, 6)
    same = vae.generate(2, np.array([1, 1]), temperature=0)
    other = vae.generate(2, np.array([2, 2]), temperature=0)
    assert not np.allclose(same, other)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict([X, labels]), vae.predict([X, labels]), atol=1e-6)


def test_embedding_of_the_condition_is_trained():
    labels = np.arange(16) % 3
    vae = compiled(small_vae(condition_shape=(), condition_encoder=keras.layers.Embedding(3, 5)))
    before = ops.convert_to_numpy(vae.condition_encoder.embeddings)
    vae.fit([X, labels], epochs=2, verbose=0)
    assert np.abs(ops.convert_to_numpy(vae.condition_encoder.embeddings) - before).max() > 0


def test_one_hot_condition_is_learnt():
    """The condition says which pattern it is, so the latents need not: the decoder must use it."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 256)
    x = np.array([[0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]], dtype="float32")[labels]
    condition = np.eye(2, dtype="float32")[labels]
    vae = compiled(small_vae(condition_shape=(2,)), keras.optimizers.Adam(0.02))
    vae.fit([x, condition], epochs=40, batch_size=64, verbose=0)
    for label in (0, 1):
        generated = vae.generate(20, np.eye(2, dtype="float32")[label], seed=0)
        assert np.abs(generated - x[labels == label][0]).mean() < 0.1


class Teacher(keras.Model):
    """A decoder that sees what it is to decode."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(5)

    def call(self, z, target, training=None):
        return self.dense(ops.concatenate([z, target], axis=-1))


def test_a_decoder_that_takes_the_target():
    """Given x, it can copy it: the reconstruction becomes good without any latent."""
    x = np.random.default_rng(0).integers(0, 2, (128, 6)).astype("float32")
    vae = compiled(small_vae(decoder=Teacher()), keras.optimizers.Adam(0.1))
    history = vae.fit(x, epochs=20, batch_size=64, verbose=0).history
    assert history["reconstruction_loss"][-1] < 6 * np.log(2) / 2
    assert history["kl_loss"][-1] < 0.5
