"""Data of several fields."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_vae import registry
from keras_vae.arguments import check_fields, named_parts
from keras_vae.data.support import Support
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.joint import Joint as JointDistribution
from keras_vae.hints import Component, Config, Tensor
from keras_vae.likelihoods.composite import Composite
from keras_vae.likelihoods.likelihood import Likelihood
from keras_vae.registry import likelihoods as family

__all__ = ["Joint"]


@family.register("joint", package="keras_vae")
class Joint(Composite):
    """p(x | z) of a dict of fields, independent given z: images, tables, labels and series side by side.

    Where other likelihoods take and give one tensor, this one has dicts with an entry for every field. That the fields
    are independent given the latents makes the latents hold what they share (Wu and Goodman, 2018).

    Args:
        likelihoods: dict from a field's name to the name, config or instance of its likelihood.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Attributes:
        parts: dict from a field's name to its likelihood, each with data `(batch, *data_shape)` of its own shape.

    Raises:
        ValueError: no dict of fields, or one instance for two of them.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> likelihood = kv.likelihoods.Joint({"image": "bernoulli", "label": kv.likelihoods.Categorical(10)})
    >>> likelihood.build((None, 32), {"image": (8, 8, 1), "label": (1,)})
    >>> p = likelihood.distribution(likelihood(ops.zeros((5, 32))))
    >>> tuple(p.sample(seed=0)["label"].shape)
    (5, 1)
    """

    def __init__(self, likelihoods: Mapping[str, Component], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = named_parts(likelihoods, "likelihoods")
        self.parts: dict[str, Any] = {
            name: registry.likelihoods.get(part, dtype=self.dtype_policy) for name, part in given.items()
        }

    def members(self) -> dict[str, Likelihood]:
        return self.parts

    def own(self, x: Any, key: str) -> Tensor:
        check_fields(x, self.parts, "x")
        return x[key]

    @property
    def support(self) -> dict[str, Support]:  # type: ignore[override]
        """Where the data of every field may lie."""
        return self._each(lambda part: part.support)

    def build(self, features_shape: Any, data_shape: Any = None) -> None:
        check_fields(data_shape, self.parts, "data_shape")
        several = isinstance(features_shape, Mapping)
        if several:
            check_fields(features_shape, self.parts, "features_shape")
        self.data_shape: Any = {name: tuple(data_shape[name]) for name in self.parts}
        for name, part in self.parts.items():
            self.build_part(part, features_shape[name] if several else features_shape, self.data_shape[name])

    def call(self, features: Any) -> Any:
        """Parameters of every field's p(x | z), float32: dict of dicts of `(batch, *parameter_shape)`."""
        if isinstance(features, Mapping):
            return self._each_of(features, lambda part, own: part(own))
        return self._each(lambda part: part(features))

    def distribution(self, params: Any, mask: Any = None) -> Distribution:
        """p(x | z) as a value; `mask` is a dict of the fields' masks, `(batch, time)` or None, or None."""
        masks = mask or {}
        return JointDistribution(
            {name: part.distribution(params[name], mask=masks.get(name)) for name, part in self.parts.items()}
        )

    def typical(self, value: Any) -> dict[str, Any]:
        return {name: part.typical(value.parts[name]) for name, part in self.parts.items()}

    def to_network(self, x: Any) -> dict[str, Any]:
        """What the encoder sees of every field: dict of `(batch, *shape)`."""
        return self._each_of(x, lambda part, own: part.to_network(own))

    def valid_mask(self, x: Any) -> dict[str, Any] | None:
        """Masks of the fields, `(batch, time)` or None; None where none of them has one."""
        return _or_none(self._each_of(x, lambda part, own: part.valid_mask(own)))

    def has_ended(self, x: Any) -> dict[str, Any] | None:
        """Of every field what its likelihood says, or None; None where none of them ever ends."""
        return _or_none(self._each_of(x, lambda part, own: part.has_ended(own)))

    def get_config(self) -> Config:
        return {**super().get_config(), "likelihoods": self._each(keras.saving.serialize_keras_object)}


def _or_none(found: dict[str, Any]) -> dict[str, Any] | None:
    return None if all(value is None for value in found.values()) else found
