"""An int seed fixes all draws of a call, and gives each of them noise of its own."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.inference.reconstruct import reconstruct_batch
from tests.models.small import small_vae

X = np.zeros((2000, 2), "float32")
ROOM = 5.0 / np.sqrt(X.size)  # standard errors of a correlation of independent numbers


def correlation(a, b):
    return abs(np.corrcoef(np.ravel(ops.convert_to_numpy(a)), np.ravel(ops.convert_to_numpy(b)))[0, 1])


def additive():
    """p(x | z) = N(z, 1) and q(z | 0) = N(0, 1), so that noise is a difference."""
    z = keras.Input((2,))
    return small_vae(
        (2,),
        decoder=keras.Model(z, keras.layers.Identity()(z)),
        likelihood=kv.likelihoods.Gaussian(scale=1.0, project=False),
    )


def test_latents_and_data_have_different_noise_for_an_int_seed():
    vae = additive()
    z = ops.convert_to_numpy(vae.terms(X, seed=5).z[0][:, 0])
    drawn = reconstruct_batch(vae, X, seed=5, mode="sample", deterministic=False)
    assert correlation(z, ops.convert_to_numpy(drawn) - z) < ROOM


@pytest.mark.parametrize("draw", ["generate", "reconstruct"])
def test_results_have_the_variance_of_independent_noise(draw):
    vae = additive()
    options = {"mode": "sample", "seed": 5, "batch_size": 500, "verbose": 0}
    draws = {
        "generate": lambda: vae.generate(len(X), **options),
        "reconstruct": lambda: vae.reconstruct(X, deterministic=False, **options),
    }
    drawn = draws[draw]()
    assert abs(drawn.var() / 2.0 - 1.0) < 0.1  # 2.0 for shared noise


GROUPS = kv.latents.Product([kv.latents.Single(2), kv.latents.Single(2)])
STRUCTURES = {
    "single": {},
    "hierarchical": {"latent_dim": (2, 2), "latents": "hierarchical"},
    "product": {"latent_dim": None, "latents": GROUPS},
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_levels_and_priors_have_different_noise_for_an_int_seed(name):
    vae = small_vae((2,), **STRUCTURES[name])
    terms = vae.terms(X, seed=5)
    noise = [z[:, 0] - level.posterior.mean() for z, level in zip(terms.z, terms.levels, strict=True)]
    draws = [*noise, *[z[:, 0] for z in terms.prior_z]]
    for index, one in enumerate(draws):
        for other in draws[:index]:
            assert correlation(one, other) < ROOM


def test_seeds_share_no_samples_of_a_log_likelihood(monkeypatch):
    vae, seeds = small_vae((2,)), []
    run = vae.runner.run

    def record(*args, seed, **kwargs):
        seeds.append(seed)
        return run(*args, seed=seed, **kwargs)

    monkeypatch.setattr(vae.runner, "run", record)
    for seed in (0, 1):
        vae.log_likelihood(X[:2], num_samples=6, batch_size=3, seed=seed)
    assert len(seeds) == len(set(seeds)) == 4
