"""The contract of a sampler, as a check."""

import functools
import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_vae import decoders, encoders
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.hints import Array, Shape
from keras_vae.models.vae import VAE
from keras_vae.samplers.sampler import Sampler
from keras_vae.testing.config import check_config
from keras_vae.testing.subject import Subject

__all__ = ["check_sampler"]

CHECKS = ("config", "shapes", "draws", "moments", "state", "refusals", "model")
ONE: tuple[Shape, ...] = ((2,),)
SEVERAL: tuple[Shape, ...] = ((2,), (2, 1, 1))
"""Shapes of two levels of latents, the second spatial."""


def check_sampler(
    sampler: Callable,
    *,
    other_values: dict[str, Any] | None = None,
    rows: int = 200,
    moments: float | None = 0.3,
    vae: dict[str, Any] | None = None,
    checks: Sequence[str] | None = None,
) -> None:
    """Run every check of the sampler's contract: a failure raises an AssertionError that says how to fix it.

    `config`: every constructor argument survives saving. `shapes`: of one level and of several, for one draw and for
    many, as float32 NumPy arrays. `draws`: the same seed gives the same draws, another seed others, and a lower
    temperature spreads them less. `moments`: means and standard deviations are those of the latents. `state`: a new
    instance with the state of a fitted one gives the same draws. `refusals`: latents of unknown length, and draws
    before `fit`, raise a ValueError. `model`: `fit_sampler` changes no weight of a model, and a `.keras` file gives the
    same samples.

    Args:
        sampler: class, or function without arguments that returns a fresh sampler: `lambda: MySampler(3)`.
        other_values: a second value for each constructor argument, as for `check_prior`.
        rows: number of latents that it is fitted to.
        moments: how far means and standard deviations may be off, in standard deviations; None to skip the check.
        vae: other arguments of `keras_vae.VAE` for `model`, such as `{"latent_dim": 3}`.
        checks: names of the checks to run; all by default.

    Raises:
        AssertionError: a check failed.
        ValueError: unknown names in `checks`.
        TypeError: an instance instead of a class or a function.

    Example:

    >>> import keras_vae as kv
    >>> kv.testing.check_sampler(lambda: kv.samplers.Mixture(2), checks=["draws", "state"])
    """
    if isinstance(sampler, Sampler):
        raise TypeError(
            "check_sampler needs a class or a function that makes fresh instances, because the checks fit several. "
            f"Received: {sampler!r}. Write `lambda: {type(sampler).__name__}(...)`."
        )
    subject = Subject("sampler", sampler)
    asked = CHECKS if checks is None else tuple(checks)
    unknown = sorted(set(asked) - set(CHECKS))
    if unknown:
        raise ValueError(f"Argument `checks` must hold names from {list(CHECKS)}. Received: {unknown}")
    if "config" in asked:
        check_config(subject, other_values)
    own = {"shapes": check_shapes, "draws": check_draws, "state": check_state}
    for name, check in own.items():
        if name in asked:
            with subject.checking(name):
                check(subject, rows)
    if "moments" in asked and moments is not None:
        with subject.checking("moments"):
            check_moments(subject, rows, moments)
    if "refusals" in asked:
        check_refusals(subject, rows)
    if "model" in asked:
        with subject.checking("model"):
            check_in_model(subject, rows, vae or {})


@functools.lru_cache(maxsize=2)  # of one check, which does not fit a sampler again for each question
def fitted(subject: Subject, rows: int, shapes: tuple[Shape, ...] = ONE) -> tuple[Any, list[Array]]:
    """A fitted sampler, and the latents that it saw."""
    sampler = subject.make()
    generator = np.random.default_rng(0)
    mixed = generator.standard_normal((rows, 1))
    levels = [
        (0.6 * generator.standard_normal((rows, *shape)) + 0.8 * mixed.reshape(rows, *[1] * len(shape)) + 2.0).astype(
            "float32"
        )
        for shape in shapes
    ]
    given = {"condition": np.arange(rows) % 2} if sampler.takes_condition else {}
    sampler.build(shapes)
    z: tuple[Any, ...] = tuple(levels)
    if sampler.encodes == "distribution":
        narrow = [np.full_like(level, -4.0) for level in levels]
        pairs = zip(levels, narrow, strict=True)
        z = tuple(Gaussian(loc, log_var, event_ndims=loc.ndim - 1) for loc, log_var in pairs)
    returned = sampler.fit(z, seed=0, verbose=0, **given)
    subject.require(returned is sampler, "shapes", "fit() must return the sampler itself.")
    return sampler, levels


def draws_of(sampler: Any, n: int, **options: Any) -> Any:
    """n draws, with a condition where the sampler takes one."""
    given = {"condition": np.arange(n) % 2} if sampler.takes_condition else {}
    return sampler.sample(n, **given, **options)


