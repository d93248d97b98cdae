"""Do draws follow their arguments: the seed, the number of samples, the temperature?"""

import keras
import numpy as np
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Array
from keras_vae.testing.subject import Subject

__all__ = ["check_draws", "check_samples"]

SAMPLES = 3
COLD = 0.1
STEPS = (0.02, 0.1, 0.3, 1.0)
TOLERANCE = 1e-3
"""Relative tolerance of two computations of the same log density."""


def check_draws(subject: Subject, value: Distribution) -> None:
    """The seed determines a draw, samples differ, a low temperature concentrates them, and the mode is most likely.

    Args:
        subject: the `Subject`.
        value: the same distribution in hundreds of rows.
    """
    kind = type(value).__name__
    draws = _numpy(value.sample(1))
    _check_seed(subject, f"sample(seed=1) of {kind}", draws, _numpy(value.sample(1)), _numpy(value.sample(2)))
    if np.ptp(draws, axis=0).max() > 0:  # not a single point
        _check_generator(subject, kind, value)
        _check_several(subject, kind, value, draws)
        _check_temperature(subject, kind, value, draws)
    _check_mode(subject, kind, value, draws)


def _check_seed(subject: Subject, call: str, draws: Array, again: Array, other: Array) -> None:
    """Every element that varies between rows follows the seed; the axis before the event's is that of the rows."""
    subject.require(
        np.array_equal(draws, again), "draws", f"{call} gives other draws at every call. Pass `seed` to keras.random."
    )
    rows = np.ptp(draws, axis=0) > 0
    seeds = np.any(draws != other, axis=0)
    subject.require(
        not np.any(rows & ~seeds),
        "draws",
        f"{call} ignores `seed`: seeds 1 and 2 give the same draws of {np.sum(rows & ~seeds)} of {rows.size} elements. "
        "Pass it to keras.random.",
    )
    subject.require(
        not np.any(seeds & ~rows) or np.any(rows),
        "draws",
        f"{call} gives equal rows one draw. Draw noise of the whole shape, (..., *event), for every row its own.",
    )


def _check_generator(subject: Subject, kind: str, value: Distribution) -> None:
    """A `SeedGenerator`, as training passes it, gives other noise at every use."""
    generator = keras.random.SeedGenerator(1)
    first, second = (_numpy(value.sample(generator)) for _ in range(2))
    subject.require(
        not np.array_equal(first, second),
        "draws",
        f"sample(seed=SeedGenerator(1)) of {kind} gives the same draws twice. Pass `seed` as it is to keras.random.",
    )


def _check_several(subject: Subject, kind: str, value: Distribution, draws: Array) -> None:
    several, again, other = (_numpy(value.sample(seed, num_samples=SAMPLES)) for seed in (1, 1, 2))
    call = f"sample(seed=1, num_samples={SAMPLES}) of {kind}"
    expected = (SAMPLES, *draws.shape)
    subject.require(
        several.shape == expected,
        "draws",
        f"{call} has shape {several.shape}. Expected {expected}: the axis of samples comes first.",
    )
    for first, second in ((0, 1), (1, 2)):
        subject.require(
            not np.array_equal(several[first], several[second]),
            "draws",
            f"the samples of {call} are equal. Draw noise of the whole shape, (num_samples, ..., *event), and not of "
            "one draw that is repeated.",
        )
    _check_seed(subject, call, *(part.reshape(-1, *draws.shape[1:]) for part in (several, again, other)))


