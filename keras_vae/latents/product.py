"""Groups of latents side by side."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from keras import ops

from keras_vae.arguments import check_distinct
from keras_vae.hints import Config, Encode, Part, Seed, Shape, Tensor
from keras_vae.latents.latents import LatentLevel, Latents
from keras_vae.latents.levels import features_of, is_several, seed_of_levels
from keras_vae.registry import latents
from keras_vae.serialization import serialize_component

__all__ = ["Product"]


@latents.register("product", package="keras_vae")
class Product(Latents):
    """p(z_1) ... p(z_G) and q(z_1 | x) ... q(z_G | x): groups of latents side by side (JointVAE; Dupont, 2018).

    Each group has its own prior, posterior and space, such as ten classes next to eight real dimensions. The
    groups are independent in the prior, and given x. Each is a latent structure, a `Single` or another `Product`.

    The encoder returns one feature tensor for all groups, or a list with one for each group. The decoder sees the
    groups flattened and concatenated, `(batch, width)`. The model logs the KL of every group as `kl_loss_1`,
    `kl_loss_2`, ..., in the order of the groups.

    Args:
        groups: list of latent structures, each a different instance.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: no groups, one instance twice, a structure that cannot be a group, or sizes that do not fit.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> classes = kv.latents.Single(1, prior=kv.priors.UniformCategorical(10), posterior="categorical")
    >>> vae = kv.VAE(data_shape=(6,), latents=kv.latents.Product([classes, kv.latents.Single(8)]))
    >>> [z.shape for z in vae.encode(np.zeros((3, 6)))]
    [(3, 1, 10), (3, 8)]
    >>> vae.generate(5, fixed={0: 3}).shape  # five of class 3
    (5, 6)
    """

    def __init__(self, groups: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(groups, (list, tuple)) or not groups:
            raise ValueError(
                "Argument `groups` must be a non-empty list of latent structures. Expected, for example, "
                f"[keras_vae.latents.Single(1, ...), keras_vae.latents.Single(8)]. Received: groups={groups!r}"
            )
        check_distinct(groups, "groups")
        self.groups = [latents.get(group, dtype=self.dtype_policy) for group in groups]
        for index, group in enumerate(self.groups):
            check_group(index, group)
        parts = [layer for group in self.groups for layer in group._flatten_layers()]
        if len({id(part) for part in parts}) < len(parts):
            raise ValueError(
                "Argument `groups`: one component is used twice, and would be shared. Expected a prior and a posterior "
                f"for each group. Received: groups={self.groups!r}. Create one for each of them."
            )

    @property
    def requires_encoder(self) -> bool:  # type: ignore[override]
        return any(group.requires_encoder for group in self.groups)

    @property
    def independent_levels(self) -> bool:  # type: ignore[override]
        return all(group.independent_levels for group in self.groups)

    @property
    def pairs(self) -> list[tuple[Part, Part]]:
        return [pair for group in self.groups for pair in group.pairs]

    def resolve_latent_shape(self, latent_dim: Any, data_shape: Any = None) -> tuple[Shape, ...]:
        sizes = [None] * len(self.groups) if latent_dim is None else latent_dim
        if not isinstance(sizes, (list, tuple)) or len(sizes) != len(self.groups):
            raise ValueError(
                f"Argument `latent_dim` must hold a size for each of the {len(self.groups)} groups of latents. "
                f"Received: latent_dim={latent_dim!r}. Leave it out: the groups have sizes of their own."
            )
        return tuple(group.resolve_latent_shape(size, data_shape) for group, size in self._zip(sizes))

    def _zip(self, values: Sequence[Any]) -> Iterator[tuple[Part, Any]]:
        return zip(self.groups, values, strict=True)

    def build(
        self, features_shape: Any, context_shape: Shape, latent_shape: Any, data_spec: dict[str, Any] | None = None
    ) -> None:
        if is_several(features_shape) and len(features_shape) != len(self.groups):
            raise ValueError(
                f"The encoder gives {len(features_shape)} feature tensors, and there are {len(self.groups)} groups of "
                "latents. Return one tensor for each group, in their order, or a single one for all of them."
            )
        for index, (group, shape) in enumerate(self._zip(latent_shape)):
            try:
                if not group.built:
                    group.build(features_of(features_shape, index), context_shape, shape, data_spec)
            except ValueError as error:
                raise ValueError(
                    f"Group {index} of the latents, {type(group).__name__} of shape {tuple(shape)}, cannot be built: "
                    f"{error}"
                ) from error

    def check(self) -> None:
        for group in self.groups:
            group.check()

    def level_shapes(self) -> tuple[Shape, ...]:
        return tuple(shape for group in self.groups for shape in group.level_shapes())

    def decoder_input_shape(self) -> Shape:
        return (sum(math.prod(group.decoder_input_shape()) for group in self.groups),)

    def root_features(self, features: Any) -> Any:
        return self.groups[0].root_features(features_of(features, 0))

    # Groups, one after the other ----------------------------------------------------------------------

    def prepare(self, encode: Encode) -> dict[str, Any] | None:
        prepared = {
            str(index): group.prepare(encode_of(encode, index))
            for index, group in enumerate(self.groups)
            if group.requires_encoder
        }
        return prepared or None

    def infer(
        self,
        features: Any,
        context: Tensor,
        *,
        encode: Encode | None = None,
        prepared: Any = None,
        seed: Seed = None,
        num_samples: int | None = None,
        deterministic: bool = False,
        training: bool = False,
        mask: Tensor | None = None,
        prior_context: Tensor | None = None,
        given: Sequence[Any] | None = None,
    ) -> list[LatentLevel]:
        levels, seed = [], seed_of_levels(seed)
        given = [None] * len(self.level_shapes()) if given is None else given
        for index, (group, own) in enumerate(self._by_group(given)):
            levels += group.infer(
                features_of(features, index),
                context,
                encode=encode_of(encode, index),
                prepared=(prepared or {}).get(str(index)),
                seed=seed,
                num_samples=num_samples,
                deterministic=deterministic,
                training=training,
                mask=mask,
                prior_context=prior_context,
                given=own,
            )
        return levels

    def generate(
        self,
        context: Tensor,
        *,
        encode: Encode | None = None,
        prepared: Any = None,
        seed: Seed = None,
        temperature: float = 1.0,
        length: Any = None,
        given: Sequence[Any] | None = None,
    ) -> tuple[Tensor, ...]:
        drawn, seed = [], seed_of_levels(seed)
        given = [None] * len(self.level_shapes()) if given is None else given
        for index, (group, own) in enumerate(self._by_group(given)):
            drawn += group.generate(
                context,
                encode=encode_of(encode, index),
                prepared=(prepared or {}).get(str(index)),
                seed=seed,
                temperature=temperature,
                length=length,
                given=own,
            )
        return tuple(drawn)

    def decoder_input(self, latents: tuple[Tensor, ...], context: Tensor) -> Tensor:
        vectors = []
        for group, own in self._by_group(latents):
            z = ops.cast(group.decoder_input(tuple(own), context), "float32")
            vectors.append(ops.reshape(z, (-1, math.prod(group.decoder_input_shape()))))
        return ops.concatenate(vectors, axis=-1)

    def rows_of(self, levels: Sequence[LatentLevel], num_samples: int | None = None) -> tuple[Tensor, ...]:
        return tuple(z for group, own in self._by_group(levels) for z in group.rows_of(own, num_samples))

    def _by_group(self, values: Sequence[Any]) -> Iterator[tuple[Part, Sequence[Any]]]:
        """Every group with its part of a sequence that has one value for each level."""
        start = 0
        for group in self.groups:
            stop = start + len(group.level_shapes())
            yield group, values[start:stop]
            start = stop

    def get_config(self) -> Config:
        return {**super().get_config(), "groups": [serialize_component(group, "latents") for group in self.groups]}


def check_group(index: int, group: Part) -> None:
    """Refuse a structure that cannot be a group."""
    name = type(group).__name__
    if group.has_time_axis:
        raise ValueError(
            f"Argument `groups`: group {index}, {name}, has a latent for every time step, which cannot be concatenated "
            f"with the others. Expected groups without a time axis. Received: {name}. Use it alone, as "
            "VAE(latents=...)."
        )
    if hasattr(group, "take_posterior"):
        raise ValueError(
            f"Argument `groups`: group {index}, {name}, takes its top level's posterior from the model, which has one "
            f"for all groups. Expected keras_vae.latents.Single or Product. Received: {name}. Use it alone, as "
            "VAE(latents=...)."
        )


def encode_of(encode: Encode | None, index: int) -> Encode | None:
    """Function `(x, context) -> features` of one group, from that of the whole encoder."""
    if encode is None:
        return None

    def features(x: Tensor, context: Tensor) -> Any:
        return features_of(encode(x, context), index)

    return features
