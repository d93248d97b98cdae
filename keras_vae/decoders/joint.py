"""Decoders side by side, one for each field."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

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
        columns: dict with, for some of the fields, the parts of the latents that their decoders see, a list of
            `(start, stop)` of the vector of all latents; the others see all. So a field may have latents of its own,
            beside those that all share, see `keras_vae.latents.Product`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Attributes:
        parts: dict from a field's name to its decoder.

    Raises:
        ValueError: no dict of fields, one instance for two of them, or columns that the latents do not have.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> decoder = kv.decoders.Joint({"image": kv.decoders.MLP((16,)), "label": kv.decoders.MLP((3,))})
    >>> decoder.build((None, 2), {"image": (None, 8, 8, 1), "label": (None, 10)})
    >>> features = decoder(np.zeros((5, 2), "float32"))
    >>> tuple(features["image"].shape), tuple(features["label"].shape)
    ((5, 16), (5, 3))
    """

    def __init__(
        self,
        decoders: Mapping[str, Component],
        columns: Mapping[str, Sequence[tuple[int, int]]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = named_parts(decoders, "decoders")
        self.parts: dict[str, Any] = {name: self._part(part) for name, part in given.items()}
        self.columns = as_columns(columns or {}, self.parts)
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

    def _input_shape(self, name: str, z_shape: Shape) -> Shape:
        part = self.parts[name]
        if name in self.columns:
            last = max(stop for _, stop in self.columns[name])
            if len(z_shape) != 2 or last > z_shape[-1]:
                raise ValueError(
                    f"Argument `columns`: the latents are of shape {tuple(z_shape)[1:]}, and the field {name!r} is to "
                    f"see {list(self.columns[name])}. Expected ranges of a vector that has them."
                )
            z_shape = (z_shape[0], sum(stop - start for start, stop in self.columns[name]))
        # One that does not take the condition by name has it appended to z, as if it were alone.
        return z_shape if part.takes_condition else width_with_context(z_shape, (None, self.condition_width))

    def _input(self, name: str, z: Tensor, condition: Tensor | None) -> tuple[Tensor, dict[str, Any]]:
        part = self.parts[name]
        if name in self.columns:
            z = ops.concatenate([z[:, start:stop] for start, stop in self.columns[name]], axis=-1)
        if condition is None:
            return z, {}
        return (z, {"condition": condition}) if part.takes_condition else (concatenate_context(z, condition), {})

    def build(self, z_shape: Shape, target_shape: Any = None) -> None:
        check_fields(target_shape, self.parts, "target_shape")
        for name, part in self.parts.items():
            part.condition_width = self.condition_width if part.takes_condition else 0
            if not part.built:
                part.build(self._input_shape(name, z_shape), tuple(target_shape[name]))
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
            own, options = self._input(name, z, condition)
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
        fields: Sequence[str] | None = None,
    ) -> Any:
        """Data of every field for latents `z`: dict of `(batch, *data_shape)`, draws with noise of their own.

        `likelihood` is a `keras_vae.likelihoods.Joint` of the same fields, and `mode` holds for all of them; None for
        what each field's likelihood takes for typical. `length` is that of fields whose shape leaves it open; `fields`
        are the names of those that are asked for, by default all. `prefix` and `prefix_mask` are dicts with some of the
        fields.

        Raises:
            ValueError: a likelihood that lacks one of the fields, or a prefix for a decoder that takes none.
        """
        check_fields(likelihood.parts, self.parts, "likelihood")
        seed = several(seed) if mode == "sample" else None
        options: dict[str, Any] = {"mode": mode, "temperature": temperature, "length": length}
        prefixes, masks = prefix or {}, prefix_mask or {}
        data = {}
        for name, part in self.parts.items():
            if fields is not None and name not in fields:
                continue
            own, named = self._input(name, z, condition)
            named.update(prefix_options(part, prefixes.get(name), masks.get(name)))
            data[name] = part.decode(own, likelihood.parts[name], seed=seed, **options, **named)
        return data

    def compute_output_shape(self, z_shape: Shape, target_shape: Any = None) -> dict[str, Any]:
        return {
            name: part.compute_output_shape(self._input_shape(name, z_shape))
            if target_shape is None
            else part.compute_output_shape(self._input_shape(name, z_shape), tuple(target_shape[name]))
            for name, part in self.parts.items()
        }

    def get_config(self) -> Config:
        parts = {name: keras.saving.serialize_keras_object(part) for name, part in self.parts.items()}
        return {**super().get_config(), "decoders": parts, "columns": self.columns or None}


def as_columns(columns: Any, names: Iterable[str]) -> dict[str, tuple[tuple[int, int], ...]]:
    """The argument `columns`, checked, with tuples."""
    names = list(names)
    if not isinstance(columns, Mapping) or not set(columns) <= set(names):
        raise ValueError(
            f"Argument `columns` must be a dict whose keys are some of the fields {names}. Received: "
            f"columns={columns!r}"
        )
    checked = {}
    for name, ranges in columns.items():
        try:
            pairs = tuple((operator.index(start), operator.index(stop)) for start, stop in ranges)
        except (TypeError, ValueError):  # an index is no 1.5
            pairs = ()
        if not pairs or any(not 0 <= start < stop for start, stop in pairs):
            raise ValueError(
                f"Argument `columns`: the field {name!r} needs a list of whole numbers (start, stop) with 0 <= start < "
                f"stop, such as [(0, 8), (12, 16)]. Received: {ranges!r}"
            )
        checked[name] = pairs
    return checked
