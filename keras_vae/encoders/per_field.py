"""Encoders one for each field, whose features stay apart."""

from typing import Any

from keras import ops

from keras_vae.arguments import check_fields
from keras_vae.encoders.joint import Joint
from keras_vae.hints import Shape, Tensor
from keras_vae.registry import encoders as family

__all__ = ["PerField"]


@family.register("per_field", package="keras_vae")
class PerField(Joint):
    """An encoder for each field of a dict, and the features of each by itself, with the rows that have the field.

    The inference networks of Wu and Goodman (2018): one for every modality, each of which is an expert of its own for
    `posteriors.ProductOfExperts`, `MixtureOfExperts` and `MixtureOfProducts`. A model with one of these posteriors
    makes this encoder from a dict of encoders. The result is a dict from a field's name to a pair: its features
    `(batch, units)`, and a boolean `(batch,)`, False in rows where the field is absent.

    Args:
        encoders: dict from a field's name to the name, config or instance of its encoder, or any Keras model. Fields
            that are left out have no expert.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Attributes:
        parts: dict from a field's name to its encoder.

    Raises:
        ValueError: no dict of fields, or one instance for two of them.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> encoder = kv.encoders.PerField({"image": kv.encoders.MLP((8,)), "label": kv.encoders.MLP((3,))})
    >>> x = {"image": np.zeros((2, 8, 8, 1), "float32"), "label": np.zeros((2, 10), "float32")}
    >>> present = {"image": np.array([True, False]), "label": np.array([True, True])}
    >>> features, present = encoder(x, present=present)["image"]
    >>> tuple(features.shape), [bool(row) for row in present]
    ((2, 8), [True, False])
    """

    takes_present = True

    def call(
        self,
        x: Any,
        mask: Any = None,
        training: bool | None = None,
        condition: Tensor | None = None,
        present: dict[str, Tensor] | None = None,
    ) -> Any:
        """Features of every field and the rows that have it: dict of `((batch, units), (batch,))`.

        Args:
            x: dict of `(batch, *data_shape)`, as the likelihoods' `to_network` gives them.
            mask: dict of boolean `(batch, time)` or None, or None.
            training: whether dropout and the like are active.
            condition: `(batch, width)`, the encoded condition, for encoders whose `call` takes it; or None.
            present: dict of boolean `(batch,)`, False in rows where the field is absent; None if none is.
        """
        found = self._features_of_fields(x, mask, training, condition)
        if present is None:
            return {name: (own, ops.ones((ops.shape(own)[0],), dtype="bool")) for name, own in found.items()}
        check_fields(present, self.parts, "present")
        return {name: (own, ops.cast(present[name], "bool")) for name, own in found.items()}

    def compute_output_shape(self, input_shape: Any) -> dict[str, tuple[Shape, Shape]]:
        widths = self._widths(input_shape)
        return {name: ((input_shape[name][0], width), (input_shape[name][0],)) for name, width in widths.items()}