def _check_temperature(subject: Subject, kind: str, value: Distribution, draws: Array) -> None:
    same = _numpy(value.tempered(ops.convert_to_tensor(1.0)).sample(1))
    subject.require(
        np.allclose(same, draws, rtol=1e-5, atol=1e-6),
        "draws",
        f"tempered(1.0) of {kind} changes its draws. At temperature 1 it must be the distribution itself.",
    )
    if not value.has_temperature:
        return
    try:
        log_p = _log_prob(value, draws)
    except NotImplementedError:  # a flow that can compute only the density of its own draws
        log_p = None
    if log_p is not None and np.ptp(log_p) <= TOLERANCE * (1.0 + np.abs(log_p).max()):
        return  # a uniform distribution is the same at every temperature
    still = _numpy(value.tempered(0.0).sample(1))
    subject.require(
        still.shape == draws.shape and np.all(np.isfinite(still)),
        "draws",
        f"tempered(0.0) of {kind} gives draws that are not finite, or of another shape. At 0 they are the mode or the "
        "mean.",
    )
    cold = _numpy(value.tempered(ops.convert_to_tensor(COLD)).sample(1))
    ignored = np.all(still == draws, axis=0) & (np.ptp(draws, axis=0) > 0)
    subject.require(
        not np.any(ignored) or np.all(ignored),
        "draws",
        f"tempered(0.0) of {kind} leaves the draws of {np.sum(ignored)} of {ignored.size} elements as they are: "
        "sample() ignores the temperature there.",
    )
    # The spread may grow if the two most likely categories are far apart; then the density decides.
    gathered = np.mean(np.var(cold, axis=0)) < np.mean(np.var(draws, axis=0))
    if not gathered and log_p is not None:
        gathered = np.mean(_log_prob(value, cold)) > np.mean(log_p)
    subject.require(
        cold.shape == draws.shape and gathered,
        "draws",
        f"sample() of tempered({COLD}) of {kind} ignores the temperature: its draws spread no less than at 1. "
        "tempered(temperature) must concentrate them; set has_temperature = False if it cannot.",
    )


def _check_mode(subject: Subject, kind: str, value: Distribution, draws: Array) -> None:
    if not value.has_exact_mode:
        return
    try:
        mode = _numpy(value.mode())
        found = _log_prob(value, mode)
    except NotImplementedError:
        return
    # Also on the way to the draws: of many elements at once no draw comes near a mode that is slightly off.
    steps = (1.0,) if np.array_equal(draws, np.round(draws)) else STEPS
    best = max(_log_prob(value, mode + step * (draws - mode)).max() for step in steps)
    subject.require(
        np.min(found) >= best - TOLERANCE * (1.0 + abs(best)),
        "draws",
        f"mode() of {kind} has the log density {np.min(found):.4f}, and a value near it, or a draw, {best:.4f}: it is "
        "not the most likely value. Leave mode() out where there is no closed form, or set has_exact_mode = False.",
    )


def check_samples(subject: Subject, value: Distribution) -> None:
    """`log_prob` and `sample_and_log_prob` support an axis of samples in front of rows that differ.

    Args:
        subject: the `Subject`.
        value: a distribution of a few rows, each with parameters of its own.
    """
    kind = type(value).__name__
    draws = value.sample(3, num_samples=SAMPLES)
    try:
        wanted = np.stack([_log_prob(value, draws[index]) for index in range(SAMPLES)])
    except NotImplementedError:  # a flow that can compute only the density of its own draws
        return
    advice = (
        "Let parameters (batch, *event) and a value (samples, batch, *event) give (samples, batch): count axes from "
        "the end, and repeat what belongs to a row in every sample."
    )
    try:
        found = _log_prob(value, draws)
    except Exception as error:
        subject.fail("draws", f"log_prob of {kind} over samples raises {type(error).__name__}: {error} {advice}", error)
    _compare(subject, f"log_prob of {kind} does not broadcast over samples", found, wanted, advice)
    drawn, log_q = value.sample_and_log_prob(3, num_samples=SAMPLES)
    subject.require(
        tuple(drawn.shape) == tuple(draws.shape),
        "draws",
        f"sample_and_log_prob(num_samples={SAMPLES}) of {kind} draws {tuple(drawn.shape)}. Expected "
        f"{tuple(draws.shape)}.",
    )
    again = np.stack([_log_prob(value, drawn[index]) for index in range(SAMPLES)])
    _compare(
        subject, f"sample_and_log_prob of {kind} gives another density than log_prob", _numpy(log_q), again, advice
    )


def _compare(subject: Subject, complaint: str, found: Array, wanted: Array, advice: str) -> None:
    subject.require(found.shape == wanted.shape, "draws", f"{complaint}: {found.shape} for {wanted.shape}. {advice}")
    worst = np.max(np.abs(found - wanted))
    subject.require(
        np.allclose(found, wanted, rtol=TOLERANCE, atol=1e-2),
        "draws",
        f"{complaint}: off by up to {worst:.4f}. {advice}",
    )


def _log_prob(value: Distribution, where: Array) -> Array:
    return _numpy(value.log_prob(where))


def _numpy(tensor: object) -> Array:
    return ops.convert_to_numpy(tensor).astype("float64")
