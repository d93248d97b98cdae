"""Training on subsets of the fields too."""

import dataclasses
from typing import Any

import keras
from keras import ops

from keras_vae.data.batch import Batch, without_absent
from keras_vae.hints import Component, Config, Tensor
from keras_vae.objectives.combined import Combined
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["FieldSubsets"]


@objectives.register("field_subsets", package="keras_vae")
class FieldSubsets(Combined):
    """Another objective of all fields, of each field alone, and of random subsets, added up (Wu and Goodman, 2018).

    The sub-sampled training of the MVAE (their section 2.2), in nats per example, `(batch,)`. In a bound of all fields
    the experts of `posteriors.ProductOfExperts` are trained only together, and q(z | x_1) is never used; here each
    subset is a bound of log p of what it holds, from its own part of the posterior. With `encoders.Joint`, whose one
    posterior sees all features side by side, fields that are left out are zeros, and the encoder runs for each subset.
    `MixtureOfExperts` and `MixtureOfProducts` train every expert anyway. Fields that are absent from the data stay
    absent; a subset of which nothing is present counts 0.

    In evaluation it is the other objective of all fields, so `val_loss` is comparable, and `loss` in training, a sum
    over subsets, is larger. Data of one field have no subsets.

    Args:
        objective: the other objective, a name or an instance.
        singles: whether each field alone is a subset.
        random: number of random subsets of each example, neither empty nor all; by default 1 for three fields or more.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: a negative number of subsets, or an objective that this one cannot change.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(
    ...     {"image": (8, 8, 1), "label": (1,)}, 4, posterior="product_of_experts",
    ...     likelihood={"image": "bernoulli", "label": kv.likelihoods.Categorical(10)},
    ...     objective=kv.objectives.FieldSubsets(kv.objectives.ELBO(beta=0.5)),
    ... )
    """

    leaves_fields_out = True

    def __init__(
        self, objective: Component = "elbo", singles: bool = True, random: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(objective, **kwargs)
        if random is not None and (isinstance(random, bool) or not isinstance(random, int) or random < 0):
            raise ValueError(f"Argument `random` must be None or an int >= 0. Received: random={random!r}")
        self.singles = bool(singles)
        self.random = random

    def loss(self, terms: Terms) -> Tensor:
        total = self.objective.loss(terms)
        if not terms.training or not isinstance(terms.batch.x, dict) or len(terms.batch.x) < 2:
            return total
        for kept in self.subsets(list(terms.batch.x), terms.batch.size, terms.seed):
            part = restricted(terms, kept)
            anything = ops.any(ops.stack(list((part.batch.rows_present or {}).values()), axis=1), axis=1)
            total = total + ops.where(anything, self.objective.loss(part), 0.0)
        return total

    def subsets(self, names: list[str], size: Any, seed: Any) -> list[dict[str, Tensor]]:
        """For every subset, boolean `(batch,)` for each field, True where it belongs to the subset.

        Args:
            names: names of the fields.
            size: number of examples.
            seed: an int or a `SeedGenerator`.
        """
        found = []
        if self.singles:
            found += [{name: ops.full((size,), name == single, dtype="bool") for name in names} for single in names]
        count = int(len(names) > 2) if self.random is None else self.random
        for _ in range(count):
            # The binary digits of a whole number say which fields it holds.
            number = keras.random.randint((size,), 1, 2 ** len(names) - 1, seed=seed)
            found.append({name: (number // 2**index) % 2 == 1 for index, name in enumerate(names)})
        return found

    def get_config(self) -> Config:
        return {**super().get_config(), "singles": self.singles, "random": self.random}


def restricted(terms: Terms, kept: dict[str, Tensor]) -> Terms:
    """The terms of some of the fields: the others are neither seen nor counted.

    Args:
        terms: the terms of all fields.
        kept: boolean `(batch,)` for each field.
    """
    batch = terms.batch
    likelihood = terms.forward.likelihood
    x, input_present = without_absent(batch.x, batch.input_present, kept, likelihood)
    target, present = (
        (x, input_present) if batch.target is batch.x else without_absent(batch.target, batch.present, kept, likelihood)
    )
    rows = {
        name: own if batch.rows_present is None else ops.logical_and(own, batch.rows_present[name])
        for name, own in kept.items()
    }
    part: Batch = dataclasses.replace(
        batch, x=x, target=target, present=present, input_present=input_present, rows_present=rows
    )
    known: dict[str, Any] = {"context": terms.context}
    if isinstance(terms.features, dict):  # each field's are its own: the encoder need not run again
        known["features"] = {name: (own, rows[name]) for name, (own, _) in terms.features.items()}
    return terms.over(part, **known)
