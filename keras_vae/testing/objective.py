"""The contract of an objective, as a check."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_vae.hints import Array, Part, Shape, Tensor
from keras_vae.objectives.terms import Terms
from keras_vae.testing.config import check_config
from keras_vae.testing.latents import chosen
from keras_vae.testing.outputs import check_own_variables, check_precision, check_shapes, distinct_rows
from keras_vae.testing.subject import Subject
from keras_vae.testing.training import check_fit, check_reload

__all__ = ["check_objective"]

CHECKS = ("config", "shapes", "precision", "fit", "reload")


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
    the other examples. `precision`: float32 and finite under
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
    >>> check_objective(lambda: kv.objectives.ELBO(beta=0.5), checks=["config"])
    """
    subject = Subject("objective", objective, latent_dim, data_shape, data, vae)
    checks = chosen(checks, CHECKS)
    if "config" in checks:
        check_config(subject, other_values)
    if "shapes" in checks:
        _check_reads_terms(subject, mixes_rows)
        check_shapes(subject, _outputs, lambda vae: {"loss": ()})
    if "precision" in checks:
        check_precision(subject, _outputs)
        check_own_variables(subject, subject.model("mixed_float16")[0])
    if "fit" in checks:
        check_fit(subject, "mixed_float16")
    if "fit" in checks or "reload" in checks:
        vae_, x = check_fit(subject)
        if "reload" in checks:
            check_reload(subject, vae_, x)


def _loss(vae: Part, x: Tensor, **options: Any) -> tuple[Tensor, Terms]:
    y = None
    if vae.objective.uses_y:
        y = ops.zeros((ops.shape(x)[0], 1))
    terms = vae.terms(x, y, seed=0, num_samples=vae.objective.num_samples, **options)
    return vae.objective.loss(terms), terms


def _outputs(vae: Part, x: Tensor) -> dict[str, Tensor]:
    loss = _loss(vae, x)[0]
    return {"loss": ops.broadcast_to(loss, (ops.shape(x)[0],))}


def _check_reads_terms(subject: Subject, mixes_rows: bool) -> None:
    vae, x = subject.model(perturb=True)
    loss, terms = _loss(vae, ops.convert_to_tensor(x))
    shape = tuple(loss.shape)
    subject.require(
        shape in ((), (len(x),)),
        "shapes",
        f"loss(terms) has shape {shape}. Expected one loss for each example, {(len(x),)}, or a scalar: sum over levels "
        "(axis 1), and average over samples.",
    )
    worse = terms.replace(log_likelihood=terms.log_likelihood - 1.0)
    before, after = (float(np.mean(ops.convert_to_numpy(vae.objective.loss(value)))) for value in (terms, worse))
    subject.require(
        after > before,
        "shapes",
        f"a lower log likelihood gives a loss of {after:.4f} after {before:.4f}: loss(terms) is minimised, so it "
        "must rise.",
    )
    if shape == () or mixes_rows:
        return
    # Without noise, which an example would not meet again alone.
    together = ops.convert_to_numpy(_loss(vae, ops.convert_to_tensor(x), deterministic=True)[0])
    for row in distinct_rows(x):
        row = int(row)
        alone = _loss(vae, ops.convert_to_tensor(x[row : row + 1]), deterministic=True)[0]
        alone = float(ops.convert_to_numpy(alone)[0])
        subject.require(
            abs(together[row] - alone) <= 1e-4 * (1.0 + abs(alone)),
            "shapes",
            f"loss(terms) mixes the rows of a batch: the loss of one example is {together[row]:.4f} with the others "
            f"and {alone:.4f} alone. Do not sum or average over axis 0. If this is intended, return a scalar, or pass "
            "mixes_rows=True to this check.",
        )
