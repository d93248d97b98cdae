"""Importance-weighted bounds against a linear-Gaussian model, whose likelihood is known in closed form."""

import keras
import numpy as np
import pytest
import scipy.stats
from keras import ops

import keras_vae as kv

LOADINGS = np.array([[1.0, -0.5, 0.3], [0.2, 0.8, -1.0]], "float32")
NOISE = 0.5


def linear_gaussian(prior="standard", posterior="gaussian", latent_dim=2):
    """x = z W + noise; with a standard prior, log p(x) is that of a Gaussian with covariance W^T W + noise^2."""
    decoder = keras.Sequential([keras.Input((latent_dim,)), keras.layers.Dense(3)])
    decoder.set_weights([np.resize(LOADINGS, (latent_dim, 3)), np.zeros(3, "float32")])
    return kv.VAE(
        (3,),
        latent_dim,
        encoder=kv.encoders.MLP((8,), activation="tanh"),
        decoder=decoder,
        likelihood=kv.likelihoods.Gaussian(NOISE, project=False),
        prior=prior,
        posterior=posterior,
        seed=0,
    )


def trained(vae):
    """The posterior fitted to the model, which stays what it is."""
    vae.decoder.trainable = False
    vae.compile(keras.optimizers.Adam(0.02))
    vae.fit(data(), epochs=10, batch_size=50, verbose=0)
    return vae


def data(rows=200):
    rng = np.random.default_rng(0)
    return (rng.normal(size=(rows, 2)) @ LOADINGS + NOISE * rng.normal(size=(rows, 3))).astype("float32")


def exact_log_likelihood(x):
    return scipy.stats.multivariate_normal(np.zeros(3), LOADINGS.T @ LOADINGS + NOISE**2 * np.eye(3)).logpdf(x)


@pytest.mark.parametrize("posterior", ["gaussian", "full_covariance", "householder", "iaf"])
def test_bounds_are_ordered_and_reach_the_exact_value(posterior):
    vae, x = trained(linear_gaussian(posterior=posterior)), data()
    exact = exact_log_likelihood(x).mean()
    elbo = vae.elbo(x, num_samples=50, seed=0).mean()
    bounds = [vae.log_likelihood(x, num_samples=k, seed=k).mean() for k in (1, 10, 100)]
    tight = vae.log_likelihood(x, num_samples=2000, batch_size=100_000, seed=1).mean()
    noise = 0.01  # a posterior with correlations is nearly exact: then all of them agree
    assert elbo < bounds[1] + noise
    assert bounds[1] < bounds[2] + noise
    assert bounds[2] < tight + noise
    if posterior == "gaussian":
        assert elbo < bounds[1] - noise
    # one sample is the ELBO in expectation
    single = vae.log_likelihood(x, num_samples=1, seed=1)
    many = vae.elbo(x, num_samples=50, seed=0)
    assert abs(np.mean(single - many)) < 5 * np.std(single - many) / np.sqrt(len(x))
    assert tight == pytest.approx(exact, abs=0.02)


def test_the_weights_are_unbiased():
    vae, x = linear_gaussian(), data(1)
    estimates = vae.log_likelihood(np.repeat(x, 2000, axis=0), num_samples=20, seed=0).astype("float64")
    weights = np.exp(estimates - exact_log_likelihood(x))
    assert abs(weights.mean() - 1.0) < 5 * weights.std() / np.sqrt(len(weights))


def test_passes_and_batches_change_nothing_but_the_noise():
    vae, x = trained(linear_gaussian()), data(20)
    whole = vae.log_likelihood(x, num_samples=3000, batch_size=60_000, seed=0)
    split = vae.log_likelihood(x, num_samples=3000, batch_size=700, seed=1)
    assert np.abs(whole - split).max() < 0.15
    assert np.array_equal(vae.log_likelihood(x, num_samples=7, seed=3), vae.log_likelihood(x, num_samples=7, seed=3))


