"""Is a distribution value one distribution: does its density integrate to one and fit its draws?"""

import itertools
from collections.abc import Callable

import numpy as np
from keras import ops

from keras_vae.distributions import has_kl_divergence, kl_divergence, kl_divergence_per_dimension
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Array
from keras_vae.testing.subject import Subject

__all__ = ["check_closed_form", "check_density", "check_divergence", "numpy_draws", "standard_error"]

SIGMAS = 5.0
"""Standard errors that an estimate may be off: once in two million."""
MODE_TOLERANCE = 1e-4
KL_TOLERANCE = 2e-3


def check_density(
    subject: Subject,
    row: Distribution,
    rows: Distribution,
    points: Callable,
    *,
    moments: bool = True,
    tolerance: float = 2e-3,
) -> None:
    """The density adds up to one, and the draws, their mean and their variance are its own.

    Args:
        subject: the `Subject`.
        row: a distribution value with one row.
        rows: the same distribution, repeated over thousands of rows.
        points: function from draws to `(points, weights)`, see `keras_vae.testing.over_reals`.
        moments: compare `mean()` and `variance()` too; False where they are a point of reference only.
        tolerance: by how much the integral may differ from one.
    """
    kind = type(row).__name__
    draws = numpy_draws(rows)
    where, weights = points(draws)
    log_density = ops.convert_to_numpy(row.log_prob(where)).astype("float64")
    mass = weights * np.exp(log_density)
    total = float(np.sum(mass))
    subject.require(
        abs(total - 1.0) <= tolerance,
        "density",
        f"the density of {kind} adds up to {total:.5f} and not to 1. Look at the normalising constant in log_prob, at "
        "the axes it sums over, and at whether `points` covers the whole domain.",
    )
    expected = float(np.sum(np.where(mass > 0, mass * np.maximum(log_density, -1e6), 0.0)))
    found = ops.convert_to_numpy(rows.log_prob(draws)).astype("float64")
    allowed = SIGMAS * standard_error(found) + tolerance * (1.0 + abs(expected))
    subject.require(
        abs(np.mean(found) - expected) <= allowed,
        "density",
        f"the draws of {kind} do not follow its density: log_prob averages {np.mean(found):.4f} over draws and "
        f"{expected:.4f} under the density. sample() and log_prob() describe two distributions.",
    )
    if moments:
        _check_moments(subject, row, draws, where, mass)
    if row.has_exact_mode:
        _check_mode(subject, row, float(np.max(log_density)))


def numpy_draws(rows: Distribution) -> Array:
    """A draw for every row."""
    return ops.convert_to_numpy(rows.sample(1))


def _check_mode(subject: Subject, row: Distribution, best: float) -> None:
    try:
        found = float(ops.convert_to_numpy(row.log_prob(row.mode()))[0])
    except NotImplementedError:
        return
    subject.require(
        found >= best - MODE_TOLERANCE * (1.0 + abs(best)),
        "density",
        f"mode() of {type(row).__name__} has the log density {found:.5f}, and the highest is {best:.5f}: it is not the "
        "most likely value. Leave mode() out where there is no closed form, or set has_exact_mode = False.",
    )


def _check_moments(subject: Subject, row: Distribution, draws: Array, where: Array, mass: Array) -> None:
    shape = (-1, *([1] * (where.ndim - 1)))
    mean = np.sum(mass.reshape(shape) * where, axis=0)
    variance = np.sum(mass.reshape(shape) * (where - mean) ** 2, axis=0)
    slack = 0.01 * np.sqrt(variance) + 1e-3
    for name, method, expected, allowed in (
        ("mean()", row.mean, mean, slack),
        ("variance()", row.variance, variance, 0.02 * variance + 1e-3),
    ):
        try:
            value = ops.convert_to_numpy(method())[0]
        except NotImplementedError:
            continue
        subject.require(
            np.all(np.abs(value - expected) <= allowed),
            "density",
            f"{name} of {type(row).__name__} is {value.tolist()}, and under its density {expected.tolist()}.",
        )
    error = np.std(draws, axis=0) / np.sqrt(len(draws))
    subject.require(
        np.all(np.abs(np.mean(draws, axis=0) - mean) <= SIGMAS * error + slack),
        "density",
        f"the draws of {type(row).__name__} average {np.mean(draws, axis=0).tolist()}, and its density has the mean "
        f"{mean.tolist()}.",
    )
    _check_covariance(subject, type(row).__name__, draws, where, mass)


