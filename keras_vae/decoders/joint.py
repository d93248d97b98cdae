"""Decoders side by side, one for each field."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_vae import registry
from keras_vae.arguments import check_fields, named_parts
from keras_vae.decoders.decoder import Decoder
from keras_vae.decoders.from_model import FromModel
from keras_vae.decoders.steps import prefix_options
from keras_vae.distributions.draws import several
from keras_vae.hints import Component, Config, Part, Seed, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.registry import decoders as family

__all__ = ["Joint"]


@family.register("joint", package="keras_vae")
class Joint(Decoder):
    """A decoder for each field of a dict, all from the same latents.

    The shared code of Ngiam et al. (2011): every field has a network of its own kind, and what fields share goes
    through the latents. Features are a dict, with the shape `(batch, ...)` that each decoder gives them.

    Args:
        decoders: dict from a field's name to the name, config or instance of its decoder, or any Keras model.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Attributes:
        parts: dict from a field's name to its decoder.

    Raises:
        ValueError: no dict of fields, or one instance for two of them.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> decoder = kv.decoders.Joint({"image": kv.decoders.MLP((16,)), "label": kv.decoders.MLP((3,))})
    >>> decoder.build((None, 2), {"image": (None, 8, 8, 1), "label": (None, 10)})
    >>> features = decoder(np.zeros((5, 2), "float32"))
    >>> tuple(features["image"].shape), tuple(features["label"].shape)
    ((5, 16), (5, 3))
    """

    def __init__(self, decoders: Mapping[str, Component], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = named_parts(decoders, "decoders")
        self.parts: dict[str, Any] = {name: self._part(part) for name, part in given.items()}
        self._note_targets()

    def _part(self, part: Any) -> Decoder:
        if not isinstance(part, keras.layers.Layer):
            part = registry.decoders.get(part, dtype=self.dtype_policy)
        return part if isinstance(part, Decoder) else FromModel(part, dtype=part.dtype_policy)

    def _note_targets(self) -> None:
        self.requires_target = any(part.requires_target for part in self.parts.values())

    @property
    def takes_condition(self) -> bool:
        return any(part.takes_condition for part in self.parts.values())

    def _input_shape(self, part: Any, z_shape: Shape) -> Shape:
        # One that does not take the condition by name has it appended to z, as if it were alone.
        return z_shape if part.takes_condition else width_with_context(z_shape, (None, self.condition_width))

    def _input(self, part: Any, z: Tensor, condition: Tensor | None) -> tuple[Tensor, dict[str, Any]]:
        if condition is None:
            return z, {}
        return (z, {"condition": condition}) if part.takes_condition else (concatenate_context(z, condition), {})

    def build(self, z_shape: Shape, target_shape: Any = None) -> None:
        check_fields(target_shape, self.parts, "target_shape")
        for name, part in self.parts.items():
            part.condition_width = self.condition_width if part.takes_condition else 0
            if not part.built:
                part.build(self._input_shape(part, z_shape), tuple(target_shape[name]))
        # Some learn with the data's shape that they need the target.
        self._note_targets()

    def call(
        self,
        z: Tensor,
        target: Any = None,
        mask: Any = None,
        training: bool | None = None,
        condition: Tensor | None = None,
    ) -> dict[str, Any]:
        """Features of every field, dict of `(batch, ...)`.

        Args:
            z: `(batch, *latent_shape)`, the condition appended where there is one and no decoder takes it by name.
            target: dict of `(batch, *target_shape)`, with the fields whose decoder has `requires_target`.
            mask: dict of boolean `(batch, time)` or None, or None.
            training: whether layers such as dropout are active.
            condition: `(batch, width)`, the encoded condition, where one of the decoders takes it by name; or None.
        """
        targets, masks = target or {}, mask or {}
        features = {}
        for name, part in self.parts.items():
            own, options = self._input(part, z, condition)
            seen = targets.get(name) if part.requires_target else None
            features[name] = part(own, target=seen, mask=masks.get(name), training=training, **options)
        return features

    def decode(
        self,
        z: Tensor,
        likelihood: Part,
        *,
        seed: Seed = None,
        mode: str | None = None,
        temperature: float = 1.0,
        length: int | None = None,
        condition: Tensor | None = None,
        prefix: Any = None,
        prefix_mask: Any = None,
    ) -> Any:
        """Data of every field for latents `z`: dict of `(batch, *data_shape)`, draws with noise of their own.

        `likelihood` is a `keras_vae.likelihoods.Joint` of the same fields, and `mode` holds for all of them; None for
        what each field's likelihood takes for typical. `length` is that of fields whose shape leaves it open.
        `prefix` and `prefix_mask` are dicts with some of the fields.

        Raises:
            ValueError: a likelihood that lacks one of the fields, or a prefix for a decoder that takes none.
        """
        check_fields(likelihood.parts, self.parts, "likelihood")
        seed = several(seed) if mode == "sample" else None
        options: dict[str, Any] = {"mode": mode, "temperature": temperature, "length": length}
        prefixes, masks = prefix or {}, prefix_mask or {}
        data = {}
        for name, part in self.parts.items():
            own, named = self._input(part, z, condition)
            named.update(prefix_options(part, prefixes.get(name), masks.get(name)))
            data[name] = part.decode(own, likelihood.parts[name], seed=seed, **options, **named)
        return data

    def compute_output_shape(self, z_shape: Shape, target_shape: Any = None) -> dict[str, Any]:
        return {
            name: part.compute_output_shape(self._input_shape(part, z_shape))
            if target_shape is None
            else part.compute_output_shape(self._input_shape(part, z_shape), tuple(target_shape[name]))
            for name, part in self.parts.items()
        }

    def get_config(self) -> Config:
        parts = {name: keras.saving.serialize_keras_object(part) for name, part in self.parts.items()}
        return {**super().get_config(), "decoders": parts}
