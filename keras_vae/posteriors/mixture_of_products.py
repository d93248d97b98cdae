"""The mixture of the products of all subsets of the fields."""

import itertools
from typing import Any

from keras import ops

from keras_vae.distributions.expert_mixture import ExpertMixture
from keras_vae.distributions.gaussian import Gaussian as GaussianDistribution
from keras_vae.hints import Shape, Tensor
from keras_vae.posteriors.experts import Experts, product
from keras_vae.registry import posteriors

__all__ = ["MixtureOfProducts"]

MOST_FIELDS = 8
"""Fields of which there are 255 subsets: each is a component of the density of every draw."""


@posteriors.register("mixture_of_products", package="keras_vae")
class MixtureOfProducts(Experts):
    """The mixture of the products of experts of all subsets of the fields: the MoPoE-VAE of Sutter et al. (2021).

    q(z | x) is the mean, over the subsets of what is present that are not empty, of p(z) times the experts of the
    subset, normalised. Every subset must explain all fields, as in `MixtureOfExperts`, and the subset of all of them is
    as sharp as `ProductOfExperts`; the products have the prior as an expert, as there. The KL is estimated at the
    draws, which are stratified: `2**M - 1` draws take one from each subset. With the objectives' `gradient="dreg"` they
    are independent. Latents are `(batch, *latent_shape)`.

    Args:
        fields: names of the fields whose experts take part; by default all, see `keras_vae.posteriors.Experts`.
        scale: parametrisation of every expert's scale, as in `keras_vae.posteriors.Gaussian`.
        hidden_units: width of each gated dense layer between the features of a field and its expert.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: unknown fields, more than 8 of them, a prior that is no diagonal Gaussian, or arguments of a wrong
            kind.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(
    ...     {"a": (4,), "b": (3,)}, 2, likelihood={"a": "gaussian", "b": "gaussian"},
    ...     posterior="mixture_of_products", objective=kv.objectives.ELBO(num_samples=3),
    ... )
    >>> q = vae.encode({"a": np.zeros((5, 4)), "b": np.zeros((5, 3))}, mode="distribution")
    >>> tuple(q.loc.shape)  # the prior, for rows without any field, a, b, and both
    (5, 4, 2)
    """

    distribution_class = ExpertMixture

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        if len(self.experts) > MOST_FIELDS:
            raise ValueError(
                f"The posterior MixtureOfProducts has a component for every subset of the fields. Expected at most "
                f"{MOST_FIELDS} fields. Received: {len(self.experts)}. Use posterior='mixture_of_experts', or fewer "
                "`fields`."
            )

    def combined(
        self, prior: GaussianDistribution, experts: list[GaussianDistribution], present: list[Tensor]
    ) -> ExpertMixture:
        rows = [ops.reshape(own, (-1,)) for own in present]
        nothing = ops.logical_not(ops.any(ops.stack(rows, axis=1), axis=1))
        components, counted = [prior], [nothing]
        for size in range(1, len(experts) + 1):
            for subset in itertools.combinations(range(len(experts)), size):
                components.append(product(prior, [experts[index] for index in subset], [True] * size))
                counted.append(ops.all(ops.stack([rows[index] for index in subset], axis=1), axis=1))
        return ExpertMixture.of(components, ops.stack(counted, axis=1), stratified=not self.independent_draws)
