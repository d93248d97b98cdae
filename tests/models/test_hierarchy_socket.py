"""A hierarchy is a prior: one written here, from the contract alone, trains in a `VAE` that knows nothing of it."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

X = vectors(64)


@kv.priors.register("test_two_levels", package="tests")
class TwoLevels(kv.priors.Prior):
    """p(z2) p(z1 | z2), with the posteriors q(z2 | x) q(z1 | x, z2)."""

    def resolve_latent_shape(self, latent_dim):
        top, bottom = latent_dim
        return ((top,), (bottom,))

    def build(self, context_shape, latent_shape, data_spec=None):
        self.context_width = context_shape[-1]
        self.latent_shape = latent_shape
        (top,), (bottom,) = latent_shape
        width = self.context_width + top
        self.top_prior, self.bottom_prior = kv.priors.Standard(name="top"), kv.priors.Gaussian(name="bottom")
        self.top_prior.build(context_shape, (top,))
        self.bottom_prior.build((None, width), (bottom,))
        self.bottom_posterior = kv.posteriors.Gaussian(name="bottom_posterior")
        self.bottom_posterior.build(data_spec["features_shape"], (None, width), (bottom,))

    def level_shapes(self):
        return self.latent_shape

    def root_features(self, features):
        return features

    def infer(self, posterior, features, context, *, encode=None, seed=None, deterministic=False, training=False):
        (top,) = self.top_prior.infer(posterior, features, context, seed=seed, deterministic=deterministic)
        context = ops.concatenate([context, top.z], axis=-1)
        (bottom,) = self.bottom_prior.infer(
            self.bottom_posterior, features, context, seed=seed, deterministic=deterministic
        )
        return [top, bottom]

    def generate(self, context, *, encode=None, seed=None, temperature=1.0):
        (top,) = self.top_prior.generate(context, seed=seed, temperature=temperature)
        context = ops.concatenate([context, top], axis=-1)
        return (top, *self.bottom_prior.generate(context, seed=seed, temperature=temperature))

    def decoder_input(self, latents, context):
        return ops.concatenate(latents, axis=-1)

    def decoder_input_shape(self):
        return (sum(shape[0] for shape in self.latent_shape),)


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    vae = compiled(small_vae(latent_dim=(2, 3), prior=TwoLevels()), keras.optimizers.Adam(0.02))
    return vae, vae.fit(X, epochs=6, verbose=0, validation_data=X).history


def test_trains_and_logs_every_level(trained):
    _, history = trained
    assert {"kl_loss_1", "kl_loss_2", "val_kl_loss_1"} <= set(history)
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_allclose(history["kl_loss"], np.add(history["kl_loss_1"], history["kl_loss_2"]), rtol=1e-5)
    assert (np.array(history["kl_loss_2"]) > 0).all()


def test_verbs(trained):
    vae, _ = trained
    top, bottom = vae.encode(X)
    assert (top.shape, bottom.shape) == ((64, 2), (64, 3))
    np.testing.assert_allclose(vae.decode((top, bottom)), vae.predict(X), atol=1e-6)
    assert vae.generate(5).shape == (5, 6)
    assert vae.interpolate(X[0], X[1], steps=4).shape == (4, 6)
    assert [type(q) for q in vae.encode(X, "distribution")] == [kv.distributions.Gaussian] * 2
    loss = vae.evaluate(X, verbose=0, return_dict=True)["loss"]
    assert abs(vae.elbo(X, num_samples=20).mean() + loss) < 0.5


def test_saves(trained, tmp_path):
    vae, _ = trained
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(X), vae.predict(X), atol=1e-6)
    np.testing.assert_allclose(loaded.elbo(X, seed=0), vae.elbo(X, seed=0), rtol=1e-5)


def test_conditional_hierarchy():
    vae = compiled(small_vae(latent_dim=(2, 3), prior=TwoLevels(), condition_shape=(2,)))
    condition = np.eye(2, dtype="float32")[np.arange(64) % 2]
    assert np.isfinite(vae.fit([X, condition], verbose=0).history["loss"]).all()
    assert vae.generate(3, condition[0]).shape == (3, 6)


def test_several_samples_of_every_level():
    vae = compiled(small_vae(latent_dim=(2, 3), prior=TwoLevels(), objective=kv.objectives.ELBO(num_samples=3)))
    assert np.isfinite(vae.fit(X, verbose=0).history["loss"]).all()