def _check_covariance(subject: Subject, kind: str, draws: Array, where: Array, mass: Array) -> None:
    """The elements of a draw depend on each other as they do under the density."""
    where, draws = where.reshape(len(where), -1), draws.reshape(len(draws), -1)
    where = where - np.sum(mass[:, None] * where, axis=0)
    draws = draws - np.mean(draws, axis=0)
    for i, j in itertools.combinations(range(draws.shape[1]), 2):
        expected = float(np.sum(mass * where[:, i] * where[:, j]))
        products = draws[:, i].astype("float64") * draws[:, j]
        slack = 0.01 * np.sqrt(np.sum(mass * where[:, i] ** 2) * np.sum(mass * where[:, j] ** 2)) + 1e-3
        subject.require(
            abs(np.mean(products) - expected) <= SIGMAS * standard_error(products) + slack,
            "density",
            f"the elements {i} and {j} of the draws of {kind} have the covariance {np.mean(products):.4f}, and "
            f"{expected:.4f} under its density. Do they share noise that they should not, or not share what they "
            "should? sample() and log_prob() describe two distributions.",
        )


def check_divergence(subject: Subject, q: Distribution, p: Distribution, *, rows: int = 0) -> None:
    """KL(q || q) is zero, and a closed form of KL(q || p) agrees with its estimate from draws.

    Args:
        subject: the `Subject`.
        q: the posterior's value, the same distribution in thousands of rows.
        p: the prior's value, likewise.
        rows: index of the row whose closed form is compared.
    """
    names = f"KL({type(q).__name__} || {type(p).__name__})"
    z, log_q = q.sample_and_log_prob(2)
    try:
        difference = np.max(np.abs(ops.convert_to_numpy(q.log_prob(z) - log_q)))
    except NotImplementedError:
        difference = 0.0
    subject.require(
        difference <= 1e-2,
        "kl",
        f"sample_and_log_prob of {type(q).__name__} and its log_prob differ by up to {difference:.4f} at the draws.",
    )
    for side in (q, p):
        if has_kl_divergence(side, side):
            worst = np.max(np.abs(ops.convert_to_numpy(kl_divergence(side, side))))
            subject.require(
                worst <= 1e-4,
                "kl",
                f"KL of {type(side).__name__} to itself is {worst:.5f} and not 0. Look at its closed form.",
            )
    ratio = ops.convert_to_numpy(log_q - p.log_prob(z)).astype("float64")
    estimate, error = float(np.mean(ratio)), standard_error(ratio)
    subject.require(np.isfinite(estimate), "kl", f"log q(z) - log p(z) is not finite at draws of {type(q).__name__}.")
    subject.require(
        estimate >= -SIGMAS * error - 1e-3,
        "kl",
        f"{names} is estimated from draws as {estimate:.4f}, and no KL is negative. sample() and log_prob() of the "
        "posterior, or log_prob() of the prior, are wrong.",
    )
    if not has_kl_divergence(q, p):
        return
    exact = float(ops.convert_to_numpy(kl_divergence(q, p))[rows])
    subject.require(
        abs(exact - estimate) <= SIGMAS * error + 1e-3 * (1.0 + abs(exact)),
        "kl",
        f"the closed form of {names} is {exact:.4f}, its estimate from {len(ratio)} draws {estimate:.4f} with a "
        f"standard error of {error:.4f}. Look at the function given to register_kl_divergence.",
    )
    if has_kl_divergence(q, p, per_dimension=True):
        elements = ops.convert_to_numpy(kl_divergence_per_dimension(q, p))[rows]
        subject.require(
            abs(float(np.sum(elements)) - exact) <= 1e-3 * (1.0 + abs(exact)),
            "kl",
            f"the KL of every dimension adds up to {float(np.sum(elements)):.4f}, and {names} is {exact:.4f}.",
        )


def check_closed_form(subject: Subject, q: Distribution, p: Distribution, where: tuple[Array, Array]) -> None:
    """A closed form of KL(q || p) agrees with the integral.

    Args:
        subject: the `Subject`.
        q: the posterior's value, with one row.
        p: the prior's value, likewise.
        where: points and weights over the domain of both.
    """
    if not has_kl_divergence(q, p):
        return
    points, weights = where
    log_q, log_p = (ops.convert_to_numpy(side.log_prob(points)).astype("float64") for side in (q, p))
    mass = weights * np.exp(log_q)
    integral = float(np.sum(np.where(mass > 0, mass * np.maximum(log_q - log_p, -1e6), 0.0)))
    exact = float(ops.convert_to_numpy(kl_divergence(q, p))[0])
    subject.require(
        abs(exact - integral) <= KL_TOLERANCE * abs(integral) + 2e-4,
        "kl",
        f"kl_divergence() of {type(q).__name__} and {type(p).__name__} is {exact:.5f}, and the integral of "
        f"q (log q - log p) {integral:.5f}. Look at the closed form, the function given to register_kl_divergence.",
    )


def standard_error(values: Array) -> float:
    """Standard error of the mean of `values`."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))
