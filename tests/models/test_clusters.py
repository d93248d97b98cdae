"""Clusters: a mixture prior fitted to encodings, its responsibilities, and draws from one component."""

import re

import keras
import numpy as np
import pytest
import scipy.stats
from keras import ops
from sklearn.mixture import GaussianMixture

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

X = vectors(24)
RNG = np.random.default_rng(0)
Z = np.concatenate([RNG.normal(mean, 0.4, (60, 2)) for mean in ([-3, 0], [3, 0], [0, 4])]).astype("float32")


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def model(components=3, **options):
    return small_vae(prior=kv.priors.Mixture(components, seed=0, **options))


def test_the_prior_becomes_the_mixture_of_the_encodings():
    vae = model()
    assert vae.prior.fit(Z, seed=0) is vae.prior
    expected = GaussianMixture(3, covariance_type="diag", n_init=5, reg_covar=1e-4, random_state=0).fit(Z)
    log_p = numpy(vae.prior.distribution(ops.zeros((180, 0))).log_prob(Z))
    np.testing.assert_allclose(log_p, expected.score_samples(Z), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(numpy(ops.softmax(vae.prior.logits)), expected.weights_, rtol=1e-4)
    equal = model(learn_weights=False)
    equal.prior.fit(Z[:100], seed=0)
    assert numpy(equal.prior.logits).tolist() == [0.0, 0.0, 0.0]


def test_responsibilities_are_those_of_bayes_rule():
    vae = model()
    vae.prior.fit(Z, seed=0)
    loc, log_var = numpy(vae.prior.loc).astype("float64"), numpy(vae.prior.log_var).astype("float64")
    joint = np.stack(
        [scipy.stats.norm.pdf(Z, loc[k], np.exp(0.5 * log_var[k])).prod(axis=1) for k in range(3)], axis=1
    ) * numpy(ops.softmax(vae.prior.logits))
    expected = joint / joint.sum(axis=1, keepdims=True)
    value = vae.prior.distribution(ops.zeros((180, 0)))
    np.testing.assert_allclose(numpy(value.responsibilities(Z)), expected, rtol=1e-3, atol=1e-5)
    assert tuple(value.responsibilities(np.zeros((4, 5, 2))).shape) == (4, 5, 3)
    # In a model they are those of the posterior's mean.
    found, z = vae.responsibilities(X), vae.encode(X)
    value = vae.prior.distribution(ops.zeros((24, 0)))  # JAX has given the weights to the call, and back
    np.testing.assert_allclose(found, numpy(value.responsibilities(z)), rtol=1e-4, atol=1e-6)


def test_data_are_drawn_from_one_component():
    vae = model()
    vae.prior.fit(Z, seed=0)
    loc = numpy(vae.prior.loc)
    np.testing.assert_allclose(
        vae.generate(component=[0, 1, 2], temperature=0.0), vae.decode(loc), rtol=1e-4, atol=1e-5
    )
    drawn = vae.prior.sample_component(np.full(4000, 1), seed=0)
    np.testing.assert_allclose(drawn.mean(axis=0), loc[1], atol=0.05)
    np.testing.assert_allclose(drawn.var(axis=0), np.exp(numpy(vae.prior.log_var))[1], rtol=0.1)
    assert vae.generate(5, component=2, seed=0).shape == (5, 6)
    np.testing.assert_array_equal(vae.generate(5, component=2, seed=0), vae.generate(5, component=[2] * 5, seed=0))


def test_a_group_may_have_the_clusters():
    mixture = kv.latents.Single(2, prior=kv.priors.Mixture(3, seed=0))
    vae = small_vae(latent_dim=None, latents=kv.latents.Product([kv.latents.Single(1), mixture]))
    assert vae.responsibilities(X).shape == (24, 3)
    assert vae.generate(4, component=1).shape == (4, 6)
    assert small_vae(prior=kv.priors.VampPrior(4, initializer="uniform")).responsibilities(X).shape == (24, 4)


@pytest.mark.on_torch
@pytest.mark.eager
def test_training_goes_on_from_the_fitted_prior(tmp_path):
    vae = compiled(model(), keras.optimizers.Adam(1e-3))
    vae.fit(X, verbose=0)
    vae.prior.fit(vae.encode(X), seed=0)
    start = numpy(vae.prior.loc)
    vae.fit(X, verbose=0)
    assert 0 < np.abs(numpy(vae.prior.loc) - start).max() < 0.1
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.responsibilities(X), vae.responsibilities(X), rtol=1e-5, atol=1e-6)


def vamp():
    return small_vae(prior=kv.priors.VampPrior(4, initializer="uniform"))


REFUSED = [
    ("no mixture", lambda: small_vae().responsibilities(X), ["mixture", "Standard"]),
    ("a component of no mixture", lambda: small_vae().generate(component=0), ["`component`", "Standard"]),
    ("a component of a VampPrior", lambda: vamp().generate(component=0), ["`component`", "VampPrior"]),
    ("a component above", lambda: model().generate(component=3), ["`component`", "0 to 2", "component=3"]),
    ("too few components", lambda: model().generate(5, component=[0, 1]), ["`component`", "5 rows"]),
    ("half a component", lambda: model().generate(component=0.5), ["`component`", "0.5"]),
    (
        "a sampler too",
        lambda: model().generate(component=0, sampler="mixture"),
        ["`component`", "`sampler`", "sampler='mixture'"],
    ),
    ("fixed too", lambda: model().generate(component=0, fixed={0: [0.0, 0.0]}), ["`fixed`", "`component`", "[0]"]),
    ("other encodings", lambda: model().prior.fit(Z[:, :1]), ["`z`", "(n, 2)", "(180, 1)"]),
    ("few encodings", lambda: model().prior.fit(Z[:2]), ["`z`", "3 components", "(2, 2)"]),
    ("two groups", lambda: model().prior.fit([Z, Z[:, :1]]), ["`z`", "one array", "list"]),
    ("no starts", lambda: model().prior.fit(Z, num_starts=0), ["`num_starts`", "0"]),
    ("no model", lambda: kv.priors.Mixture(3).fit(Z), ["vae.prior.fit"]),
]


@pytest.mark.refusals
@pytest.mark.parametrize(("use", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_it_is_refused(use, words):
    with pytest.raises(ValueError, match="".join(f"(?s:(?=.*{re.escape(word)}))" for word in words)):
        use()
