"""The contract of a likelihood, as a check."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Array, Part, Shape, Tensor
from keras_vae.testing.config import check_config
from keras_vae.testing.density import check_density
from keras_vae.testing.draws import check_draws, check_samples
from keras_vae.testing.latents import chosen, run_checks
from keras_vae.testing.outputs import check_precision, check_rows, check_shapes
from keras_vae.testing.quadrature import over_reals
from keras_vae.testing.subject import Subject

__all__ = ["check_likelihood"]

CHECKS = ("config", "shapes", "draws", "density", "mask", "precision", "fit", "reload")
DRAWS = 4096
ROWS = 256


def check_likelihood(
    likelihood: Callable,
    *,
    other_values: dict[str, Any] | None = None,
    data_shape: Shape = (4,),
    data: Array | None = None,
    density_data_shapes: Sequence[Shape] = ((1,), (2,)),
    points: Callable | None = over_reals,
    moments: bool = True,
    masks: bool = True,
    vae: dict[str, Any] | None = None,
    checks: Sequence[str] | None = None,
) -> None:
    """Run every check of the likelihood's contract: a failure raises an AssertionError that says how to fix it.

    `config`, `shapes`, `draws`, `density`, `precision`, `fit` and `reload` are those of `check_prior`; draws and means
    have the data's shape, what comes out for a row does not depend on the others, and draws lie in
    `support`. `mask`: elements that are left out count nowhere.

    Args:
        likelihood: class, or function without arguments that returns a fresh likelihood.
        other_values: a second value for each constructor argument, other than what `likelihood` makes, to see that it
            survives saving: `{"activation": "tanh"}`. The suite finds one itself for bools, numbers and tuples of
            ints, so only arguments such as names, functions and None must be given.
        data_shape: as for `keras_vae.VAE`.
        data: examples `(n, *data_shape)`, at least 6; by default random ones inside `support`.
        density_data_shapes: data shapes at which the density is integrated, one or two elements each.
        points: what it is integrated over, see `check_prior`; `over_integers(0, 1)` for binary data.
        moments: compare `mean()` and `variance()` with the density's.
        masks: run the check `mask`.
        vae: other arguments of `keras_vae.VAE`: names, classes or functions that make an instance.
        checks: names of the checks to run; all by default.

    Raises:
        AssertionError: a check failed.

    Example:

    >>> import keras_vae as kv
    >>> from keras_vae.testing import check_likelihood, over_integers
    >>> check_likelihood(kv.likelihoods.Bernoulli, points=over_integers(0, 1), checks=["config", "density"])
    """
    subject = Subject("likelihood", likelihood, 2, data_shape, data, vae)

    def shapes() -> None:
        vae_, x = check_shapes(subject, _outputs, _output_shapes)
        check_rows(subject, lambda batch: _outputs(vae_, batch), x)
        _check_support(subject)

    def density() -> None:
        if points is None:
            return
        for shape in density_data_shapes:
            vae_, x = subject.model(perturb=True, data_shape=shape)
            one, many = (_value(vae_, np.repeat(x[:1], rows, axis=0)) for rows in (1, DRAWS))
            check_density(subject, one, many, points, moments=moments)

    def draws() -> None:
        vae_, x = subject.perturbed
        check_draws(subject, _value(vae_, np.repeat(x[:1], ROWS, axis=0)))
        check_samples(subject, _value(vae_, x))

    run_checks(
        subject,
        [name for name in chosen(checks, CHECKS) if masks or name != "mask"],
        {
            "config": lambda: check_config(subject, other_values),
            "shapes": shapes,
            "draws": draws,
            "density": density,
            "mask": lambda: _check_mask(subject),
            "precision": lambda: check_precision(subject, _outputs, own_variables=True),
        },
    )


def _value(vae: Part, x: Tensor, mask: Tensor | None = None) -> Distribution:
    """p(x | z) at the posterior's mean."""
    x = ops.convert_to_tensor(x)
    terms = vae.terms(x, seed=0, deterministic=True)
    z = vae.forward_pass.decoder_input(terms.latents, terms.context)
    target = vae.forward_pass.network_input(terms.x) if vae.decoder.requires_target else None
    return vae.likelihood.distribution(vae.likelihood(vae.decoder(z, target=target, training=False)), mask=mask)


def _outputs(vae: Part, x: Tensor) -> dict[str, Tensor]:
    value = _value(vae, x)
    return {
        "log_prob() of distribution()": value.log_prob(x),
        "mean() of distribution()": value.mean(),
        "sample() of distribution()": value.sample(1),
    }


def _output_shapes(vae: Part) -> dict[str, Shape]:
    shape = tuple(4 if axis is None else axis for axis in vae.data_shape)
    return {
        "log_prob() of distribution()": (),
        "mean() of distribution()": shape,
        "sample() of distribution()": shape,
    }


def _check_support(subject: Subject) -> None:
    vae, x = subject.perturbed
    low, high, integer, *_ = vae.likelihood.support
    draw = ops.convert_to_numpy(_value(vae, x).sample(1))
    subject.require(
        np.all((draw >= low) & (draw <= high)) and (not integer or np.array_equal(draw, np.round(draw))),
        "shapes",
        f"the draws of sample() lie outside of support={vae.likelihood.support!r}: they span {draw.min()} to "
        f"{draw.max()}.",
    )
    spec = vae.likelihood.to_network(ops.convert_to_tensor(x))
    subject.require(
        np.all(np.isfinite(ops.convert_to_numpy(ops.cast(spec, "float32")))), "shapes", "to_network(x) is not finite."
    )


def _check_mask(subject: Subject) -> None:
    vae, x = subject.perturbed
    mask = np.ones((len(x), x.shape[1]), dtype="bool")
    plain = ops.convert_to_numpy(_value(vae, x).log_prob(x))
    kept = ops.convert_to_numpy(_value(vae, x, mask).log_prob(x))
    subject.require(
        np.allclose(plain, kept, rtol=1e-5, atol=1e-4), "mask", "a mask that is True everywhere changes log_prob."
    )
    mask[:, -1] = False
    changed = x.copy()
    changed[:, -1] = x[::-1, -1]
    value = _value(vae, x, mask)
    before, after = (ops.convert_to_numpy(value.log_prob(target)) for target in (x, changed))
    subject.require(
        np.allclose(before, after, rtol=1e-5, atol=1e-4) and not np.allclose(before, plain, rtol=1e-5, atol=1e-4),
        "mask",
        "masked elements contribute to log_prob(). Pass `mask` to the distribution, and sum its terms "
        "with Independent.sum_over_event.",
    )
