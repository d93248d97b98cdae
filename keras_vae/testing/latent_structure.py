"""The contract of a latent structure, as a check."""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.distributions.gaussian import Gaussian
from keras_vae.hints import Array, Part, Shape, Tensor
from keras_vae.testing.config import check_config
from keras_vae.testing.latents import (
    check_context,
    chosen,
    outputs_of_levels,
    row_outputs,
    run_checks,
    shapes_of_levels,
)
from keras_vae.testing.outputs import check_precision, check_rows, check_shapes
from keras_vae.testing.subject import Subject

__all__ = ["check_latents"]

CHECKS = ("config", "shapes", "samples", "generate", "given", "prepared", "precision", "fit", "reload")
SAMPLES = 3
ROWS = 64
COLD = 0.1
ANY_LENGTH = 4
"""Number of steps of the data of `Subject`, if the shape does not fix it."""


def check_latents(
    latents: Callable,
    *,
    other_values: dict[str, Any] | None = None,
    latent_dim: Any = 2,
    data_shape: Shape = (4,),
    data: Array | None = None,
    vae: dict[str, Any] | None = None,
    checks: Sequence[str] | None = None,
) -> None:
    """Run every check of a latent structure's contract: a failure raises an AssertionError that says how to fix it.

    `config`: every constructor argument survives saving. `shapes`: batches of 1, 3 and of unknown size, with and
    without a context, and results of a row that do not depend on the others. `samples`: several draws for each
    example have the contract's shapes, follow the seed and differ, and `log_q`, where it is given, is the posterior's
    log density of the draw. `generate`: its draws follow the seed and the temperature at every level, and
    `continue_from` keeps what was inferred of a prefix and goes on from its last step. `given`:
    `generate(given=...)` returns what it was given, level by level. `prepared`: what `prepare` gives changes no number.
    `precision`: float32 and finite under mixed_float16 and mixed_bfloat16. `fit`: gradients reach every weight, in
    float32 and mixed_float16. `reload`: a `.keras` file gives the same model.

    Args:
        latents: class, or function without arguments that returns a fresh structure: `lambda: MyLatents(3)`.
        other_values: a second value for each constructor argument, see `check_prior`.
        latent_dim: as for `keras_vae.VAE`; None where the structure has its sizes.
        data_shape: as for `keras_vae.VAE`.
        data: examples `(n, *data_shape)`, at least 6; by default random ones inside the likelihood's support.
        vae: other arguments of `keras_vae.VAE`: names, classes or functions that make an instance.
        checks: names of the checks to run; all by default.

    Raises:
        AssertionError: a check failed.

    Example:

    >>> import keras_vae as kv
    >>> from keras_vae.testing import check_latents
    >>> make = lambda: kv.latents.Product([kv.latents.Single(2), kv.latents.Single(1)])
    >>> check_latents(make, latent_dim=None, checks=["samples", "given"])
    """
    subject = Subject("latents", latents, latent_dim, data_shape, data, vae)
    run_checks(
        subject,
        chosen(checks, CHECKS),
        {
            "config": lambda: check_config(subject, other_values),
            "shapes": lambda: _check_shapes(subject),
            "samples": lambda: _check_samples(subject, *subject.perturbed),
            "generate": lambda: _check_generate(subject, *subject.perturbed),
            "given": lambda: _check_given(subject, *subject.perturbed),
            "prepared": lambda: _check_prepared(subject, *subject.perturbed),
            "precision": lambda: check_precision(subject, outputs_of_levels, own_variables=True),
        },
    )


def _closed(shape: Shape, subject: Subject) -> Shape:
    """A shape whose unknown number of steps is replaced."""
    steps = ANY_LENGTH if subject.data is None else np.shape(subject.data)[1]
    return tuple(steps if axis is None else axis for axis in shape)


