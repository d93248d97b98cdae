"""What importance weights find is compared with factor analysis, where everything is known in closed form."""

import re

import numpy as np
import pytest
import scipy.stats
from keras import ops

from keras_vae.tables import VAETable, importance

ROWS = 40
LOADINGS = np.array([[1.0, 0.6, -0.8], [0.0, 0.7, 0.5]])
SCALE = 0.5


@pytest.fixture(scope="module")
def table():
    """A table's model whose weights are those of factor analysis; its columns are not standardised."""
    values = np.random.default_rng(0).normal(size=(ROWS, 3))
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    table = VAETable(2, max_steps=1, hidden_units=(4,), num_samples=4096, random_state=0).fit(values)
    likelihood = table.vae_.likelihood.parts[0]
    # without the numbers of the names, which count how many there were before, and the name of the likelihood
    paths = {re.sub(r"_\d+(?=/|$)", "", weight.path): weight for weight in likelihood.weights}
    by_name = {path.rpartition("columns/")[2].partition("/")[2]: weight for path, weight in paths.items()}
    kernel = np.zeros((6, 3))
    kernel[:2] = LOADINGS
    by_name["loc/dense/kernel"].assign(kernel)
    by_name["loc/dense/bias"].assign(np.zeros(3))
    by_name["initial_log_var"].assign(np.full(3, np.log(SCALE**2)))
    by_name["log_var"].assign(np.zeros(3))
    table.vae_.runner.forget()
    return table


COVARIANCE = LOADINGS.T @ LOADINGS + SCALE**2 * np.eye(3)


def rows_with_holes():
    x = np.random.default_rng(1).multivariate_normal(np.zeros(3), COVARIANCE, 6)
    x[0, 0] = x[1, 1] = x[2, :2] = x[3, 2] = x[4] = np.nan
    return x


def conditional_of(row):
    """Mean and covariance of the missing elements given the observed ones."""
    holes = np.isnan(row)
    if holes.all():
        return np.zeros(3), COVARIANCE
    gain = COVARIANCE[np.ix_(holes, ~holes)] @ np.linalg.inv(COVARIANCE[np.ix_(~holes, ~holes)])
    return gain @ row[~holes], COVARIANCE[np.ix_(holes, holes)] - gain @ COVARIANCE[np.ix_(~holes, holes)]


def test_the_noise_is_standard_gaussian_and_fills_the_space():
    noise = importance.noise(1024, 3, 0)
    assert noise.shape == (1024, 3)
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=0.01)
    np.testing.assert_allclose(np.cov(noise.T), np.eye(3), atol=0.05)
    assert np.array_equal(noise, importance.noise(1024, 3, 0))
    assert not np.array_equal(noise, importance.noise(1024, 3, 1))
    assert importance.noise(5, 2, 0).shape == (5, 2)


def test_missing_numbers_get_their_conditional_mean(table):
    x = rows_with_holes()
    found = table.impute(x)
    for row, filled in zip(x, found, strict=True):
        holes = np.isnan(row)
        low = np.array([column.low for column in table.columns_])[holes]
        high = np.array([column.high for column in table.columns_])[holes]
        np.testing.assert_allclose(filled[holes], np.clip(conditional_of(row)[0], low, high), atol=0.05)


def test_draws_have_the_conditional_moments(table):
    x = np.repeat(rows_with_holes()[2:3], 64, axis=0)
    mean, covariance = conditional_of(x[0])
    draws = np.concatenate([drawn[:, :2] for drawn in table.impute(x, 16, seed=0)])
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.15)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.2)


def test_the_density_of_observed_cells_is_exact_and_in_the_users_units(table):
    x = rows_with_holes()
    found = table.score_samples(x)
    for row, value in zip(x, found, strict=True):
        seen = ~np.isnan(row)
        if not seen.any():
            assert abs(value) < 1e-5
            continue
        expected = scipy.stats.multivariate_normal.logpdf(row[seen], cov=COVARIANCE[np.ix_(seen, seen)])
        np.testing.assert_allclose(value, expected, atol=0.06)


def test_given_values_are_conditioned_on(table):
    drawn = table.conditional_sample({"x0": 1.5}, 4000, seed=0)
    mean, covariance = conditional_of(np.array([1.5, np.nan, np.nan]))
    assert np.all(drawn[:, 0] == 1.5)
    np.testing.assert_allclose(drawn[:, 1:].mean(axis=0), mean, atol=0.15)
    np.testing.assert_allclose(np.cov(drawn[:, 1:].T), covariance, atol=0.2)


def test_ranges_are_kept_to(table):
    drawn = table.conditional_sample({"x0": (0.5, 1.0), "x1": (None, 0.0)}, 500, seed=0)
    assert drawn.shape == (500, 3)
    assert drawn[:, 0].min() >= 0.5
    assert drawn[:, 0].max() <= 1.0
    assert drawn[:, 1].max() <= 0.0


def test_a_row_does_not_depend_on_the_rows_beside_it(table):
    x = rows_with_holes()
    np.testing.assert_allclose(table.score_samples(x)[2:3], table.score_samples(x[2:3]), atol=1e-5)
    np.testing.assert_allclose(table.impute(x)[2:3], table.impute(x[2:3]), atol=1e-5)


def test_the_mean_of_a_logarithm_is_that_of_the_log_normal(table):
    part = table.vae_.decode(np.zeros((1, 2)), mode="distribution").parts[0]
    scales, highs = np.array([0.0, 0.5, 2.0], "float32"), np.array([0.0, 50.0, 0.7], "float32")
    found = ops.convert_to_numpy(importance.expected_of_part(part, scales, highs))[0]
    deviation = np.sqrt(ops.convert_to_numpy(part.variance())[0])
    drawn = deviation * scipy.stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)[:, None]
    np.testing.assert_allclose(found, [0.0, *np.exp(scales * np.minimum(drawn, highs)).mean(axis=0)[1:]], rtol=1e-3)
