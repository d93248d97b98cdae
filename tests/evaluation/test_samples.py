"""Samples beside data: memorisation, precision and recall, Fréchet and kernel distance, MMD."""

import importlib
import sys

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.evaluation import pairwise
from tests.models.small import small_vae, vectors

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
SAMPLES = RNG.normal(size=(40, 3)) * 1.5 + 0.5


def distances(a, b):
    return np.sqrt(np.square(a[:, None] - b[None]).sum(axis=2))


def own_radii(rows, k):
    between = distances(rows, rows)
    np.fill_diagonal(between, np.inf)
    return np.sort(between, axis=1)[:, k - 1]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(pairwise, "BLOCK", 130)


@pytest.mark.on_torch
def test_memorised_rows_are_found():
    copies = X[[5, 17]] + np.array([[1e-3], [1e-4]])
    found = kv.evaluation.memorised(np.concatenate([X[:30] + 3.0, copies]), X, RNG.normal(size=(200, 3)))
    assert found.indices.tolist() == [31, 30]  # the closest first
    assert found.nearest[found.indices].tolist() == [17, 5]
    assert found.share == 2 / 32
    np.testing.assert_allclose(found.distances, distances(found.samples, X).min(axis=1), atol=1e-6)
    np.testing.assert_allclose(found.threshold, np.quantile(found.real_distances, 0.05))
    assert "6.2 % of 32 samples" in str(found)


@pytest.mark.on_torch
def test_new_rows_are_close_as_often_as_the_quantile_says():
    """With rows held out, and with distances among the training rows, which have the same distribution."""
    train, held_out, new = RNG.normal(size=(3, 2000, 3))
    for other in (held_out, None):
        found = kv.evaluation.memorised(new, train, other, quantile=0.1)
        assert found.share == pytest.approx(0.1, abs=0.03)
    among = kv.evaluation.memorised(new, X)
    np.testing.assert_allclose(among.real_distances, own_radii(X, 1))


def test_a_model_generates_the_samples():
    vae = small_vae()
    found = kv.evaluation.memorised(vae, vectors(), num_samples=7, seed=0)
    assert found.samples.shape == (7, 6)
    np.testing.assert_array_equal(found.samples, vae.generate(7, seed=0))
    assert set(kv.evaluation.precision_recall(vae, vectors(), seed=0).summary()) >= {"precision", "recall"}
    distance = kv.evaluation.frechet_distance(vae, vectors(), seed=0)
    assert distance == pytest.approx(
        kv.evaluation.frechet_distance(vae.generate(len(vectors()), seed=0), vectors()), rel=1e-4
    )


@pytest.mark.on_torch
@pytest.mark.parametrize("k", [1, 3])
def test_precision_and_recall_by_brute_force(k, small_blocks):
    found = kv.evaluation.precision_recall(SAMPLES, X, neighbours=k)
    between = distances(SAMPLES, X)
    inside = between <= own_radii(X, k)[None]
    assert found.precision == inside.any(axis=1).mean()
    assert found.recall == (between <= own_radii(SAMPLES, k)[:, None]).any(axis=0).mean()
    assert found.density == pytest.approx(inside.sum() / (k * len(SAMPLES)))
    assert found.coverage == inside.any(axis=0).mean()


@pytest.mark.on_torch
def test_precision_and_recall_of_toys():
    same = kv.evaluation.precision_recall(X, X)
    assert (same.precision, same.recall, same.coverage) == (1.0, 1.0, 1.0)
    far = kv.evaluation.precision_recall(X + 100.0, X)
    assert (far.precision, far.recall, far.density, far.coverage) == (0.0, 0.0, 0.0, 0.0)


def frechet(mean_1, cov_1, mean_2, cov_2):
    from scipy.linalg import sqrtm

    return np.square(mean_1 - mean_2).sum() + np.trace(cov_1 + cov_2 - 2 * sqrtm(cov_1 @ cov_2).real)


@pytest.mark.on_torch
def test_frechet_distance_of_gaussians():
    expected = frechet(SAMPLES.mean(0), np.cov(SAMPLES.T), X.mean(0), np.cov(X.T))
    assert kv.evaluation.frechet_distance(SAMPLES, X) == pytest.approx(expected, rel=1e-6)
    # One dimension: (m1 - m2)^2 + (s1 - s2)^2.
    a, b = X[:, :1], 3.0 * X[:, :1] + 1.0
    difference = np.square(a.mean() - b.mean()) + 4.0 * a.var(ddof=1)
    assert kv.evaluation.frechet_distance(a, b) == pytest.approx(difference)


@pytest.mark.on_torch
def test_frechet_distance_of_singular_covariances():
    flat = np.concatenate([X, X], axis=1)  # rank 3 in 6 dimensions
    assert kv.evaluation.frechet_distance(flat, flat) == pytest.approx(0.0, abs=1e-9)
    assert kv.evaluation.frechet_distance(2.0 * flat, flat) == pytest.approx(
        2.0 * (np.trace(np.cov(X.T)) + np.square(X.mean(axis=0)).sum())
    )


def unbiased(kernel, a, b):
    within = [(kernel(own, own).sum() - np.trace(kernel(own, own))) / (len(own) * (len(own) - 1)) for own in (a, b)]
    return sum(within) - 2 * kernel(a, b).mean()


