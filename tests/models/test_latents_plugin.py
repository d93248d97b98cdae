"""A latent structure written here, from the contract alone, trains in a `VAE` that knows nothing of it."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

X = vectors(64)


@kv.latents.register("test_two_levels", package="tests")
class TwoLevels(kv.latents.Latents):
    """p(z2) p(z1 | z2), with the posteriors q(z2 | x) q(z1 | x, z2)."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.top = kv.latents.Single(name="top")
        self.bottom_prior, self.bottom_posterior = kv.priors.Gaussian(), kv.posteriors.Gaussian()

    @property
    def pairs(self):
        return [*self.top.pairs, (self.bottom_prior, self.bottom_posterior)]

    def resolve_latent_shape(self, latent_dim, data_shape=None):
        top, bottom = latent_dim
        return ((top,), (bottom,))

    def build(self, features_shape, context_shape, latent_shape, data_spec=None):
        self.latent_shape = top, bottom = latent_shape
        self.top.build(features_shape, context_shape, top, data_spec)
        width = context_shape[-1] + top[0]
        self.bottom_prior.build((None, width), bottom)
        self.bottom_posterior.build(features_shape, (None, width), bottom)

    def level_shapes(self):
        return self.latent_shape

    def infer(self, features, context, *, seed=None, num_samples=None, deterministic=False, **options):
        options = {"seed": seed, "deterministic": deterministic}
        (top,) = self.top.infer(features, context, num_samples=num_samples, **options)
        rows = self.rows(top.z, num_samples)
        if num_samples is not None:
            features, context = ops.tile(features, (num_samples, 1)), ops.tile(context, (num_samples, 1))
        context = ops.concatenate([context, rows], axis=-1)
        q = self.bottom_posterior.distribution(features, context)
        return [top, self.draw(q, self.bottom_prior.distribution(context), **options)]

    def rows_of(self, levels, num_samples=None):
        top, bottom = levels
        return self.rows(top.z, num_samples), bottom.z

    def generate(self, context, *, seed=None, temperature=1.0, **options):
        (top,) = self.top.generate(context, seed=seed, temperature=temperature)
        p = self.bottom_prior.distribution(ops.concatenate([context, top], axis=-1))
        return top, p.tempered(temperature).sample(seed)

    def decoder_input(self, latents, context):
        return ops.concatenate(latents, axis=-1)

    def decoder_input_shape(self):
        return (sum(shape[0] for shape in self.latent_shape),)


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    vae = compiled(small_vae(latent_dim=(2, 3), latents=TwoLevels()), keras.optimizers.Adam(0.02))
    return vae, vae.fit(X, epochs=6, verbose=0, validation_data=X).history


def test_trains_and_logs_every_level(trained):
    _, history = trained
    assert {"kl_loss_1", "kl_loss_2", "val_kl_loss_1"} <= set(history)
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_allclose(history["kl_loss"], np.add(history["kl_loss_1"], history["kl_loss_2"]), rtol=1e-5)
    assert (np.array(history["kl_loss_2"]) > 0).all()


def test_inference(trained):
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
    vae = compiled(small_vae(latent_dim=(2, 3), latents=TwoLevels(), condition_shape=(2,)))
    condition = np.eye(2, dtype="float32")[np.arange(64) % 2]
    assert np.isfinite(vae.fit([X, condition], verbose=0).history["loss"]).all()
    assert vae.generate(3, condition[0]).shape == (3, 6)


def test_several_samples_of_every_level():
    vae = compiled(small_vae(latent_dim=(2, 3), latents=TwoLevels(), objective=kv.objectives.ELBO(num_samples=3)))
    assert np.isfinite(vae.fit(X, verbose=0).history["loss"]).all()


def test_a_prior_that_runs_posteriors_is_refused():
    class Old(kv.priors.Standard):
        def infer(self, posterior, features, context):
            raise AssertionError("must not be reached")

    with pytest.raises(TypeError, match=r"Old has a method `infer`.*keras_vae\.latents\.Latents"):
        small_vae(prior=Old())