def check_shapes(subject: Subject, rows: int) -> None:
    for shapes in (ONE, SEVERAL):
        sampler, _ = fitted(subject, rows, shapes)
        for n in (1, 7):
            draws = draws_of(sampler, n, seed=0)
            found = [getattr(level, "shape", None) for level in draws] if isinstance(draws, tuple) else type(draws)
            expected = [(n, *shape) for shape in shapes]
            subject.require(
                found == expected, "shapes", f"sample({n}) must return a tuple of arrays {expected}. Received: {found}"
            )
            for level in draws:
                subject.require(
                    isinstance(level, np.ndarray) and level.dtype == "float32" and np.isfinite(level).all(),
                    "shapes",
                    f"sample() must return finite NumPy arrays of float32. Received: {level!r:.200}",
                )


def check_draws(subject: Subject, rows: int) -> None:
    sampler, _ = fitted(subject, rows)
    (first,), (again,), (other,) = (draws_of(sampler, 50, seed=seed) for seed in (1, 1, 2))
    subject.require(np.array_equal(first, again), "draws", "sample(seed=1) must give the same draws in every call.")
    subject.require(not np.allclose(first, other), "draws", "sample(seed=2) must give other draws than sample(seed=1).")
    subject.require(
        len(np.unique(first, axis=0)) > 1, "draws", "the draws of one call must differ: all rows are equal."
    )
    (cool,) = draws_of(sampler, 500, seed=1, temperature=0.25)
    (usual,) = draws_of(sampler, 500, seed=1)
    subject.require(
        not np.allclose(cool, usual) and (cool.std(axis=0) < 1.02 * usual.std(axis=0)).all(),
        "draws",
        "sample(temperature=0.25) must spread the draws less than sample(temperature=1). Standard deviations: "
        f"{cool.std(axis=0)} and {usual.std(axis=0)}.",
    )


def check_moments(subject: Subject, rows: int, tolerance: float) -> None:
    sampler, (z,) = fitted(subject, rows)
    (draws,) = draws_of(sampler, 4000, seed=0)
    spread = z.std(axis=0)
    for name, off in (
        ("mean", np.abs(draws.mean(axis=0) - z.mean(axis=0)) / spread),
        ("standard deviation", np.abs(draws.std(axis=0) / spread - 1.0)),
    ):
        subject.require(
            off.max() < tolerance,
            "moments",
            f"the {name} of the draws is {off.max():.2f} standard deviations from that of the latents. If so much is "
            "meant, pass moments=None.",
        )


def check_state(subject: Subject, rows: int) -> None:
    sampler, _ = fitted(subject, rows, SEVERAL)
    state = sampler.get_state()
    for key, array in state.items():
        subject.require(
            isinstance(key, str) and key and "/" not in key and isinstance(array, np.ndarray),
            "state",
            f"get_state() must be a dict of NumPy arrays whose names have no '/'. Received: {key!r}: {array!r:.80}",
        )
    again = type(sampler).from_config(sampler.get_config())
    again.build(SEVERAL)
    again.set_state({key: array.copy() for key, array in state.items()})
    for level, restored in zip(draws_of(sampler, 20, seed=3), draws_of(again, 20, seed=3), strict=True):
        subject.require(
            np.allclose(level, restored, atol=1e-6),
            "state",
            "set_state(get_state()) on a new instance gives other draws: get_state() leaves something out.",
        )


def check_refusals(subject: Subject, rows: int) -> None:
    def varying() -> None:
        subject.make().build(((None, 2),))

    def unfitted() -> None:
        sampler = subject.make()
        sampler.build(((2,),))
        draws_of(sampler, 2, seed=0)

    for attempt, what in ((varying, "build() with latents of unknown length"), (unfitted, "sample() before fit()")):
        try:
            attempt()
        except ValueError:
            continue
        except Exception as error:
            subject.fail(
                "refusals", f"{what} must raise a ValueError. It raises {type(error).__name__}: {error}", error
            )
        subject.require(False, "refusals", f"{what} must raise a ValueError.")


def check_in_model(subject: Subject, rows: int, options: dict[str, Any]) -> None:
    sampler = subject.make()
    if sampler.takes_condition:
        options = {"condition_shape": (1,), **options}
    arguments = {
        "data_shape": (4,),
        "latent_dim": 2,
        "encoder": lambda: encoders.MLP((8,)),
        "decoder": lambda: decoders.MLP((8,)),
        "seed": 0,
        **options,
    }
    model = VAE(**{name: value() if callable(value) else value for name, value in arguments.items()})
    x: Any = np.random.default_rng(0).random((rows, 4)).astype("float32")
    given: dict[str, Any] = {}
    if sampler.takes_condition:
        condition = (np.arange(rows) % 2).astype("float32")[:, None]
        x, given = [x, condition], {"condition": condition[:6]}
    before = model.get_weights()
    model.fit_sampler(sampler, x, name="subject", seed=0, verbose=0)
    unchanged = all(map(np.array_equal, before, model.get_weights()))
    subject.require(unchanged, "model", "fit() must not change the weights of the model.")
    samples = model.generate(6, sampler="subject", seed=0, **given)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        model.save(path)
        again = keras.saving.load_model(path)
    subject.require("subject" in again.samplers, "model", "a loaded model lacks the sampler: see the warning above.")
    subject.require(
        np.allclose(samples, again.generate(6, sampler="subject", seed=0, **given), atol=1e-5),
        "model",
        "a saved and loaded model gives other samples for the same seed.",
    )
