"""The bound on a learned metric: against NumPy in float64, the exact log p(x), and what training keeps."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.backend import gradient
from keras_vae.distributions.draws import other_noise
from keras_vae.objectives.riemannian_metric import Metric, MetricNetwork
from tests.models.test_hamiltonian import MATRIX, OFFSET, SCALE, X, cooling_of, exact, linear_model


def numpy(tensor):
    return ops.convert_to_numpy(tensor).astype("float64")


def metric_values(rows=5, width=2, seed=0):
    rng = np.random.default_rng(seed)
    factors = np.tril(rng.normal(size=(rows, width, width)))
    return rng.normal(size=(rows, width)), factors @ factors.transpose(0, 2, 1)


def with_metric(objective, rows):
    vae, x = linear_model(objective, rows=rows)
    means, matrices = metric_values(objective.centroids)
    objective.kept_means.assign(means)
    objective.kept_matrices.assign(matrices)
    return vae, x, means, matrices


def inverse_of(z, means, matrices, objective):
    weights = np.exp(-np.sum((z[:, None] - means) ** 2, axis=-1) / objective.temperature**2)
    return np.einsum("rn,nij->rij", weights, matrices) + objective.regularization * np.eye(z.shape[1])


def test_slope_of_the_metric_is_the_gradient():
    means, matrices = (ops.convert_to_tensor(values, "float32") for values in metric_values(seed=1))
    metric = Metric(means, matrices, 1.3, 0.2)
    rng = np.random.default_rng(2)
    z, momentum = (ops.convert_to_tensor(rng.normal(size=(7, 2)), "float32") for _ in range(2))

    def energy(z):
        return 0.5 * (metric.lengths(z, momentum) + metric.root(z)[1])

    found = metric.slope(z, momentum, metric.root(z)[0])
    assert np.allclose(numpy(found), numpy(gradient(energy, z)), rtol=1e-3, atol=1e-4)
    assert np.allclose(numpy(metric.root(z)[1]), -np.linalg.slogdet(numpy(metric.inverse(z)))[1], atol=1e-4)


def test_loss_against_numpy():
    """The Hamiltonian is differentiated by differences, and the implicit steps are solved until they stand still."""
    objective = kv.objectives.RiemannianHamiltonian(
        3, 0.1, fixed_points=12, beta_zero=0.4, temperature=1.2, regularization=0.3, centroids=5, hidden_units=(4,)
    )
    vae, x, means, matrices = with_metric(objective, rows=6)
    terms = vae.terms(x, seed=3)
    (level,) = terms.levels
    z, noise = numpy(level.z), numpy(keras.random.normal((6, 2), seed=other_noise(3, 2)))

    def normal(value, loc=0.0, scale=1.0):
        return np.sum(-0.5 * ((value - loc) / scale) ** 2 - np.log(scale * np.sqrt(2 * np.pi)), axis=1)

    def log_joint(z):
        return normal(X.astype("float64"), z @ MATRIX + OFFSET, SCALE) + normal(z)

    def energy(z, r):
        inverse = inverse_of(z, means, matrices, objective)
        return -log_joint(z) + 0.5 * (np.einsum("ri,rij,rj->r", r, inverse, r) - np.linalg.slogdet(inverse)[1])

    def slope(function, point):
        steps = 1e-5 * np.eye(2)
        return np.stack([(function(point + step) - function(point - step)) / 2e-5 for step in steps], axis=1)

    first = energy(z, np.zeros_like(z)) + log_joint(z)
    log_q = normal(z, numpy(level.posterior.loc), np.exp(0.5 * numpy(level.posterior.log_var)))
    # G = R' R with R the inverse of the Cholesky factor of G^-1
    root = np.linalg.inv(np.linalg.cholesky(inverse_of(z, means, matrices, objective)))
    r = np.einsum("rji,rj->ri", root, noise) / np.sqrt(0.4)
    for cooling in cooling_of("fixed", 3, 0.4):
        start, before = r, z
        for _ in range(12):
            r = start - 0.05 * slope(lambda point, r=r: energy(point, r), before)
        for _ in range(12):
            z = before + 0.05 * (
                slope(lambda point, z=before: energy(z, point), r) + slope(lambda point, z=z: energy(z, point), r)
            )
        r = cooling * (r - 0.05 * slope(lambda point, r=r: energy(point, r), z))
    expected = log_q + energy(z, r) - first - 0.5 * np.sum(noise**2, axis=1)
    assert numpy(objective.loss(terms)) == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_bound_of_an_unbiased_estimate_of_the_likelihood():
    """exp(-loss) averages p(x): the steps keep volumes, and the densities of the momentum have their determinants."""
    objective = kv.objectives.RiemannianHamiltonian(
        3, 0.15, fixed_points=6, beta_zero=0.6, temperature=2.0, regularization=0.5, centroids=5, hidden_units=(4,)
    )
    vae, x, *_ = with_metric(objective, rows=20000)
    terms = vae.terms(x, seed=1)
    log_weights = -numpy(objective.loss(terms))
    weights = np.exp(log_weights - exact())
    error = weights.std() / np.sqrt(len(weights))
    assert error < 0.02
    assert abs(weights.mean() - 1.0) < 5 * error
    plain = numpy(terms.log_likelihood[:, 0] + terms.log_ratio[:, 0, 0]).mean()
    assert plain + 0.2 < log_weights.mean() < exact()


def test_training_keeps_the_latest_rows_for_evaluations(tmp_path):
    objective = kv.objectives.RiemannianHamiltonian(1, 0.01, centroids=5, hidden_units=(4,))
    vae = kv.VAE((4,), 2, objective=objective)
    x = np.random.default_rng(0).random((3, 4)).astype("float32")
    vae.compile(keras.optimizers.SGD(0.0))
    flat = numpy(objective.loss(vae.terms(x, seed=0)))
    assert not numpy(objective.kept_matrices).any()
    vae.train_on_batch(x)
    means, matrices = numpy(objective.kept_means), numpy(objective.kept_matrices)
    assert np.allclose(means[:3], vae.encode(x), atol=1e-5)
    assert not means[3:].any()
    assert np.linalg.eigvalsh(matrices[:3]).min() > 0.5  # near I at the start
    vae.train_on_batch(0.5 * x)
    assert np.allclose(numpy(objective.kept_means)[3:], means[:2], atol=1e-5)
    assert np.abs(numpy(objective.loss(vae.terms(x, seed=0))) - flat).min() > 1e-5
    vae.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(numpy(again.objective.kept_means), numpy(objective.kept_means))


@pytest.mark.parametrize("width", [1, 3])
def test_matrices_of_the_network_are_products_of_their_factors(width):
    network = MetricNetwork(width, (8,))
    network.build((None, 2, 3))
    for weight in network.weights:
        weight.assign(keras.random.normal(weight.shape, seed=3))
    found = numpy(network(np.random.default_rng(0).normal(size=(4, 2, 3)).astype("float32")))
    assert found.shape == (4, width, width)
    assert np.allclose(found, found.transpose(0, 2, 1), rtol=1e-5)
    assert np.linalg.eigvalsh(found).min() > -1e-3 * np.abs(found).max()
    assert width == 1 or np.abs(found[:, 1, 0]).max() > 1e-2


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"latents": "hierarchical", "latent_dim": (2, 2)}, "one level of real numbers"),
        ({"prior": "uniform_categorical", "posterior": "categorical"}, "one level of real numbers"),
    ],
)
def test_other_latents_are_refused(options, named):
    with pytest.raises(ValueError, match=named):
        kv.VAE((4,), objective="riemannian_hamiltonian", **options)


@pytest.mark.refusals
@pytest.mark.parametrize("arguments", [{"beta_zero": 1.5}, {"fixed_points": 0}, {"temperature": 0}, {"centroids": -1}])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=f"`{next(iter(arguments))}`"):
        kv.objectives.RiemannianHamiltonian(**arguments)
