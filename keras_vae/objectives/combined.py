"""The base of objectives that are made from another one."""

from collections.abc import Iterator
from typing import Any

import keras

from keras_vae.data.support import Support
from keras_vae.hints import Array, Component, Config, Part
from keras_vae.objectives.objective import Objective
from keras_vae.registry import objectives

__all__ = ["Combined", "parts_of"]


class Combined(Objective):
    """An objective that changes another one, such as by adding a term: it draws and predicts as the other one does.

    The base of `Supervised` (Gomez-Bombarelli et al., 2018), `DIP` (Kumar et al., 2018), `Factor` and `MSSSIM`. Losses
    are in nats per example, `(batch,)`. A subclass implements `loss(terms)` with `self.objective.loss(terms)`, and may
    be combined again: `Supervised(DIP(FreeBits()))`.

    Args:
        objective: the other objective, a name, a class or an instance.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: an unknown objective, or one that this one cannot change.

    Example:

    >>> from keras import ops
    >>> import keras_vae as kv
    >>> class SparseMeans(kv.objectives.Combined):
    ...     def loss(self, terms):
    ...         size = ops.sum(ops.abs(terms.posterior[0].mean()), axis=1)
    ...         return self.objective.loss(terms) + 0.1 * size
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=SparseMeans("free_bits"))
    """

    def __init__(self, objective: Component = "elbo", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            self.objective = objectives.get(objective, dtype=self.dtype_policy)
        except (TypeError, ValueError) as error:
            raise type(error)(f"Argument `objective` of {type(self).__name__}: {error}") from error
        if any(type(part) is type(self) for part in parts_of(self.objective)):
            raise ValueError(
                f"Argument `objective`: {type(self).__name__} inside of {type(self).__name__} would add one term "
                f"twice, and log one number for both. Received: {self.objective!r}. Use one of them."
            )

    def build(self, spec: dict[str, Any]) -> None:
        if not self.objective.built:
            self.objective.build(spec)
            self.objective.built = True

    def check_condition(self, condition: Array) -> None:
        self.objective.check_condition(condition)

    def count_labels(self, counts: tuple[float, float] | None) -> None:
        self.objective.count_labels(counts)

    @property
    def num_samples(self) -> int:  # type: ignore[override]
        """Number of latents drawn for each example: that of the other objective."""
        return self.objective.num_samples

    @property
    def uses_y(self) -> bool:  # type: ignore[override]
        """Whether `y` is a target of the objective: what the other objective says."""
        return self.objective.uses_y

    @property
    def y_support(self) -> Support | None:  # type: ignore[override]
        """The values that `y` may have: what the other objective says."""
        return self.objective.y_support

    @property
    def y_missing(self) -> float | None:  # type: ignore[override]
        """The value that marks a row of `y` without a label: what the other objective says."""
        return self.objective.y_missing

    @property
    def partly_labelled(self) -> bool:  # type: ignore[override]
        """Whether rows may lack their condition: what the other objective says."""
        return self.objective.partly_labelled

    @property
    def independent_draws(self) -> bool:  # type: ignore[override]
        """Whether the draws for an example must not depend on each other: what the other objective says."""
        return self.objective.independent_draws

    @property
    def default_posterior(self) -> str:  # type: ignore[override]
        """Name of the posterior of a model that is created without one: what the other objective says."""
        return self.objective.default_posterior

    @property
    def beta(self) -> Any:
        """The other objective's `beta`, a variable that may be assigned."""
        return self.objective.beta

    @beta.setter
    def beta(self, value: Any) -> None:
        self.objective.beta = value

    def get_config(self) -> Config:
        return {**super().get_config(), "objective": keras.saving.serialize_keras_object(self.objective)}


def parts_of(objective: Part) -> Iterator[Any]:
    """An objective, the one that it is made from, and so on.

    >>> import keras_vae as kv
    >>> [type(part).__name__ for part in parts_of(kv.objectives.Supervised("capacity"))]
    ['Supervised', 'Capacity']
    """
    while objective is not None:
        yield objective
        objective = getattr(objective, "objective", None)


def part_with(objective: Part, name: str) -> Any:
    """The first of the parts of an objective that has an attribute, or None.

    >>> import keras_vae as kv
    >>> type(part_with(kv.objectives.Supervised("capacity"), "capacity")).__name__
    'Capacity'
    """
    return next((part for part in parts_of(objective) if hasattr(part, name)), None)
