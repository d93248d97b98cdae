"""Weights of the fields' log-likelihoods."""

import math
import numbers
from collections.abc import Mapping
from typing import Any

from keras_vae.hints import Component, Config, Tensor
from keras_vae.objectives.combined import Combined
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["FieldWeights"]


@objectives.register("field_weights", package="keras_vae")
class FieldWeights(Combined):
    """Another objective, with log p(x_m | z) of each field multiplied by a weight (Wu and Goodman, 2018, section 2.2).

    An image of 784 pixels counts some hundred nats and its label two, so a bound of both hardly notices the label. A
    weight such as 784 / 2 balances them, as Shi et al. (2019) do as well. The loss, in nats per example, `(batch,)`, is
    then no bound of log p(x). Only the objective is changed: `reconstruction_loss`, `vae.elbo` and `vae.log_likelihood`
    are those of the densities.

    Args:
        weights: dict from a field's name to the factor of its log density, at least 0; fields left out have 1.
        objective: the other objective, a name or an instance.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: weights that are negative or of unknown fields, or an objective that this one cannot change.

    Example:

    >>> import keras_vae as kv
    >>> weighted = kv.objectives.FieldWeights({"label": 50.0})
    >>> vae = kv.VAE(
    ...     {"image": (8, 8, 1), "label": (1,)}, 4, posterior="product_of_experts",
    ...     likelihood={"image": "bernoulli", "label": kv.likelihoods.Categorical(10)},
    ...     objective=kv.objectives.FieldSubsets(weighted),
    ... )
    """

    def __init__(self, weights: Mapping[str, float], objective: Component = "elbo", **kwargs: Any) -> None:
        super().__init__(objective, **kwargs)
        if not isinstance(weights, Mapping) or not all(
            isinstance(name, str) and isinstance(own, numbers.Real) and math.isfinite(own) and own >= 0
            for name, own in weights.items()
        ):
            raise ValueError(
                "Argument `weights` must be a dict from names of fields to finite numbers >= 0, such as "
                f"{{'label': 50.0}}. Received: weights={weights!r}"
            )
        self.weights_of_fields = {name: float(own) for name, own in weights.items()}

    def build(self, spec: dict[str, Any]) -> None:
        fields = sorted(spec["data_shape"]) if isinstance(spec["data_shape"], dict) else []
        unknown = sorted(set(self.weights_of_fields) - set(fields))
        if unknown:
            raise ValueError(
                f"Argument `weights` must name fields of data_shape. Expected some of {fields}. Received: {unknown}."
            )
        super().build(spec)

    def loss(self, terms: Terms) -> Tensor:
        if not self.weights_of_fields:
            return self.objective.loss(terms)
        known = {"context": terms.context, "features": terms.features, "levels": terms.levels}
        weighted = terms.over(terms.batch, **known, likelihood=terms.likelihood)
        weighted.field_weights = self.weights_of_fields
        weighted.logged = terms
        return self.objective.loss(weighted)

    def get_config(self) -> Config:
        return {**super().get_config(), "weights": self.weights_of_fields}
