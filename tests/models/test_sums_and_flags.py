"""What is summed and what is averaged, and where the flag `training` must arrive: faults that no other test saw."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

X = vectors(8)


def test_elbo_sums_the_levels():
    groups = [kv.latents.Single(2), kv.latents.Single(1)]
    vae = small_vae(latent_dim=None, latents=kv.latents.Product(groups))
    for weight in vae.decoder.trainable_weights:  # then p(x | z) is the same for all draws, and the ELBO has no noise
        weight.assign(np.zeros(weight.shape))
    terms = vae.terms(X)
    log_likelihood, kl = (ops.convert_to_numpy(part) for part in (terms.log_likelihood, terms.kl))
    np.testing.assert_allclose(vae.elbo(X), log_likelihood[:, 0] - kl[:, 0] - kl[:, 1], rtol=1e-5)


def test_an_estimated_kl_is_the_kl():
    """A mixture of one component has no closed form, and is a Gaussian."""
    vae = small_vae(prior=kv.priors.Mixture(1, seed=0))
    terms = vae.terms(X[:1], seed=0, num_samples=4000)
    q, p = terms.levels[0].posterior, terms.levels[0].prior
    exact = kv.distributions.kl_divergence(q, kv.distributions.Gaussian(p.loc, p.log_var))
    assert float(terms.kl[0, 0]) == pytest.approx(float(exact[0]), rel=0.2)


@keras.saving.register_keras_serializable("tests")
class Merge(kv.layers.MergeDense):
    """Records how it is called."""

    flags = []  # noqa: RUF012

    def call(self, inputs, training=None):
        self.flags.append(training)
        return super().call(inputs)


@pytest.mark.parametrize("training", [True, False])
def test_every_merge_gets_the_flag_training(training):
    latents = kv.latents.Hierarchical(merge=Merge((4,)), decoder_sees="state")
    # The prior's context is another than the posterior's, so each merge runs for both.
    vae = small_vae(latent_dim=(2, 2), latents=latents, condition_shape=(3,), condition_to=("posterior", "decoder"))
    terms = vae.terms([X, np.eye(3, dtype="float32")[np.arange(len(X)) % 3]], training=training)
    Merge.flags.clear()
    assert terms.kl.shape == (len(X), 2)
    assert Merge.flags == [training] * 4


@pytest.mark.parametrize("training", [True, False])
def test_the_encoder_of_a_vamp_prior_gets_the_flag_training(training):
    flags = {}

    class Encoder(kv.encoders.MLP):
        def call(self, x, mask=None, training=None):
            flags[x.shape[0]] = training
            return super().call(x, training=training)

    vae = small_vae(encoder=Encoder((4,)), prior=kv.priors.VampPrior(5, initializer="random_normal"))
    assert vae.terms(X, training=training).log_ratio.shape == (len(X), 1, 1)
    assert flags == {len(X): training, 5: training}


def test_metrics_compare_the_data_with_the_mean_over_all_samples():
    vae = small_vae(likelihood="gaussian")
    for weight in vae.trainable_weights:
        weight.assign(weight + 0.3 * keras.random.normal(weight.shape, seed=1))
    terms = vae.terms(X, seed=0, num_samples=3)
    means = ops.convert_to_numpy(terms.likelihood.mean()).reshape(3, *X.shape)
    assert not np.allclose(means[0], means.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(ops.convert_to_numpy(vae.mean_of(terms)), means.mean(axis=0), rtol=1e-4, atol=1e-5)


def test_the_logged_parts_of_several_samples_add_up_to_the_loss():
    vae = compiled(small_vae(objective=kv.objectives.ELBO(num_samples=3), prior=kv.priors.Mixture(2, seed=0)))
    logs = vae.evaluate(X, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(logs["reconstruction_loss"] + logs["kl_loss"], rel=1e-5)
