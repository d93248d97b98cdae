"""Clusters: the components of a mixture that is the prior."""

from typing import Any

import numpy as np
from keras import ops

from keras_vae.distributions.gaussian_mixture import GaussianMixture
from keras_vae.hints import Array, Data, Part, Seed, Tensor
from keras_vae.inference.call import over_data

__all__ = ["latents_of_components", "responsibilities"]


def responsibilities(model: Part, x: Data, *, batch_size: int | None = None, verbose: str | int = "auto") -> Array:
    """p(c | z) of every component c of a mixture prior, at the mean z of q(z | x): `(n, components)`.

    Soft clusters (VaDE; Jiang et al., 2017, equation 16); the clusters are their `argmax(axis=1)`.

    Args:
        model: the `VAE`, whose prior is a mixture of Gaussians: `keras_vae.priors.Mixture`, or a VampPrior.
        x: as for `predict`.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Raises:
        ValueError: a prior that is no mixture, or arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, prior=kv.priors.Mixture(3, seed=0))
    >>> vae.responsibilities(np.zeros((5, 4))).shape
    (5, 3)
    """
    level_of_mixture(model, "responsibilities")
    return over_data(model, "responsibilities", weigh_batch, x, batch_size=batch_size, verbose=verbose, noisy=True)


def weigh_batch(model: Part, inputs: Any, seed: Seed = None, prepared: Any = None, **_: Any) -> Tensor:
    """p(c | z) for one batch, without checks or progress: `(batch, components)`.

    Args:
        model: the `VAE`.
        inputs: a batch of tensors.
        seed: an int or a `SeedGenerator`.
        prepared: what `latents.prepare` returned for the whole call, or None.
    """
    terms = model.terms(inputs, seed=seed, deterministic=True, prepared=prepared)
    level = terms.levels[level_of_mixture(model, "responsibilities")]
    return level.prior.responsibilities(level.z)


def level_of_mixture(model: Part, name: str) -> int:
    """The index of the level or group of latents whose prior is a mixture of Gaussians.

    Raises:
        ValueError: there is none.
    """
    kinds = [prior.distribution_class for prior, _ in model.latents.pairs]
    if GaussianMixture not in kinds:
        received = ", ".join(type(prior).__name__ for prior, _ in model.latents.pairs)
        raise ValueError(
            f"{name} needs a prior that is a mixture of Gaussians. Received: a model with the prior {received}. Build "
            "it with VAE(..., prior=keras_vae.priors.Mixture(components))."
        )
    return kinds.index(GaussianMixture)


def latents_of_components(
    model: Part, component: Any, n: int, seed: int | None, temperature: float
) -> dict[int, Array]:
    """Draws from components of the prior, `(n, *latent)`, as the argument `fixed` of `generate`.

    Raises:
        ValueError: a prior without components to draw from, or components that there are not.
    """
    index = level_of_mixture(model, "Argument `component`")
    prior = model.latents.pairs[index][0]
    if not hasattr(prior, "sample_component"):
        raise ValueError(
            f"Argument `component` needs keras_vae.priors.Mixture. Received: a model with the prior "
            f"{type(prior).__name__}, whose components are not drawn from one by one."
        )
    given = np.asarray(ops.convert_to_numpy(component))
    whole = given.dtype.kind in "iu" and given.ndim <= 1 and (given.ndim == 0 or len(given) == n)
    if not whole or ((given < 0) | (given >= prior.components)).any():
        raise ValueError(
            f"Argument `component` must be a component from 0 to {prior.components - 1}, or one for each of {n} rows. "
            f"Received: component={component!r:.80}"
        )
    drawn = prior.sample_component(np.broadcast_to(given, (n,)), seed=seed, temperature=temperature)
    return {index: drawn}
