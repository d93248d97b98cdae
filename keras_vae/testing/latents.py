"""The checks that priors and posteriors share: both are tested through the latents of a small VAE."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_vae.distributions import has_kl_divergence, kl_divergence
from keras_vae.hints import Part, Shape, Tensor
from keras_vae.latents.latents import LatentLevel
from keras_vae.testing.config import check_config
from keras_vae.testing.density import check_density, check_divergence
from keras_vae.testing.draws import check_draws, check_samples
from keras_vae.testing.outputs import check_own_variables, check_precision, check_rows, check_shapes
from keras_vae.testing.subject import Subject
from keras_vae.testing.training import check_fit, check_reload

__all__ = [
    "CHECKS",
    "check_context",
    "chosen",
    "levels_of_one_example",
    "outputs_of_levels",
    "row_outputs",
    "run_latent_checks",
    "shapes_of_levels",
]

CHECKS = ("config", "shapes", "draws", "density", "kl", "precision", "fit", "reload")
DRAWS = 4096
ROWS = 256


def chosen(checks: Sequence[str] | None, allowed: Sequence[Any]) -> Sequence[str]:
    """The checks to run, in order.

    Raises:
        ValueError: a name that is not a check.
    """
    if checks is None:
        return allowed
    unknown = sorted(set(checks) - set(allowed))
    if unknown:
        raise ValueError(f"Argument `checks` must hold names from {list(allowed)}. Received: {unknown}")
    return tuple(name for name in allowed if name in checks)


def levels_of_one_example(vae: Part, x: Tensor, rows: int) -> list[LatentLevel]:
    """Posterior, prior and latents of every level for one example, repeated `rows` times."""
    repeated = np.repeat(x[:1], rows, axis=0)
    return vae.terms(ops.convert_to_tensor(repeated), seed=0, deterministic=True).levels


def run_latent_checks(
    subject: Subject,
    side: str,
    *,
    other_values: dict[str, Any] | None,
    density_latent_dims: Sequence[Any],
    points: Callable | None,
    moments: bool,
    checks: Sequence[str] | None,
) -> None:
    """All checks of a prior or a posterior.

    Args:
        subject: the `Subject`.
        side: `"prior"` or `"posterior"`, whose density is integrated.
        other_values: see `check_config`.
        density_latent_dims: values of `latent_dim` at which the density is integrated.
        points: see `check_density`; None skips that check.
        moments: see `check_density`.
        checks: names from `CHECKS`, or None for all.
    """
    checks = chosen(checks, CHECKS)
    if "config" in checks:
        check_config(subject, other_values)
    if "shapes" in checks:
        vae, x = check_shapes(subject, outputs_of_levels, shapes_of_levels)
        check_rows(subject, lambda batch: row_outputs(vae, batch), x)
        check_context(subject)
    if "precision" in checks:
        check_precision(subject, outputs_of_levels)
        check_own_variables(subject, subject.model("mixed_float16")[0])
    if "density" in checks and points is not None:
        for latent_dim in density_latent_dims:
            vae, x = subject.model(perturb=True, latent_dim=latent_dim)
            row, rows = levels_of_one_example(vae, x, 1), levels_of_one_example(vae, x, DRAWS)
            for one, many in zip(row, rows, strict=True):
                check_density(subject, getattr(one, side), getattr(many, side), points, moments=moments)
    if "draws" in checks:
        vae, x = subject.model(perturb=True)
        for level in levels_of_one_example(vae, x, ROWS):
            check_draws(subject, getattr(level, side))
        for level in vae.terms(ops.convert_to_tensor(x), seed=0, deterministic=True).levels:
            check_samples(subject, getattr(level, side))
    if "kl" in checks:
        vae, x = subject.model(perturb=True)
        for level in levels_of_one_example(vae, x, DRAWS):
            check_divergence(subject, level.posterior, level.prior)
    if "fit" in checks:
        check_fit(subject, "mixed_float16")
    if "fit" in checks or "reload" in checks:
        vae, x = check_fit(subject)
        if "reload" in checks:
            check_reload(subject, vae, x)


def outputs_of_levels(vae: Part, x: Tensor, condition: Tensor | None = None) -> dict[str, Tensor]:
    """The latents of every level, their densities, and draws from posterior and prior."""
    inputs = x if condition is None else [x, condition]
    terms = vae.terms(inputs, seed=0, deterministic=True)
    results = {}
    for index, level in enumerate(terms.levels):
        results[f"z_{index}"] = level.z
        results[f"log_q_{index}"] = level.posterior.log_prob(level.z)
        results[f"log_p_{index}"] = level.prior.log_prob(level.z)
        results[f"draw_q_{index}"] = level.posterior.sample(1)
    for index, draw in enumerate(terms.prior_sample(1)):
        results[f"draw_p_{index}"] = draw
    return results


def row_outputs(vae: Part, x: Tensor, condition: Tensor | None = None) -> dict[str, Tensor]:
    """What each row has of its own: the latents, the densities there, and the KL where it has a closed form."""
    inputs = x if condition is None else [x, condition]
    results = {}
    for index, level in enumerate(vae.terms(inputs, seed=0, deterministic=True).levels):
        results[f"z_{index}"] = level.z
        results[f"log_q_{index}"] = level.posterior.log_prob(level.z)
        results[f"log_p_{index}"] = level.prior.log_prob(level.z)
        if has_kl_divergence(level.posterior, level.prior):
            results[f"kl_{index}"] = kl_divergence(level.posterior, level.prior)
    return results


def shapes_of_levels(vae: Part) -> dict[str, Shape]:
    """Shapes of `outputs_of_levels`, without the batch axis."""
    shapes = {}
    for index, latent in enumerate(vae.latents.level_shapes()):
        shapes[f"log_q_{index}"] = shapes[f"log_p_{index}"] = ()
        shapes[f"z_{index}"] = shapes[f"draw_q_{index}"] = shapes[f"draw_p_{index}"] = tuple(latent)
    return shapes


def check_context(subject: Subject, shapes: Callable = shapes_of_levels) -> None:
    """With a condition, every row has its own.

    Args:
        subject: the `Subject`.
        shapes: function `vae -> dict` of the shapes without the batch axis.
    """
    vae, x = subject.model(perturb=True, condition_shape=(3,))
    condition = np.random.default_rng(2).standard_normal((len(x), 3)).astype("float32")
    results = outputs_of_levels(vae, ops.convert_to_tensor(x), ops.convert_to_tensor(condition))
    for name, shape in shapes(vae).items():
        found = tuple(results[name].shape)
        subject.require(
            found == (len(x), *shape),
            "shapes",
            f"{name} has shape {found} with a context of width 3. Expected {(len(x), *shape)}.",
        )
    check_rows(subject, lambda *batch: row_outputs(vae, *batch), x, condition)