@pytest.mark.parametrize(
    ("prior", "posterior", "latent_dim"),
    [
        ("gaussian", "residual", 2),
        ("mixture", "gaussian", 2),
        (lambda: kv.priors.VampPrior(5, keras.initializers.RandomNormal(0.0, 1.0)), "gaussian", 2),
        ("flow", "gaussian", 2),
        ("hierarchical", "gaussian", (1, 1)),
        ("uniform_sphere", "von_mises_fisher", 2),
    ],
)
def test_every_prior_gives_a_bound_above_its_elbo(prior, posterior, latent_dim):
    prior = prior if isinstance(prior, str) else prior()
    if isinstance(latent_dim, tuple):
        vae = kv.VAE((3,), latent_dim, prior=prior, likelihood=kv.likelihoods.Gaussian(NOISE), seed=0)
    else:
        vae = linear_gaussian(prior, posterior, latent_dim)
    x = data(50)
    assert vae.log_likelihood(x, num_samples=200, seed=0).mean() > vae.elbo(x, num_samples=20, seed=0).mean() - 0.05


def test_pseudo_inputs_are_encoded_once_a_call():
    vae = linear_gaussian(kv.priors.VampPrior(5, keras.initializers.RandomNormal(0.0, 1.0, seed=0)))
    x, encoded = data(70), []
    inner = vae.root_posterior

    def counted(pseudo_inputs, context, training=False):
        encoded.append(pseudo_inputs.shape[0])
        return inner(pseudo_inputs, context, training=training)

    vae.root_posterior = counted
    calls = [
        lambda: vae.elbo(x, seed=0, batch_size=8),
        lambda: vae.generate(30, seed=0, batch_size=8),
        lambda: vae.log_likelihood(x, num_samples=4, batch_size=32, seed=0),
    ]
    before = [np.array(call()) for call in calls]
    # at most once a call (where the backend compiles, only while it traces), though each has several batches
    assert encoded.count(5) <= len(calls)
    vae.encoder.stack.dense_layers[0].kernel.assign(vae.encoder.stack.dense_layers[0].kernel * 2.0)
    after = [np.array(call()) for call in calls]
    assert not any(np.allclose(old, new) for old, new in zip(before, after, strict=True)), "and anew after training"


def test_remembered_posteriors_give_the_same_values_as_fresh_ones():
    vae = linear_gaussian(kv.priors.VampPrior(5, keras.initializers.RandomNormal(0.0, 1.0, seed=0)))
    x = data(6)
    z = ops.convert_to_tensor(vae.encode(x))
    prior = vae.prior.distribution(ops.zeros((6, 0)), encode=vae.root_posterior)
    posterior = vae.root_posterior(ops.convert_to_tensor(x), ops.zeros((6, 0)))
    kl = ops.convert_to_numpy(posterior.log_prob(z) - prior.log_prob(z))
    assert np.isfinite(kl).all()
    elbo = vae.elbo(x, num_samples=3000, seed=0)
    many = ops.convert_to_tensor(np.repeat(x, 3000, axis=0))
    q = vae.root_posterior(many, ops.zeros((len(many), 0)))
    draws = q.sample(seed=1)
    likelihood = vae.likelihood.distribution(vae.likelihood(vae.decoder(draws)))
    fresh = (
        likelihood.log_prob(many)
        + vae.prior.distribution(ops.zeros((1, 0)), encode=vae.root_posterior).log_prob(draws)
        - q.log_prob(draws)
    )
    fresh = ops.convert_to_numpy(fresh).reshape(6, 3000)
    assert np.abs(elbo - fresh.mean(axis=1)).max() < 6 * fresh.std(axis=1).max() / np.sqrt(3000)


def test_a_prior_that_has_seen_no_data_is_refused():
    vae = kv.VAE((3,), 2, prior="vamp", likelihood="gaussian")
    vae.compile()
    for use in (
        lambda: vae.generate(2),
        lambda: vae.elbo(data(4)),
        lambda: vae.log_likelihood(data(4)),
        lambda: vae.evaluate(data(4), verbose=0),
        lambda: vae.train_on_batch(data(4)),
    ):
        with pytest.raises(ValueError, match="VampPrior must see data"):
            use()