@pytest.mark.on_torch
def test_kernel_distances_by_hand(small_blocks):
    assert kv.evaluation.kernel_distance(SAMPLES, X) == pytest.approx(
        unbiased(lambda a, b: (a @ b.T / 3 + 1) ** 3, SAMPLES, X)
    )
    kernels = {
        "rbf": lambda a, b: np.exp(-(distances(a, b) ** 2) / (2 * 1.7**2)),
        "imq": lambda a, b: 1.7**2 / (1.7**2 + distances(a, b) ** 2),
    }
    for name, kernel in kernels.items():
        found = kv.evaluation.maximum_mean_discrepancy(SAMPLES, X, name, bandwidth=1.7)
        assert found == pytest.approx(unbiased(kernel, SAMPLES, X))


@pytest.mark.on_torch
@pytest.mark.parametrize("kernel", ["rbf", "imq", "kid"])
def test_unbiased_estimates_are_zero_on_average(kernel):
    def estimate(a, b):
        if kernel == "kid":
            return kv.evaluation.kernel_distance(a, b)
        return kv.evaluation.maximum_mean_discrepancy(a, b, kernel)

    estimates = np.array([estimate(*RNG.normal(size=(2, 20, 2))) for _ in range(300)])
    assert abs(estimates.mean()) < 4 * estimates.std() / np.sqrt(len(estimates))
    assert 0.3 < (estimates < 0).mean() < 0.8
    assert estimate(RNG.normal(size=(20, 2)) + 2, RNG.normal(size=(20, 2))) > estimates.max()


@pytest.mark.on_torch
def test_the_median_distance_is_the_scale():
    scale = np.median(distances(np.concatenate([SAMPLES, X]), np.concatenate([SAMPLES, X]))[np.triu_indices(100, 1)])
    found = kv.evaluation.maximum_mean_discrepancy(SAMPLES, X)
    assert found == pytest.approx(kv.evaluation.maximum_mean_discrepancy(SAMPLES, X, bandwidth=scale))
    ones = np.ones((5, 2))
    assert kv.evaluation.maximum_mean_discrepancy(ones, ones) == 0.0


def test_features_are_a_function_or_a_model():
    images = RNG.random((20, 4, 4, 1)).astype("float32")
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    direct = keras.ops.convert_to_numpy(model(images))
    other = images[::-1] * 0.5
    expected = kv.evaluation.frechet_distance(keras.ops.convert_to_numpy(model(other)), direct)
    for features in (model, lambda x: model(x)):
        assert kv.evaluation.frechet_distance(other, images, features) == pytest.approx(expected, rel=1e-4)
    first = kv.evaluation.precision_recall(other, images, lambda x: x[:, 0, 0])
    assert first == first
    assert kv.evaluation.precision_recall(other, images).neighbours == 3


@pytest.mark.on_torch
def test_memory_is_that_of_blocks():
    """4000 rows have 16 million pairs, 128 MB: no step may hold them all."""
    import tracemalloc

    rows, other = RNG.normal(size=(2, 4000, 2))
    tracemalloc.start()
    kv.evaluation.precision_recall(rows, other)
    kv.evaluation.kernel_distance(rows, other)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100e6


@pytest.mark.on_torch
def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.neighbors", None)
    with pytest.raises(ImportError, match=r"memorised needs scikit-learn.*'keras-vae\[evaluation\]'"):
        kv.evaluation.memorised(SAMPLES, X)
    assert importlib.import_module("sklearn")


REFUSED = {
    "quantile": (lambda: kv.evaluation.memorised(SAMPLES, X, quantile=1.0), "`quantile` must lie"),
    "width": (lambda: kv.evaluation.memorised(SAMPLES[:, :2], X), "`x_train` must have at least 2 rows of the shape"),
    "no array": (lambda: kv.evaluation.memorised([1, 2], X), "`samples` must be an array of samples or a model"),
    "pairs": (lambda: kv.evaluation.frechet_distance(SAMPLES, [X, X]), "`x` must be an array"),
    "neighbours": (lambda: kv.evaluation.precision_recall(SAMPLES, X, neighbours=40), "`neighbours` must be smaller"),
    "widths": (lambda: kv.evaluation.kernel_distance(SAMPLES, X[:, :2]), "`x` must have rows as wide"),
    "one row": (lambda: kv.evaluation.kernel_distance(SAMPLES[:1], X), "`samples` must hold rows"),
    "nan": (lambda: kv.evaluation.kernel_distance(SAMPLES * np.nan, X), "`samples` must have finite features"),
    "features": (
        lambda: kv.evaluation.kernel_distance(SAMPLES, X, lambda rows: rows[:5]),
        "`features` must give a row",
    ),
    "kernel": (lambda: kv.evaluation.maximum_mean_discrepancy(X, X, "cosine"), "`kernel` must be one of"),
    "condition": (
        lambda: kv.evaluation.precision_recall(small_vae(condition_shape=(2,)), vectors()),
        r"`samples` must be an array for a conditional model.*vae.generate\(condition",
    ),
}


@pytest.mark.refusals
@pytest.mark.parametrize("name", REFUSED)
def test_bad_arguments_are_refused(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call()