def _shapes(subject: Subject, vae: Part) -> dict[str, Shape]:
    return {name: _closed(shape, subject) for name, shape in shapes_of_levels(vae).items()}


def _check_shapes(subject: Subject) -> None:
    shapes = functools.partial(_shapes, subject)
    vae, x = check_shapes(subject, outputs_of_levels, shapes)
    check_rows(subject, functools.partial(row_outputs, vae), x)
    check_context(subject, shapes)
    terms = vae.terms(ops.convert_to_tensor(x), seed=0)
    z = vae.latents.decoder_input(terms.latents, terms.context, **_data(vae, x))
    wanted = (len(x), *_closed(vae.latents.decoder_input_shape(), subject))
    subject.require(
        tuple(z.shape) == wanted,
        "shapes",
        f"decoder_input has shape {tuple(z.shape)}. Expected {wanted}, the batch axis and decoder_input_shape().",
    )
    _require_equal(
        subject,
        "shapes",
        [z],
        [vae.latents.decoder_input_of(terms.levels, terms.context)],
        "decoder_input_of(levels, ...) differs from decoder_input(rows_of(levels), ...). Both must be what the decoder "
        "sees of the same draws.",
    )


def _check_samples(subject: Subject, vae: Part, x: Array) -> None:
    shapes = [_closed(shape, subject) for shape in vae.latents.level_shapes()]
    rows = SAMPLES * len(x)

    def drawn(seed: int, num_samples: int | None) -> Any:
        return vae.terms(ops.convert_to_tensor(x), seed=seed, num_samples=num_samples)

    terms = drawn(0, SAMPLES)
    subject.require(
        len(terms.levels) == len(shapes) == len(vae.latents.pairs),
        "samples",
        f"infer returns {len(terms.levels)} levels, with {len(shapes)} shapes in level_shapes() and "
        f"{len(vae.latents.pairs)} in `pairs`. All three must be one for each level.",
    )
    for index, (level, shape) in enumerate(zip(terms.levels, shapes, strict=True)):
        found, allowed = tuple(level.z.shape), [(SAMPLES, len(x), *shape), (rows, *shape)]
        subject.require(
            found in allowed,
            "samples",
            f"infer(num_samples={SAMPLES}) gives a z of shape {found} at level {index}. Expected {allowed[0]}, or "
            f"{allowed[1]} below a level with samples. Draw with Latents.draw(q, p, seed=..., num_samples=...).",
        )
    for index, (z, shape) in enumerate(zip(terms.latents, shapes, strict=True)):
        subject.require(
            tuple(z.shape) == (rows, *shape),
            "samples",
            f"rows_of(levels, {SAMPLES}) gives shape {tuple(z.shape)} at level {index}. Expected {(rows, *shape)}.",
        )
        samples = ops.convert_to_numpy(z).reshape(SAMPLES, len(x), *shape)
        # Categories may repeat for one example, but hardly for all of them.
        subject.require(
            not all(np.array_equal(samples[0], sample) for sample in samples[1:]),
            "samples",
            f"the {SAMPLES} samples of level {index} are one draw repeated.",
        )
    for name, wanted in (
        ("log_likelihood", (len(x), SAMPLES)),
        ("kl", (len(x), len(shapes))),
        ("log_ratio", (len(x), SAMPLES, len(shapes))),
    ):
        value = ops.convert_to_numpy(getattr(terms, name))
        subject.require(
            value.shape == wanted and np.all(np.isfinite(value)),
            "samples",
            f"terms.{name} has shape {value.shape} with {SAMPLES} samples, or is not finite. Expected {wanted}.",
        )
    same = "the same seed gives other latents. Draw all noise from the `seed` that is handed in."
    _require_equal(subject, "samples", terms.latents, drawn(0, SAMPLES).latents, same)
    subject.require(
        not any(np.array_equal(a, b) for a, b in zip(_arrays(terms.z), _arrays(drawn(1, SAMPLES).z), strict=True)),
        "samples",
        "another seed gives the same latents. Draw all noise from the `seed` that is handed in.",
    )
    _check_log_q(subject, terms.levels)
    one = drawn(0, 1)
    _check_log_q(subject, one.levels)
    noise = [
        ops.convert_to_numpy((level.z - level.posterior.mean()) / ops.sqrt(level.posterior.variance()))
        for level in one.levels
        if isinstance(level.posterior, Gaussian)
    ]
    subject.require(
        not any(a.shape == b.shape and np.allclose(a, b, atol=1e-3) for a, b in itertools.combinations(noise, 2)),
        "samples",
        "two levels are drawn with the same noise from an int seed, which a SeedGenerator would hide. Hand "
        "keras_vae.latents.levels.seed_of_levels(seed) to all of them.",
    )


