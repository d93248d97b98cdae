"""Objectives that were not thought of: each plugs in as a class, and `VAE` does not change."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

X = vectors(64)


class IWAE(kv.objectives.Objective):
    """Importance-weighted bound (Burda, Grosse and Salakhutdinov, 2016)."""

    requires = ("log_ratio",)
    num_samples = 5

    def loss(self, terms):
        log_weights = terms["log_likelihood"] + ops.sum(terms["log_ratio"], axis=2)
        return np.log(self.num_samples) - ops.logsumexp(log_weights, axis=1)


class FreeBits(kv.objectives.Objective):
    """At least `floor` nats in every dimension, on average over the batch (Kingma et al., 2016)."""

    requires = ("kl_per_dimension",)
    floor = 0.5

    def loss(self, terms):
        floored = sum(ops.sum(ops.maximum(ops.mean(kl, axis=0), self.floor)) for kl in terms["kl_per_dimension"])
        return floored - ops.mean(terms["log_likelihood"], axis=1)


class MMD(kv.objectives.Objective):
    """InfoVAE with a maximum mean discrepancy (Zhao, Song and Ermon, 2019); a scalar for the whole batch."""

    requires = ("z", "prior_z")

    def loss(self, terms):
        z, prior_z = (ops.reshape(terms[name][0], (-1, terms[name][0].shape[-1])) for name in ("z", "prior_z"))

        def kernel(a, b):
            distances = ops.sum(ops.square(a[:, None] - b[None]), axis=-1)
            return ops.mean(ops.exp(-distances / a.shape[-1]))

        discrepancy = kernel(z, z) + kernel(prior_z, prior_z) - 2 * kernel(z, prior_z)
        return ops.mean(-terms["log_likelihood"]) + 10.0 * discrepancy


class TotalCorrelation(kv.objectives.Objective):
    """beta-TCVAE's penalty by minibatch weighting (Chen et al., 2018), from the posterior values."""

    requires = ("posterior", "z")

    def loss(self, terms):
        q, z = terms["posterior"][0], terms["z"][0][:, 0]
        batch = ops.cast(ops.shape(z)[0], "float32")
        pairwise = q.elementwise_log_prob(z[:, None])  # (of i, under j, dimension)
        joint = ops.logsumexp(ops.sum(pairwise, axis=2), axis=1) - ops.log(batch)
        marginals = ops.sum(ops.logsumexp(pairwise, axis=1) - ops.log(batch), axis=1)
        negative_elbo = ops.sum(terms["kl"], axis=1) - ops.mean(terms["log_likelihood"], axis=1)
        return negative_elbo + 2.0 * (joint - marginals)


@pytest.mark.parametrize("objective", [IWAE, FreeBits, MMD, TotalCorrelation])
def test_objective_trains(objective):
    vae = compiled(small_vae(objective=objective()), keras.optimizers.Adam(0.02))
    history = vae.fit(X, epochs=8, batch_size=32, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0] - 0.3
    assert history["reconstruction_loss"][-1] < history["reconstruction_loss"][0]
    assert np.isfinite(vae.evaluate(X, verbose=0, return_dict=True)["loss"])
    assert vae.predict(X[:3]).shape == (3, 6)


@pytest.mark.parametrize("posterior", ["iaf", "householder"])
def test_an_objective_that_needs_the_posterior_refuses_flows(posterior):
    with pytest.raises(ValueError, match=r"TotalCorrelation.*'posterior'.*(IAF|Householder).*'gaussian'"):
        small_vae(objective=TotalCorrelation(), posterior=posterior)
    lower = kv.priors.Level(2, posterior=posterior)
    with pytest.raises(ValueError, match=r"TotalCorrelation.*(IAF|Householder)"):
        small_vae(
            latent_dim=None,
            objective=TotalCorrelation(),
            prior=kv.priors.Hierarchical([kv.priors.Level(2, prior="standard"), lower]),
        )
    assert small_vae(objective=MMD(), posterior=posterior).objective.requires == ("z", "prior_z")


def test_importance_weights_tighten_the_bound():
    """The mean of log mean exp is at least the mean of the mean: it holds for every draw of the noise."""
    keras.utils.set_random_seed(0)
    bounds = []
    for objective in (kv.objectives.ELBO(num_samples=5), IWAE()):
        keras.utils.set_random_seed(0)
        vae = compiled(small_vae(objective=objective))
        bounds.append(-vae.evaluate(np.repeat(X, 20, axis=0), batch_size=1280, verbose=0, return_dict=True)["loss"])
    assert bounds[1] > bounds[0] + 1e-3
    assert np.log(0.5) * 6 * 3 < bounds[0]


def test_samples_are_folded_into_the_batch_once():
    """The logged parts average over the samples, so that they mean the same whatever their number."""
    logs = []
    for num_samples in (1, 4):
        keras.utils.set_random_seed(0)
        vae = compiled(small_vae(objective=kv.objectives.ELBO(num_samples=num_samples)))
        logs.append(vae.evaluate(np.repeat(X, 30, axis=0), batch_size=640, verbose=0, return_dict=True))
    np.testing.assert_allclose(logs[0]["kl_loss"], logs[1]["kl_loss"], rtol=1e-5)
    np.testing.assert_allclose(logs[0]["reconstruction_loss"], logs[1]["reconstruction_loss"], rtol=2e-2)


def test_what_nobody_requires_is_not_computed():
    terms = small_vae()(X[:3])
    assert set(terms) == {"params", "kl"}
    terms = small_vae(objective=TotalCorrelation())(X[:3])
    assert set(terms) == {"params", "kl", "z", "posterior"}


def test_free_bits_keep_the_latents_in_use():
    vae = compiled(small_vae(objective=FreeBits()), keras.optimizers.Adam(0.05))
    vae.fit(X, epochs=30, verbose=0)
    q = vae.encode(X, "distribution")
    loc, log_var = ops.convert_to_numpy(q.loc), ops.convert_to_numpy(q.log_var)
    kl = 0.5 * (loc**2 + np.exp(log_var) - 1 - log_var)
    assert (kl.mean(0) > 0.4).all()
