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

    num_samples = 5

    def loss(self, terms):
        log_weights = terms.log_likelihood + ops.sum(terms.log_ratio, axis=2)
        return np.log(self.num_samples) - ops.logsumexp(log_weights, axis=1)


class FreeBits(kv.objectives.Objective):
    """At least `floor` nats in every dimension, on average over the batch (Kingma et al., 2016)."""

    floor = 0.5

    def loss(self, terms):
        floored = sum(ops.sum(ops.maximum(ops.mean(kl, axis=0), self.floor)) for kl in terms.kl_per_dimension)
        return floored - ops.mean(terms.log_likelihood, axis=1)


class MMD(kv.objectives.Objective):
    """InfoVAE with a maximum mean discrepancy (Zhao, Song and Ermon, 2019); a scalar for the whole batch."""

    def loss(self, terms):
        z, prior_z = (ops.reshape(draws[0], (-1, draws[0].shape[-1])) for draws in (terms.z, terms.prior_z))

        def kernel(a, b):
            distances = ops.sum(ops.square(a[:, None] - b[None]), axis=-1)
            return ops.mean(ops.exp(-distances / a.shape[-1]))

        discrepancy = kernel(z, z) + kernel(prior_z, prior_z) - 2 * kernel(z, prior_z)
        return ops.mean(-terms.log_likelihood) + 10.0 * discrepancy


class TotalCorrelation(kv.objectives.Objective):
    """beta-TCVAE's penalty by minibatch weighting (Chen et al., 2018), from the posterior values."""

    def loss(self, terms):
        q, z = terms.posterior[0], terms.z[0][:, 0]
        batch = ops.cast(ops.shape(z)[0], "float32")
        pairwise = q.elementwise_log_prob(z[:, None])  # (of i, under j, dimension)
        joint = ops.logsumexp(ops.sum(pairwise, axis=2), axis=1) - ops.log(batch)
        marginals = ops.sum(ops.logsumexp(pairwise, axis=1) - ops.log(batch), axis=1)
        negative_elbo = ops.sum(terms.kl, axis=1) - ops.mean(terms.log_likelihood, axis=1)
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


def test_an_objective_reads_the_values_of_flows():
    """A flow cannot be rebuilt from tensors, and need not be."""

    class ThroughTheFlow(kv.objectives.Objective):
        def loss(self, terms):
            (q,), (level,) = terms.posterior, terms.levels
            cross = level.prior.log_prob(level.z) - q.sample_and_log_prob(0)[1]
            return -ops.mean(terms.log_likelihood, axis=1) - cross

    vae = compiled(small_vae(objective=ThroughTheFlow(), posterior="iaf"), keras.optimizers.Adam(0.02))
    history = vae.fit(X, epochs=4, batch_size=32, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


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


def test_what_is_not_read_is_not_computed():
    vae = small_vae()
    terms = vae.terms(ops.convert_to_tensor(X[:3]), seed=0)
    assert not {"levels", "likelihood", "features"} & set(vars(terms))
    assert tuple(terms.kl.shape) == (3, 1)
    assert "levels" in vars(terms)
    assert not {"likelihood", "log_likelihood", "log_ratio"} & set(vars(terms))


def test_terms_by_key_as_version_0_1_wrote_them():
    terms = small_vae().terms(ops.convert_to_tensor(X[:3]), seed=0)
    with pytest.warns(DeprecationWarning, match=r"terms\.kl"):
        assert terms["kl"] is terms.kl


def test_an_unknown_term_is_named_beside_the_known_ones():
    terms = small_vae().terms(ops.convert_to_tensor(X[:3]), seed=0)
    with pytest.raises(AttributeError, match=r"no term 'kll'.*'kl', 'kl_per_dimension'"):
        _ = terms.kll
    with pytest.raises(AttributeError, match=r"no term 'batch'"):  # of fixed numbers nothing else is known
        _ = kv.objectives.Terms.of(kl=np.zeros((3, 1))).x


@pytest.mark.parametrize("latents", [{}, {"latent_dim": (2, 3), "latents": "hierarchical"}])
def test_shapes_of_the_terms(latents):
    vae = small_vae(**latents)
    levels = len(vae.latents.level_shapes())
    for samples in (1, 5):
        terms = vae.terms(ops.convert_to_tensor(X[:3]), seed=0, num_samples=samples)
        assert tuple(terms.log_likelihood.shape) == (3, samples)
        assert tuple(terms.kl.shape) == (3, levels)
        assert tuple(terms.log_ratio.shape) == (3, samples, levels)
        for draws in (terms.z, terms.prior_z):
            assert [tuple(z.shape) for z in draws] == [(3, samples, *shape) for shape in vae.latents.level_shapes()]
        assert [tuple(kl.shape) for kl in terms.kl_per_dimension] == [(3, *s) for s in vae.latents.level_shapes()]
        again = terms.decode(terms.latents if levels > 1 else terms.latents[0])
        np.testing.assert_allclose(
            ops.convert_to_numpy(again.mean()), ops.convert_to_numpy(terms.likelihood.mean()), atol=1e-6
        )
        # The samples of one example belong together.
        one = terms.decode([z[:, 0] for z in terms.z]).log_prob(terms.x)
        np.testing.assert_allclose(
            ops.convert_to_numpy(one), ops.convert_to_numpy(terms.log_likelihood)[:, 0], atol=1e-5
        )


def test_heads_run_once_a_row_whatever_the_number_of_samples():
    vae = small_vae()
    rows = []
    inner = vae.posterior.distribution

    def counted(features, *args, **kwargs):
        rows.append(features.shape[0])
        return inner(features, *args, **kwargs)

    vae.posterior.distribution = counted
    terms = vae.terms(ops.convert_to_tensor(X[:8]), seed=0, num_samples=50)
    assert tuple(terms.log_likelihood.shape) == (8, 50)
    assert rows == [8]


class Owner(kv.objectives.ELBO):
    """Weights that follow the model's shapes, and a metric of its own."""

    def build(self, spec):
        (shape,) = spec["latent_shapes"]
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones")
        self.seen = self.add_weight(name="seen", shape=(), initializer="zeros", trainable=False)
        self.spread = keras.metrics.Mean(name="spread")

    def loss(self, terms):
        if terms.training:
            self.seen.assign(self.seen + 1.0)
        self.spread.update_state(ops.abs(terms.z[0]))
        return super().loss(terms) + ops.sum(ops.square(self.scale - 2.0))


def test_an_objective_owns_weights_and_metrics():
    vae = compiled(small_vae(objective=Owner()), keras.optimizers.SGD(0.1))
    history = vae.fit(X, epochs=2, batch_size=32, verbose=0, validation_data=X).history
    assert {"spread", "val_spread"} <= set(history)
    assert history["spread"][0] > 0
    assert (ops.convert_to_numpy(vae.objective.scale) > 1.1).all()
    assert float(ops.convert_to_numpy(vae.objective.seen)) == 4.0
    vae.evaluate(X, verbose=0)
    assert float(ops.convert_to_numpy(vae.objective.seen)) == 4.0, "evaluate is no training step"


def test_free_bits_keep_the_latents_in_use():
    vae = compiled(small_vae(objective=FreeBits()), keras.optimizers.Adam(0.05))
    vae.fit(X, epochs=30, verbose=0)
    q = vae.encode(X, "distribution")
    loc, log_var = ops.convert_to_numpy(q.loc), ops.convert_to_numpy(q.log_var)
    kl = 0.5 * (loc**2 + np.exp(log_var) - 1 - log_var)
    assert (kl.mean(0) > 0.4).all()