def _check_log_q(subject: Subject, levels: Sequence[Any]) -> None:
    for index, level in enumerate(levels):
        if level.log_q is None:
            continue
        given, computed = _arrays([level.log_q, level.posterior.log_prob(level.z)])
        subject.require(
            given.shape == computed.shape and np.allclose(given, computed, rtol=1e-3, atol=1e-3),
            "samples",
            f"log_q of level {index} is not posterior.log_prob(z): it differs by up to "
            f"{np.max(np.abs(given - computed)) if given.shape == computed.shape else computed.shape}. Leave it None "
            "where drawing does not give it.",
        )


def _check_given(subject: Subject, vae: Part, x: Array) -> None:
    latents = vae.latents
    options = {"length": x.shape[1] if latents.has_time_axis else None, **_data(vae, x)}
    context = ops.zeros((len(x), 0))

    def generate(seed: int, given: Any = None) -> tuple[Tensor, ...]:
        return latents.generate(context, encode=vae.forward_pass.encode, seed=seed, given=given, **options)

    free = generate(0)
    subject.require(
        isinstance(free, tuple) and len(free) == len(latents.level_shapes()),
        "given",
        f"generate returns {type(free).__name__} of {len(free)}. Expected a tuple with one array for each level.",
    )
    for index, value in enumerate(free):
        alone = [value if place == index else None for place in range(len(free))]
        drawn = generate(1, alone)
        _require_equal(
            subject,
            "given",
            [value],
            [drawn[index]],
            f"generate(given=...) fixes level {index}, and returns other latents there.",
        )
        subject.require(
            [tuple(z.shape) for z in drawn] == [tuple(z.shape) for z in free],
            "given",
            f"generate(given=...) with level {index} fixed changes the shapes of the latents.",
        )
    _require_equal(subject, "given", free, generate(1, list(free)), "generate(given=...) changes what it is given.")


def _check_generate(subject: Subject, vae: Part, x: Array) -> None:
    latents, context = vae.latents, ops.zeros((ROWS, 0))
    repeated = np.repeat(x[:1], ROWS, axis=0)
    options = {"length": x.shape[1] if latents.has_time_axis else None, **_data(vae, repeated)}
    options["encode"] = vae.forward_pass.encode

    def generate(seed: int = 0, **more: Any) -> list[Array]:
        return _arrays(latents.generate(context, seed=seed, **options, **more))

    free, other = generate(), generate(1)
    _require_equal(
        subject, "generate", free, generate(), "generate(seed=0) differs between two calls. Draw from `seed` alone."
    )
    priors = [level.prior for level in vae.terms(ops.convert_to_tensor(repeated), seed=0, deterministic=True).levels]
    for index, (z, prior) in enumerate(zip(free, priors, strict=True)):
        subject.require(
            not np.array_equal(z, other[index]) or np.ptp(_arrays(prior.sample(1))[0], axis=0).max() == 0,
            "generate",
            f"generate(seed=...) ignores the seed at level {index}: seeds 0 and 1 give the same latents.",
        )
        warm, cold = (_arrays(prior.tempered(temperature).sample(1))[0] for temperature in (1.0, COLD))
        if np.array_equal(warm, cold):
            continue  # a prior without a temperature, or a uniform one
        # The same levels above: those at another temperature would change this one too.
        above = [*free[:index], *[None] * (len(free) - index)]
        warm, cold = (generate(given=above, temperature=temperature)[index] for temperature in (1.0, COLD))
        subject.require(
            not np.array_equal(warm, cold),
            "generate",
            f"generate(temperature=...) ignores the temperature at level {index}. Draw from p.tempered(temperature).",
        )
    _check_continuation(subject, vae, x)


