"""The checks that priors and posteriors share: both are tested through the latents of a small VAE."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_vae.distributions import has_kl_divergence, kl_divergence
from keras_vae.hints import Part, Shape, Tensor
from keras_vae.latents.latents import LatentLevel
from keras_vae.testing.config import check_config
from keras_vae.testing.density import check_closed_form, check_density, check_divergence, numpy_draws
from keras_vae.testing.draws import check_draws, check_samples
from keras_vae.testing.outputs import check_precision, check_rows, check_shapes
from keras_vae.testing.subject import Subject
from keras_vae.testing.training import check_fit, check_reload

__all__ = [
    "CHECKS",
    "check_context",
    "chosen",
    "levels_of_one_example",
    "outputs_of_levels",
    "row_outputs",
    "run_checks",
    "run_latent_checks",
    "shapes_of_levels",
]

CHECKS = ("config", "shapes", "draws", "density", "kl", "precision", "fit", "reload")
METHODS = {
    "mean": "mean() of the posterior's distribution()",
    "log_q": "log_prob() of the posterior's distribution()",
    "log_p": "log_prob() of the prior's distribution()",
    "draw_q": "sample() of the posterior's distribution()",
    "draw_p": "sample() of the prior's distribution()",
    "kl": "kl_divergence() of posterior and prior",
}
DRAWS = 4096


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

    def shapes() -> None:
        vae, x = check_shapes(subject, outputs_of_levels, shapes_of_levels)
        check_rows(subject, lambda batch: row_outputs(vae, batch), x)
        check_context(subject)

    def draws() -> None:
        vae, x = subject.perturbed
        for level in levels()[1]:
            check_draws(subject, getattr(level, side))
        for level in vae.terms(ops.convert_to_tensor(x), seed=0, deterministic=True).levels:
            check_samples(subject, getattr(level, side))

    @functools.cache
    def levels(latent_dim: Any = None) -> tuple[list[LatentLevel], list[LatentLevel]]:
        """The levels of one example, in one row and in many; with latents of another size if one is given."""
        same = latent_dim in (None, subject.latent_dim)
        vae, x = subject.perturbed if same else subject.model(perturb=True, latent_dim=latent_dim)
        return levels_of_one_example(vae, x, 1), levels_of_one_example(vae, x, DRAWS)

    def density() -> None:
        if points is None:
            return
        for latent_dim in density_latent_dims:
            for one, many in zip(*levels(latent_dim), strict=True):
                check_density(subject, getattr(one, side), getattr(many, side), points, moments=moments)

    def kl() -> None:
        for level in levels()[1]:
            check_divergence(subject, level.posterior, level.prior)
        if points is None:
            return
        for latent_dim in density_latent_dims[-1:]:
            for one, many in zip(*levels(latent_dim), strict=True):
                check_closed_form(subject, one.posterior, one.prior, points(numpy_draws(many.posterior)))

    run_checks(
        subject,
        chosen(checks, CHECKS),
        {
            "config": lambda: check_config(subject, other_values),
            "shapes": shapes,
            "draws": draws,
            "density": density,
            "kl": kl,
            "precision": lambda: check_precision(subject, outputs_of_levels, own_variables=True),
        },
    )


def run_checks(subject: Subject, checks: Sequence[str], own: dict[str, Callable[[], None]]) -> None:
    """Run the checks by name, `fit` and `reload` behind the family's own; what they raise names the check.

    Args:
        subject: the `Subject`.
        checks: names of the checks to run, in order.
        own: a function for every check but `fit` and `reload`.
    """
    for name in checks:
        if name in own:
            with subject.checking(name):
                own[name]()
    if "fit" in checks:
        with subject.checking("fit"):
            check_fit(subject, "mixed_float16")
    if "fit" in checks or "reload" in checks:
        with subject.checking("fit"):
            vae, x = check_fit(subject)
        if "reload" in checks:
            with subject.checking("reload"):
                check_reload(subject, vae, x)


def outputs_of_levels(vae: Part, x: Tensor, condition: Tensor | None = None) -> dict[str, Tensor]:
    """The latents of every level, their densities, and draws from posterior and prior, by method."""
    inputs = x if condition is None else [x, condition]
    terms = vae.terms(inputs, seed=0, deterministic=True)
    results = {}
    for level, names, draw in zip(terms.levels, _methods(vae), terms.prior_sample(1), strict=True):
        results[names["mean"]] = level.z
        if vae.latents.has_density:
            results[names["log_q"]] = level.posterior.log_prob(level.z)
        results[names["log_p"]] = level.prior.log_prob(level.z)
        results[names["draw_q"]] = level.posterior.sample(1)
        results[names["draw_p"]] = draw
    return results


def row_outputs(vae: Part, x: Tensor, condition: Tensor | None = None) -> dict[str, Tensor]:
    """What each row has of its own: the latents, the densities there, and the KL where it has a closed form."""
    inputs = x if condition is None else [x, condition]
    results = {}
    for level, names in zip(vae.terms(inputs, seed=0, deterministic=True).levels, _methods(vae), strict=True):
        results[names["mean"]] = level.z
        if vae.latents.has_density:
            results[names["log_q"]] = level.posterior.log_prob(level.z)
        results[names["log_p"]] = level.prior.log_prob(level.z)
        if has_kl_divergence(level.posterior, level.prior):
            results[names["kl"]] = kl_divergence(level.posterior, level.prior)
    return results


def shapes_of_levels(vae: Part) -> dict[str, Shape]:
    """Shapes of `outputs_of_levels`, without the batch axis."""
    shapes = {}
    for latent, names in zip(vae.latents.level_shapes(), _methods(vae), strict=True):
        densities = ("log_q", "log_p") if vae.latents.has_density else ("log_p",)
        shapes.update(dict.fromkeys((names[density] for density in densities), ()))
        shapes[names["mean"]] = shapes[names["draw_q"]] = shapes[names["draw_p"]] = tuple(latent)
    return shapes


def _methods(vae: Part) -> list[dict[str, str]]:
    """For each level the methods whose results are checked, as errors name them."""
    levels = len(vae.latents.level_shapes())
    return [
        {name: method + (f" of level {index}" if levels > 1 else "") for name, method in METHODS.items()}
        for index in range(levels)
    ]


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
