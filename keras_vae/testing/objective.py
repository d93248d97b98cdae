"""The contract of an objective, as a check."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_vae.distributions.draws import several
from keras_vae.hints import Array, Part, Shape, Tensor
from keras_vae.objectives.terms import Terms
from keras_vae.testing.config import check_config
from keras_vae.testing.latents import chosen, run_checks
from keras_vae.testing.outputs import check_precision, check_shapes, distinct_rows
from keras_vae.testing.subject import Subject, with_condition

__all__ = ["check_objective"]

CHECKS = ("config", "shapes", "draws", "precision", "fit", "reload")
TOLERANCE = 1e-4
"""Relative tolerance of float32 losses between batch sizes."""


def check_objective(
    objective: Callable,
    *,
    other_values: dict[str, Any] | None = None,
    latent_dim: Any = 2,
    data_shape: Shape = (4,),
    data: Array | None = None,
    mixes_rows: bool = False,
    vae: dict[str, Any] | None = None,
    checks: Sequence[str] | None = None,
) -> None:
    """Run every check of the objective's contract: a failure raises an AssertionError that says how to fix it.

    `config`: every constructor argument survives saving. `shapes`: one loss for every example, or one for
    all, from batches of 1, 3 and of unknown size; a loss per example does not depend on
    the other examples. `draws`: the terms hold independent draws, as in `fit`, and what the objective draws itself
    follows `terms.seed`. `precision`: float32 and finite under
    mixed_float16 and mixed_bfloat16. `fit`: gradients reach every weight of the model, in float32 and
    mixed_float16. `reload`: a `.keras` file gives the same model.

    Args:
        objective: class, or function without arguments that returns a fresh objective.
        other_values: a second value for each constructor argument, other than what `objective` makes, to see that it
            survives saving: `{"activation": "tanh"}`. The suite finds one itself for bools, numbers and tuples of
            ints, so only arguments such as names, functions and None must be given.
        latent_dim: as for `keras_vae.VAE`.
        data_shape: as for `keras_vae.VAE`.
        data: examples `(n, *data_shape)`, at least 6; by default random ones inside the likelihood's support.
        mixes_rows: True where the loss of an example depends on the others on purpose, as with free bits
            averaged over the batch.
        vae: other arguments of `keras_vae.VAE`: names, classes or functions that make an instance.
        checks: names of the checks to run; all by default.

    Raises:
        AssertionError: a check failed.

    Example:

    >>> import keras_vae as kv
    >>> from keras_vae.testing import check_objective
    >>> check_objective(lambda: kv.objectives.Capacity(3.0), checks=["config"])
    """
    subject = Subject("objective", objective, latent_dim, data_shape, data, vae)

    def shapes() -> None:
        _check_reads_terms(subject, mixes_rows)
        check_shapes(subject, _outputs, lambda vae: {"loss(terms)": ()})

    run_checks(
        subject,
        chosen(checks, CHECKS),
        {
            "config": lambda: check_config(subject, other_values),
            "shapes": shapes,
            "draws": lambda: _check_draws(subject),
            "precision": lambda: check_precision(subject, _outputs, own_variables=True),
        },
    )


def _terms(vae: Part, x: Array, seed: int = 0, **options: Any) -> Terms:
    y = ops.zeros((ops.shape(x)[0], 1)) if vae.objective.uses_y else None
    inputs = with_condition(vae, ops.convert_to_tensor(x), missing=True)
    # As in `fit`, where every use of the seed gives other noise: with an int all draws would be one and the same.
    return vae.terms(inputs, y, seed=several(seed), num_samples=vae.objective.num_samples, **options)


def _outputs(vae: Part, x: Tensor) -> dict[str, Tensor]:
    loss = vae.objective.loss(_terms(vae, x))
    return {"loss(terms)": ops.broadcast_to(loss, (ops.shape(x)[0],))}


def _check_reads_terms(subject: Subject, mixes_rows: bool) -> None:
    vae, x = subject.perturbed
    terms, same = _terms(vae, x), _terms(vae, x)
    for part in (terms, same):
        _ = part.log_likelihood  # so that both go on with the same noise
    loss = vae.objective.loss(terms)
    shape = tuple(loss.shape)
    subject.require(
        shape in ((), (len(x),)),
        "shapes",
        f"loss(terms) has shape {shape}. Expected one loss for each example, {(len(x),)}, or a scalar: sum over levels "
        "(axis 1), and average over samples.",
    )

    def lowered(own: Terms) -> Terms:
        at_other_latents, given, given_each = own.log_likelihood_of, own.given, own.given_each
        return own.replace(
            log_likelihood=own.log_likelihood - 1.0,
            log_likelihood_of=lambda z: at_other_latents(z) - 1.0,
            given=lambda condition: lowered(given(condition)),
            given_each=lambda conditions: lowered(given_each(conditions)),
        )

    worse = vae.objective.loss(lowered(same))
    before, after = (float(np.mean(ops.convert_to_numpy(value))) for value in (loss, worse))
    subject.require(
        after > before,
        "shapes",
        f"a lower log likelihood gives a loss of {after:.4f} after {before:.4f}: loss(terms) is minimised, so it "
        "must rise.",
    )
    if shape == () or mixes_rows:
        return
    # Without noise, which an example would not meet again alone.
    together, other = (_losses(vae, x, seed, deterministic=True) for seed in (0, 1))
    if not np.allclose(together, other, rtol=TOLERANCE, atol=TOLERANCE):
        return  # it draws noise of its own
    for row in distinct_rows(x):
        alone = float(_losses(vae, x[row : row + 1], 0, deterministic=True)[0])
        subject.require(
            abs(together[row] - alone) <= TOLERANCE * (1.0 + abs(alone)),
            "shapes",
            f"loss(terms) mixes the rows of a batch: the loss of one example is {together[row]:.4f} with the others "
            f"and {alone:.4f} alone. Do not sum or average over axis 0. If this is intended, return a scalar, or pass "
            "mixes_rows=True to this check.",
        )


def _losses(vae: Part, x: Array, seed: int, **options: Any) -> Array:
    return ops.convert_to_numpy(vae.objective.loss(_terms(vae, x, seed, **options)))


def _check_draws(subject: Subject) -> None:
    """What an objective draws itself follows `terms.seed`."""
    vae, x = subject.perturbed
    equal = np.repeat(x[:1], len(x), axis=0)
    first, again = (_losses(vae, equal, 0) for _ in range(2))
    subject.require(
        np.allclose(first, again, rtol=TOLERANCE, atol=TOLERANCE),
        "draws",
        f"loss(terms) is {np.mean(first):.4f} and {np.mean(again):.4f} for the same data and the same seed. Pass "
        "terms.seed to what draws noise in it.",
    )
    still, other = (_losses(vae, equal, seed, deterministic=True) for seed in (0, 1))
    subject.require(
        np.ptp(still) <= TOLERANCE * (1.0 + np.max(np.abs(still))) or not np.allclose(still, other, rtol=TOLERANCE),
        "draws",
        "loss(terms) draws noise that ignores terms.seed: equal examples have different losses, and another seed "
        "changes none of them, so every training step would have the same noise. Pass terms.seed to what draws it.",
    )