def _check_continuation(subject: Subject, vae: Part, x: Array) -> None:
    """What was inferred for the first steps stays, and what lies behind them follows from these alone."""
    terms = vae.terms(ops.convert_to_tensor(x), seed=0)
    inferred = terms.latents
    steps = x.shape[1] if x.ndim > 1 else 1
    mask = np.arange(steps) < 1 + np.arange(len(x))[:, None] % steps

    def go_on(latents: tuple[Tensor, ...], seed: int = 0) -> list[Array]:
        options = {"encode": vae.forward_pass.encode, "seed": seed, **_data(vae, x)}
        return _arrays(vae.latents.continue_from(latents, ops.convert_to_tensor(mask), terms.context, **options))

    try:
        after = go_on(inferred)
    except NotImplementedError:
        return  # written before there were prefixes, or on purpose
    if not vae.latents.has_time_axis:
        _require_equal(subject, "generate", after, inferred, "continue_from changes latents without a time axis.")
        return
    before, kept = _arrays(inferred), [mask[..., None] & np.ones(z.shape, "bool") for z in after]
    subject.require(
        [z.shape for z in before] == [z.shape for z in after]
        and all(np.allclose(b[k], a[k], atol=1e-5) for b, a, k in zip(before, after, kept, strict=True)),
        "generate",
        "continue_from changes the latents of the steps that were inferred. Return them as they are where `mask` is "
        "True.",
    )
    junk = tuple(ops.convert_to_tensor(np.where(k, b, 1e3)) for b, k in zip(before, kept, strict=True))
    _require_equal(
        subject,
        "generate",
        after,
        go_on(junk),
        "continue_from reads latents outside of `mask`, which mean nothing: each row must go on from its own last "
        "step that counts.",
    )
    subject.require(
        any(not np.array_equal(a, b) for a, b in zip(after, go_on(inferred, seed=1), strict=True)),
        "generate",
        "continue_from ignores its seed: with seeds 0 and 1 it draws the same latents behind the prefix.",
    )


def _data(vae: Part, x: Array) -> dict[str, Tensor]:
    """The data that latents which `sees_data` are given."""
    return {"data": vae.forward_pass.network_input(ops.convert_to_tensor(x))} if vae.latents.sees_data else {}


def _check_prepared(subject: Subject, vae: Part, x: Array) -> None:
    latents, encode = vae.latents, vae.forward_pass.encode
    prepared = latents.prepare(encode)
    subject.require(
        latents.requires_encoder or prepared is None,
        "prepared",
        "prepare(encode) returns tensors, but is not called, since requires_encoder is False. Set it to True.",
    )
    x = ops.convert_to_tensor(x)
    with_it, without = vae.terms(x, seed=0, prepared=prepared), vae.terms(x, seed=0)
    _require_equal(
        subject, "prepared", with_it.log_ratio, without.log_ratio, "infer(prepared=...) gives other numbers."
    )


def _require_equal(subject: Subject, check: str, one: Any, other: Any, message: str) -> None:
    for a, b in zip(_arrays(one), _arrays(other), strict=True):
        subject.require(a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-4), check, message)


def _arrays(tensors: Any) -> list[Array]:
    return [ops.convert_to_numpy(tensor) for tensor in keras.tree.flatten(tensors)]
