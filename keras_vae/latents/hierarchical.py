"""Several levels of latents."""

import functools
import math
import numbers
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_ints
from keras_vae.hints import Config, Encode, Part, Seed, Shape, Tensor
from keras_vae.latents.latents import LatentLevel, Latents, prior_of
from keras_vae.latents.level import Level
from keras_vae.latents.levels import features_of, is_several, seed_of_levels, tile_rows
from keras_vae.latents.single import check_built, posterior_of
from keras_vae.layers.merge_dense import MergeDense
from keras_vae.registry import latents, posteriors, priors
from keras_vae.serialization import Untracked, serialize_component

__all__ = ["Hierarchical"]


@latents.register("hierarchical", package="keras_vae")
class Hierarchical(Latents):
    """p(z_1) p(z_2 | z_1) ... p(z_L | z_1 ... z_(L-1)): priors and posteriors level by level, top first.

    Every level has a prior and a posterior that see a context: the levels above, combined one by one by
    `merge` layers. Two levels with `decoder_sees="latents"` are the hierarchy of Tomczak and
    Welling (2018): q(z_1|x) q(z_2|x, z_1), p(z_2|z_1) p(z_1), and a decoder of both. Many levels with
    the posterior `"residual"` and `decoder_sees="state"` are a top-down ladder (Sonderby et al., 2016;
    Vahdat and Kautz, 2020; Child, 2021), with spatial latents if the levels' sizes are shapes.

    The model logs the KL of every level as `kl_loss_1` (top), `kl_loss_2`, ...

    Args:
        levels: list of `Level`, top first; by default from the model's `latent_dim`, a tuple with the size of
            each level, with the prior `"standard"` at the top and `"gaussian"` below.
        merge: Keras layer from `[context, z]` to a new context, which is cloned for every level that has none of
            its own; `keras_vae.layers.MergeDense()` by default.
        decoder_sees: `"latents"`, all of them concatenated, for vector latents; `"state"`, the output of the last
            merge.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: levels that do not fit each other or the encoder; the message names the level.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=(4, 2), latents="hierarchical")
    >>> [z.shape for z in vae.encode(np.zeros((3, 6)))]
    [(3, 4), (3, 2)]
    """

    def __init__(
        self, levels: Sequence[Any] | None = None, merge: Any = None, decoder_sees: str = "latents", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if decoder_sees not in ("latents", "state"):
            raise ValueError(
                f"Argument `decoder_sees` must be 'latents' or 'state'. Received: decoder_sees={decoder_sees!r}"
            )
        if levels is not None and (
            not isinstance(levels, (list, tuple))
            or not levels
            or not all(isinstance(level, (Level, dict)) for level in levels)
        ):
            raise ValueError(
                f"Argument `levels` must be a list of keras_vae.latents.Level, top first. Received: levels={levels!r}"
            )
        self.levels: Any = None if levels is None else [as_level(level) for level in levels]
        self.merge = keras.saving.deserialize_keras_object(merge) if isinstance(merge, dict) else merge
        self.decoder_sees = decoder_sees
        # Tracked by the model, whose component it is.
        self._root = Untracked(None)
        if self.levels is not None:
            self._make_parts()

    @property
    def posterior(self) -> Any:
        """The top level's posterior; None until the model passes its own."""
        return self._root.items

    @property
    def requires_encoder(self) -> bool:  # type: ignore[override]
        return self.levels is not None and self.priors[0].requires_encoder

    @property
    def pairs(self) -> list[tuple[Part, Part]]:
        if self.levels is None:  # they follow from latent_dim; until then there is the model's posterior alone
            return [(None, self.posterior)]
        return list(zip(self.priors, [self.posterior, *self.posteriors], strict=True))

    @property
    def roots(self) -> tuple[int, ...]:
        return (0,)

    def take_posterior(self, posterior: Part) -> None:
        """Set the top level's posterior, the argument `posterior` of `VAE`.

        Args:
            posterior: the `Posterior`.
        """
        self._root.items = posterior

    def resolve_latent_shape(self, latent_dim: Any, data_shape: Any = None) -> Shape:
        sizes = (latent_dim,) if isinstance(latent_dim, numbers.Integral) else latent_dim
        if self.levels is None:
            if not isinstance(sizes, (list, tuple)) or len(sizes) < 2:
                raise ValueError(
                    "Argument `latent_dim` must hold a size for each level of 'hierarchical' latents, such as "
                    f"(40, 40). Received: latent_dim={latent_dim!r}"
                )
            self.levels = [Level(size, prior="gaussian" if index else "standard") for index, size in enumerate(sizes)]
            self._make_parts()
        shapes = tuple(level.shape for level in self.levels)
        given = None if sizes is None else tuple(positive_ints(size, "latent_dim") for size in sizes)
        if given not in (None, shapes):
            raise ValueError(
                f"Argument `latent_dim` must equal the sizes of the levels, {shapes}. Received: {given}. Leave it out, "
                "or make them equal."
            )
        return shapes

    def _make_parts(self) -> None:
        top, *lower = self.levels
        if top.posterior is not None:
            raise ValueError(
                f"Argument `levels`: the top level's posterior is the model's own. Pass VAE(posterior=...) in place of "
                f"Level(posterior={top.posterior!r})."
            )
        dtype = {"dtype": self.dtype_policy}
        self.priors = [priors.get(level.prior, **dtype) for level in self.levels]
        self.posteriors = [posteriors.get(level.posterior or "gaussian", **dtype) for level in lower]
        merging = self.levels if self.decoder_sees == "state" else self.levels[:-1]
        self.merges = [level.merge or self._default_merge() for level in merging]
        parts = [*self.priors, *self.posteriors, *self.merges]
        if len({id(part) for part in parts}) < len(parts):
            raise ValueError(
                "Argument `levels`: one component is used twice, and would be shared. Create one for each level."
            )
        for index, prior in enumerate(self.priors[1:], start=2):
            if prior.requires_encoder:
                raise ValueError(
                    f"Argument `levels`: level {index} has the prior {type(prior).__name__}, which is made of the "
                    "encoder's posteriors and can only be the prior of the top level."
                )

    def _default_merge(self) -> keras.layers.Layer:
        if self.merge is None:
            return MergeDense(dtype=self.dtype_policy)
        return type(self.merge).from_config({**self.merge.get_config(), "name": None})

    # Shapes -------------------------------------------------------------------------------------------

    def build(
        self, features_shape: Any, context_shape: Shape, latent_shape: Any, data_spec: dict[str, Any] | None = None
    ) -> None:
        if self.levels is None:
            self.resolve_latent_shape(tuple(tuple(shape) for shape in latent_shape))
        if self.posterior is None:
            raise ValueError("Hierarchical needs the top level's posterior: call take_posterior(posterior) first.")
        self.context_width = int(context_shape[-1])
        features = features_shape
        if is_several(features) and len(features) != len(self.levels):
            raise ValueError(
                f"The encoder returns {len(features)} feature tensors, and there are {len(self.levels)} levels of "
                "latents. Return one tensor for each level, top first, or a single one for all of them."
            )
        context = tuple(context_shape)
        for index, level in enumerate(self.levels):
            try:
                self._build_level(index, level, context, features, data_spec)
                if index < len(self.merges):
                    shapes = [context, (None, *level.shape)]
                    if not self.merges[index].built:
                        self.merges[index].build(shapes)
                    context = tuple(self.merges[index].compute_output_shape(shapes))
            except ValueError as error:
                raise ValueError(
                    f"Level {index + 1} of the hierarchy, with latents of shape {level.shape} and a context of shape "
                    f"{context[1:]} from above, cannot be built: {error}"
                ) from error
        self.state_shape = context[1:]
        if self.decoder_sees == "latents" and any(len(level.shape) > 1 for level in self.levels):
            raise ValueError(
                "Spatial latents cannot be concatenated: use Hierarchical(..., decoder_sees='state'). Received: "
                f"levels of shapes {self.level_shapes()}"
            )

    def _build_level(self, index: int, level: Any, context: Tensor, features: Any, data_spec: Any) -> None:
        if not self.priors[index].built:
            self.priors[index].build(context, level.shape, None if index else data_spec)
        posterior = self.posteriors[index - 1] if index else self.posterior
        if not posterior.built:
            posterior.build(features_of(features, index), context, level.shape)
        check_built(posterior, self.priors[index], level.shape)

    def root_features(self, features: Any) -> Tensor:
        return features_of(features, 0)

    def level_shapes(self) -> tuple[Shape, ...]:
        return tuple(level.shape for level in self.levels)

    def decoder_input_shape(self) -> Shape:
        if self.decoder_sees == "state":
            return self.state_shape
        return (sum(math.prod(level.shape) for level in self.levels),)

    # The pass over the levels -------------------------------------------------------------------------

    def prepare(self, encode: Encode) -> Any:
        return self.priors[0].prepare(self._root_posterior(encode)) if self.requires_encoder else None

    def _root_posterior(self, encode: Encode | None) -> Encode | None:
        """q(z_1 | x) through the encoder, for a prior that is made of posteriors."""
        if encode is None:
            return None
        return functools.partial(posterior_of, self.posterior, lambda *inputs: self.root_features(encode(*inputs)))

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
        drawn, seed = [], seed_of_levels(seed)
        # The context of each level, from the condition and the latents above: of posteriors, and of priors.
        states = [context, context if prior_context is None else prior_context]
        same = states[0] is states[1]
        for index in range(len(self.levels)):
            p = self._prior(index, states[1], encode, prepared)
            posterior = self.posteriors[index - 1] if index else self.posterior
            q = posterior.distribution(features_of(features, index), states[0], prior=p)
            # Below the top every sample has a context of its own, so samples are rows there.
            level = self.draw(
                q,
                p,
                seed=seed,
                num_samples=None if index else num_samples,
                deterministic=deterministic,
                given=None if given is None else given[index],
            )
            z = level.z
            if num_samples is not None and not index:
                z = self.rows(z, num_samples)
                features, states = keras.tree.map_structure(
                    lambda tensor: tile_rows(tensor, num_samples), (features, states)
                )
            states[0] = self._merged(index, states[0], z, training)
            states[1] = states[0] if same else self._merged(index, states[1], z, training)
            drawn.append(level._replace(state=states[0]))
        return drawn

    def _prior(self, index: int, context: Tensor, encode: Encode | None, prepared: Any) -> Part:
        if index:
            return self.priors[index].distribution(context)
        return prior_of(self.priors[0], context, self._root_posterior(encode), prepared)

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
        latents, seed = [], seed_of_levels(seed)
        for index in range(len(self.levels)):
            if given is not None and given[index] is not None:
                latents.append(given[index])
            else:
                p = self._prior(index, context, encode, prepared)
                latents.append(p.tempered(temperature).sample(seed))
            context = self._merged(index, context, latents[-1])
        return tuple(latents)

    def decoder_input(self, latents: tuple[Tensor, ...], context: Tensor) -> Tensor:
        if self.decoder_sees == "latents":
            return ops.concatenate([ops.cast(z, "float32") for z in latents], axis=-1)
        for index, z in enumerate(latents):
            context = self._merged(index, context, z)
        return context

    def decoder_input_of(
        self, levels: Sequence[LatentLevel], context: Tensor, num_samples: int | None = None
    ) -> Tensor:
        if self.decoder_sees == "state":
            return levels[-1].state
        return self.decoder_input(self.rows_of(levels, num_samples), context)

    def rows_of(self, levels: Sequence[LatentLevel], num_samples: int | None = None) -> tuple[Tensor, ...]:
        top, *lower = [level.z for level in levels]
        return (self.rows(top, num_samples), *lower)

    def _merged(self, index: int, context: Tensor, z: Tensor, training: bool = False) -> Tensor:
        return self.merges[index]([context, z], training=training) if index < len(self.merges) else context

    # The top level's prior may adapt to the data -------------------------------------------------------

    def adapt(self, x: Tensor, *context: Any) -> None:
        """Show the data to the top level's prior, where it starts from them.

        Args:
            x: `(n, *data_shape)`.
            *context: `(n, width)`, the encoded conditions, for a conditional model.
        """
        if hasattr(self.priors[0], "adapt"):
            self.priors[0].adapt(x, *context)

    @property
    def adapted(self) -> Any:
        """Whether the top level's prior has been adapted, 1 or 0; 1 if it need not be."""
        return getattr(self.priors[0], "adapted", 1.0)

    def get_config(self) -> Config:
        levels = self.levels and [
            {
                "size": level.shape,
                "prior": serialize_component(prior, "prior"),
                "posterior": serialize_component(posterior, "posterior") if posterior is not None else None,
                "merge": serialize_component(merge, "merge") if merge is not None else None,
            }
            for level, prior, posterior, merge in zip(
                self.levels,
                self.priors,
                [None, *self.posteriors],
                [*self.merges, *([None] * (len(self.levels) - len(self.merges)))],
                strict=True,
            )
        ]
        return {
            **super().get_config(),
            "levels": levels,
            "merge": self.merge and serialize_component(self.merge, "merge"),
            "decoder_sees": self.decoder_sees,
        }


def as_level(level: Any) -> Level:
    return Level.from_config(level) if isinstance(level, dict) else level


# Its name in the files of version 0.1, where it was a prior.
keras.saving.get_custom_objects()["keras_vae.priors>Hierarchical"] = Hierarchical
