"""The contract of a posterior, as a check."""

from collections.abc import Callable, Sequence
from typing import Any

from keras_vae.hints import Array, Shape
from keras_vae.testing.latents import run_latent_checks
from keras_vae.testing.quadrature import over_reals
from keras_vae.testing.subject import Subject

__all__ = ["check_posterior"]


def check_posterior(
    posterior: Callable,
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
    """Run every check of the posterior's contract: a failure raises an AssertionError that says how to fix it.

    The checks are those of `check_prior`, with the posterior's density integrated. If the pair of posterior
    and prior has no closed-form KL, its estimate from draws must be finite and not negative.

    Args:
        posterior: class, or function without arguments that returns a fresh posterior.
        other_values: a second value for each constructor argument, other than what `posterior` makes, to see that it
            survives saving: `{"activation": "tanh"}`. The suite finds one itself for bools, numbers and tuples of
            ints, so only arguments such as names, functions and None must be given.
        latent_dim: as for `keras_vae.VAE`.
        data_shape: as for `keras_vae.VAE`.
        data: examples `(n, *data_shape)`, at least 6; by default random ones inside the likelihood's support.
        density_latent_dims: the values of `latent_dim` at which the density is integrated.
        points: what it is integrated over, see `check_prior`; None skips the check.
        moments: compare `mean()` and `variance()` with the density's; False for a flow, whose mean is a
            point of reference.
        vae: other arguments of `keras_vae.VAE`, such as a compatible prior: names, classes or
            functions that make an instance.
        checks: names of the checks to run; all by default.

    Raises:
        AssertionError: a check failed.

    Example:

    >>> import keras_vae as kv
    >>> from keras_vae.testing import check_posterior
    >>> check_posterior(kv.posteriors.Gaussian, checks=["kl"])
    """
    run_latent_checks(
        Subject("posterior", posterior, latent_dim, data_shape, data, vae),
        "posterior",
        other_values=other_values,
        density_latent_dims=density_latent_dims,
        points=points,
        moments=moments,
        checks=checks,
    )
