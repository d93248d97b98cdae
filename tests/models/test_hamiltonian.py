"""The Hamiltonian bound: against NumPy in float64, against the exact log p(x), and in models that it must refuse."""

import keras
import numpy as np
import pytest
import scipy.stats
from keras import ops

import keras_vae as kv
from keras_vae.distributions.draws import other_noise

MATRIX = np.array([[1.2, -0.4, 0.3], [0.5, 0.8, -1.0]])
OFFSET = np.array([0.3, -0.2, 0.1])
SCALE = 0.6
X = np.array([0.9, -0.7, 0.4], "float32")


def linear_model(objective, rows=1, loc=(0.5, -0.5), log_var=(-0.4, 0.3)):
    """x = z MATRIX + OFFSET + noise, whose log p(x) is known; q is the same whatever x is."""
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    decoder.set_weights([MATRIX, OFFSET])
    vae = kv.VAE(
        (3,),
        2,
        encoder=keras.layers.Identity(),
        decoder=decoder,
        likelihood=kv.likelihoods.Gaussian(SCALE, project=False),
        objective=objective,
    )
    for head, values in ((vae.posterior.mean_head, loc), (vae.posterior.log_var_head, log_var)):
        head.dense.set_weights([np.zeros((3, 2)), np.array(values)])
    return vae, np.tile(X, (rows, 1))


def exact():
    covariance = MATRIX.T @ MATRIX + SCALE**2 * np.eye(3)
    return scipy.stats.multivariate_normal(OFFSET, covariance).logpdf(X)


def cooling_of(tempering, steps, beta_zero):
    if tempering is None:
        return np.ones(steps)
    roots = [1.0 / ((1.0 - beta_zero**-0.5) * (k / steps) ** 2 + beta_zero**-0.5) for k in range(steps + 1)]
    return np.divide(roots[:-1], roots[1:])


def loss_in_float64(vae, terms, noise, steps, step_size, cooling):
    (level,) = terms.levels
    z, loc, log_var = (
        ops.convert_to_numpy(part).astype("float64") for part in (level.z, level.posterior.loc, level.posterior.log_var)
    )
    x = X.astype("float64")

    def log_joint(z):
        normal = scipy.stats.norm
        return normal(z @ MATRIX + OFFSET, SCALE).logpdf(x).sum(axis=-1) + normal.logpdf(z).sum(axis=-1)

    def force(z):
        return (x - z @ MATRIX - OFFSET) @ MATRIX.T / SCALE**2 - z

    log_q = scipy.stats.norm(loc, np.exp(0.5 * log_var)).logpdf(z).sum(axis=-1)
    r = noise / np.prod(cooling)
    for factor in cooling:
        r = r + 0.5 * step_size * force(z)
        z = z + step_size * r
        r = factor * (r + 0.5 * step_size * force(z))
    return log_q - log_joint(z) + 0.5 * np.sum(r**2 - noise**2, axis=-1)


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("tempering", ["fixed", "free", None])
def test_loss_against_numpy(tempering, samples):
    objective = kv.objectives.Hamiltonian(4, 0.15, tempering=tempering, beta_zero=0.4, num_samples=samples)
    vae, x = linear_model(objective, rows=5)
    terms = vae.terms(x, seed=3, num_samples=samples)
    noise = keras.random.normal(tuple(terms.levels[0].z.shape), seed=other_noise(3, 2))
    cooling = cooling_of(tempering, 4, 0.4)
    expected = loss_in_float64(vae, terms, ops.convert_to_numpy(noise).astype("float64"), 4, 0.15, cooling)
    expected = expected if samples == 1 else expected.mean(axis=0)
    found = ops.convert_to_numpy(objective.loss(terms))
    assert found.shape == (5,)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_without_movement_it_is_the_elbo_at_the_draws():
    objective = kv.objectives.Hamiltonian(2, 1e-6, tempering=None)
    vae, x = linear_model(objective, rows=4)
    terms = vae.terms(x, seed=0)
    plain = -terms.log_likelihood[:, 0] - terms.log_ratio[:, 0, 0]
    assert np.allclose(ops.convert_to_numpy(objective.loss(terms)), ops.convert_to_numpy(plain), atol=1e-4)


@pytest.mark.parametrize("tempering", ["fixed", "free", None])
def test_bound_of_an_unbiased_estimate_of_the_likelihood(tempering):
    """E exp(-loss) is p(x) exactly, so E(-loss) is below log p(x); and above the ELBO of the same poor q."""
    objective = kv.objectives.Hamiltonian(3, 0.25, tempering=tempering, beta_zero=0.6)
    vae, x = linear_model(objective, rows=20000)
    terms = vae.terms(x, seed=1)
    log_weights = -ops.convert_to_numpy(objective.loss(terms)).astype("float64")
    weights = np.exp(log_weights - exact())
    assert abs(weights.mean() - 1.0) < 5 * weights.std() / np.sqrt(len(weights))
    assert weights.std() / np.sqrt(len(weights)) < 0.02
    plain = ops.convert_to_numpy(terms.log_likelihood[:, 0] + terms.log_ratio[:, 0, 0]).mean()
    error = log_weights.std() / np.sqrt(len(log_weights))
    assert plain + 0.2 < log_weights.mean() < exact() - 5 * error


def test_training_tightens_the_bound_by_the_steps_alone():
    objective = kv.objectives.Hamiltonian(3, 0.02, tempering="free", beta_zero=0.9)
    vae, x = linear_model(objective, rows=64)
    for part in (vae.posterior, vae.decoder, vae.likelihood):
        part.trainable = False
    vae.compile(keras.optimizers.Adam(0.05))
    before = vae.evaluate(x, verbose=0, return_dict=True)["loss"]
    vae.fit(x, epochs=20, batch_size=32, verbose=0)
    after = vae.evaluate(x, verbose=0, return_dict=True)["loss"]
    assert -exact() - 0.1 < after < before - 0.2
    assert ops.convert_to_numpy(ops.exp(objective.log_step_size)).min() > 0.04


@pytest.mark.parametrize("prior", ["mixture", "flow", "vamp"])
def test_priors_without_a_closed_form(prior):
    vae = kv.VAE((4,), 2, prior=prior, objective=kv.objectives.Hamiltonian(2, 0.05))
    x = np.random.default_rng(0).random((8, 4)).astype("float32")
    vae.compile("adam", run_eagerly=keras.backend.backend() == "tensorflow")
    assert np.isfinite(vae.fit(x, batch_size=4, verbose=0).history["loss"]).all()


@pytest.mark.refusals
@pytest.mark.parametrize(
    "options",
    [
        {"latents": "hierarchical", "latent_dim": (2, 2)},
        {"latent_dim": 3, "prior": "uniform_sphere", "posterior": "von_mises_fisher"},
        {"prior": "uniform_categorical", "posterior": "categorical"},
    ],
)
def test_other_latents_are_refused(options):
    with pytest.raises(ValueError, match="one level of real numbers"):
        kv.VAE((4,), objective="hamiltonian", **options)


@pytest.mark.refusals
@pytest.mark.parametrize("arguments", [{"beta_zero": 1.0}, {"steps": 0}, {"tempering": "quadratic"}, {"step_size": 0}])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=f"`{next(iter(arguments))}`"):
        kv.objectives.Hamiltonian(**arguments)
