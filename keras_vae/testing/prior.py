"""The contract of a prior, as a check."""

from collections.abc import Callable, Sequence
from typing import Any

from keras_vae.hints import Array, Shape
from keras_vae.testing.latents import run_latent_checks
from keras_vae.testing.quadrature import over_reals
from keras_vae.testing.subject import Subject

__all__ = ["check_prior"]


def check_prior(
    prior: Callable,
    *,
    other_values: dict[str, Any] | None = None,
    latent_dim: Any = 2,
    data_shape: Shape = (4,),
    data: Array | None = None,
    density_latent_dims: Sequence[Any] = (1, 2),
    points: Callable | None = over_reals,
    moments: bool = True,
    vae: dict[str, Any] | None = None,
    checks: Sequence[str] | None = None,
) -> None:
    """Run every check of the prior's contract: a failure raises an AssertionError that says how to fix it.

    `config`: every constructor argument survives saving. `shapes`: batches of 1, 3 and of unknown size, with
    and without a context, and results of a row that do not depend on the others. `draws`: they follow `seed`,
    `num_samples` and a temperature in every element, `log_prob` takes an axis of samples, and `mode()`, where there is
    one, is the most likely value. `density`: it integrates to one and its draws follow it. `kl`: KL(p, p) is zero, and
    the closed form of KL(q, p), where there is one, agrees with the integral and with draws. `precision`: float32
    and finite under mixed_float16 and mixed_bfloat16. `fit`: gradients reach every weight, in float32 and
    mixed_float16. `reload`: a `.keras` file gives the same model. A part with `adapt` is shown the data first.

    Args:
        prior: class, or function without arguments that returns a fresh prior: `lambda: MyPrior(3)`.
        other_values: a second value for each constructor argument, other than what `prior` makes, to see that it
            survives saving: `{"activation": "tanh"}`. The suite finds one itself for bools, numbers and tuples of
            ints, so only arguments such as names, functions and None must be given.
        latent_dim: as for `keras_vae.VAE`.
        data_shape: as for `keras_vae.VAE`.
        data: examples `(n, *data_shape)`, at least 6; by default random ones inside the likelihood's support.
        density_latent_dims: the values of `latent_dim` at which the density is integrated.
        points: what it is integrated over: `over_reals`, `over_sphere`, `over_one_hot`, `over_integers(low, high)`,
            `over_interval(low, high)`, your own function from draws to `(points, weights)`, or None to
            skip the check.
        moments: compare `mean()` and `variance()` with the density's.
        vae: other arguments of `keras_vae.VAE`: names, classes or functions that make an instance.
        checks: names of the checks to run; all by default.

    Raises:
        AssertionError: a check failed.

    Example:

    >>> import keras_vae as kv
    >>> from keras_vae.testing import check_prior
    >>> check_prior(lambda: kv.priors.Gaussian(learn_loc=False), checks=["config", "density"])
    """
    run_latent_checks(
        Subject("prior", prior, latent_dim, data_shape, data, vae),
        "prior",
        other_values=other_values,
        density_latent_dims=density_latent_dims,
        points=points,
        moments=moments,
        checks=checks,
    )
