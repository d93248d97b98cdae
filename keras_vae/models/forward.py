"""The forward pass through a model's components."""

import dataclasses
import functools
import inspect
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.data.batch import Batch
from keras_vae.decoders.steps import prefix_options
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Encode, Part, Seed, Tensor
from keras_vae.latents.latents import LatentLevel
from keras_vae.latents.levels import tile_rows
from keras_vae.latents.steps import check_length
from keras_vae.layers.context import concatenate_context
from keras_vae.layers.sequence import hide_padding, step_mask
from keras_vae.models.stepwise import Stepwise
from keras_vae.models.truncated import Truncated
from keras_vae.objectives.terms import Terms

__all__ = ["Forward"]

CONDITION_TO = ("encoder", "posterior", "prior", "decoder")


class Forward:
    """Encoder, latents, decoder and likelihood in order; `Terms` calls the steps that it needs.

    Args:
        encoder: the encoder.
        latents: the latent structure.
        decoder: the decoder.
        likelihood: the likelihood.
        condition_encoder: layer from a condition to a vector, or None.
        condition_width: number of features of an encoded condition, 0 without one.
        condition_to: the names in `CONDITION_TO` of the components that see the condition.
        compute_dtype: dtype in which the networks see x.
    """

    def __init__(
        self,
        encoder: Part,
        latents: Part,
        decoder: Part,
        likelihood: Part,
        condition_encoder: Part = None,
        condition_width: int = 0,
        condition_to: tuple[str, ...] = ("posterior", "prior", "decoder"),
        compute_dtype: str = "float32",
    ) -> None:
        self.encoder = encoder
        self.latents = latents
        self.decoder = decoder
        self.likelihood = likelihood
        self.condition_encoder = condition_encoder
        self.condition_width = condition_width
        self.condition_to = frozenset(condition_to) if condition_width else frozenset()
        self.compute_dtype = compute_dtype
        # A network whose `call` takes `condition` gets it by name; otherwise it is appended to the input.
        self.by_name = {
            name: condition_width > 0 and network.takes_condition
            for name, network in (("encoder", encoder), ("decoder", decoder))
        }
        self.encoder_takes_present = bool(getattr(encoder, "takes_present", False))

    # Conditions ---------------------------------------------------------------------------------------

    def context(
        self, condition: Tensor | None, batch_size: Tensor, training: bool = False, mask: Tensor | None = None
    ) -> Tensor:
        """The condition as a float vector for each example; `(batch, width)`, of width 0 without one.

        Args:
            condition: `(batch, *condition_shape)`, or None.
            batch_size: number of examples.
            training: whether layers such as dropout are active.
            mask: boolean `(batch, length)`, True at valid steps of the condition, or None.
        """
        if condition is None:
            return ops.zeros((batch_size, 0), dtype="float32")
        if mask is not None and self.condition_encoder is None:
            raise ValueError(
                "Argument `condition_mask`: the model has no `condition_encoder` to use it. Received: a mask. "
                "Build the model with one that supports masks, such as keras.layers.GRU(16), or leave the mask out."
            )
        if self.condition_encoder is not None:
            options = {} if mask is None else {"mask": ops.cast(mask, "bool")}
            condition = self.condition_encoder(condition, training=training, **options)
        return ops.reshape(ops.cast(condition, "float32"), (batch_size, self.condition_width))

    def context_of(self, batch: Batch, training: bool) -> Tensor:
        """The encoded condition of a batch, see `context`."""
        return self.context(batch.condition, batch.size, training, batch.condition_mask)

    def seen_by(self, name: str, context: Tensor) -> Tensor:
        """The context of posteriors or priors: zeros if `condition_to` withholds the condition from them."""
        return context if name in self.condition_to or not self.condition_width else ops.zeros_like(context)

    # Encoder ------------------------------------------------------------------------------------------

    def network_input(self, x: Any, present: Any = None) -> Any:
        """x as input of the networks, in their dtype, with zeros for missing elements.

        Args:
            x: `(batch, *data_shape)`, or a dict of fields.
            present: boolean, of the same shape, or None.
        """
        parts = getattr(self.likelihood, "parts", None)
        if present is None:
            seen = self.likelihood.to_network(x)
        elif isinstance(x, dict) and isinstance(parts, dict):
            seen = {name: seen_by_network(part, x[name], present[name]) for name, part in parts.items()}
        else:
            seen = seen_by_network(self.likelihood, x, present)
        return keras.tree.map_structure(self._cast, seen)

    def _cast(self, x: Tensor) -> Tensor:
        # Explicitly: on JAX, `fit` does not convert the user's dtype.
        return ops.cast(x, self.compute_dtype) if keras.backend.is_float_dtype(x.dtype) else x

    def encode(self, x: Any, context: Tensor, training: bool = False) -> Any:
        """Features of data, for priors that are made of posteriors.

        Args:
            x: `(batch, *data_shape)`.
            context: `(batch, width)`, encoded conditions.
            training: whether layers such as dropout are active.
        """
        return self._encoded(self.network_input(x), context, None, training)

    def _encoded(
        self, network_x: Any, context: Tensor, mask: Any, training: bool, present: dict[str, Tensor] | None = None
    ) -> Any:
        if "encoder" in self.condition_to and not self.by_name["encoder"]:
            network_x = concatenate_context(network_x, context)
        options: dict[str, Any] = {"condition": context} if self.by_name["encoder"] else {}
        if self.encoder_takes_present and present is not None:
            options["present"] = present
        return self.encoder(network_x, mask=mask, training=training, **options)

    def features_of(self, batch: Batch, context: Tensor, training: bool) -> Any:
        """The encoder's features for a batch."""
        network_x = self.network_input(batch.x, batch.input_present)
        return self._encoded(network_x, context, batch.network_mask(), training, batch.rows_present)

    # Latents ------------------------------------------------------------------------------------------

    def levels_of(self, terms: Terms) -> list[LatentLevel]:
        """Posterior, prior and draw of every level of latents."""
        return self.latents.infer(
            terms.features,
            self.seen_by("posterior", terms.context),
            **self._data_of(terms.batch),
            encode=self._encode_of(terms),
            prepared=terms.prepared,
            seed=terms.seed,
            num_samples=terms.sample_axis,
            deterministic=terms.deterministic,
            training=terms.training,
            mask=steps_of(terms.batch.input_mask),
            prior_context=self.seen_by("prior", terms.context),
        )

    def _data_of(self, batch: Batch, axis: int | None = None) -> dict[str, Tensor]:
        """x as latents that `sees_data` take it: as the networks see it, zeros at padded steps."""
        if not self.latents.sees_data:
            return {}
        # x, not the target, as for autoregressive decoders.
        data = hide_padding(self.network_input(batch.x, batch.input_present), step_mask(batch.network_mask()))
        return {"data": self.tiled(data, axis)}

    def _encode_of(self, terms: Terms) -> Encode:
        return terms.encode or functools.partial(self.encode, training=terms.training)

    def prior_sample(self, terms: Terms, seed: Seed) -> tuple[Tensor, ...]:
        """Draws from the prior, as many as the terms have rows."""
        context = self.tiled(self.seen_by("prior", terms.context), terms.sample_axis)
        target = keras.tree.flatten(terms.target)[0]
        length = ops.shape(target)[1] if len(target.shape) > 1 else None
        return self.latents.generate(
            context,
            **self._data_of(terms.batch, terms.sample_axis),
            encode=self._encode_of(terms),
            prepared=terms.prepared,
            seed=seed,
            length=length,
        )

    # Decoder ------------------------------------------------------------------------------------------

    def decoder_input(
        self, latents: tuple[Tensor, ...], context: Tensor, batch: Batch | None = None, axis: int | None = None
    ) -> Tensor:
        """Input of the decoder: the latents of all levels, and the condition.

        Args:
            latents: tuple of `(batch, *latent)`, one for each level.
            context: `(batch, width)`.
            batch: the batch that the latents belong to, for latents that `sees_data`.
            axis: number of samples for each of its rows, or None.
        """
        data = {} if batch is None else self._data_of(batch, axis)
        z = self.latents.decoder_input(latents, self.seen_by("posterior", context), **data)
        return self._with_condition(z, context)

    def _with_condition(self, z: Tensor, context: Tensor) -> Tensor:
        if "decoder" in self.condition_to and not self.by_name["decoder"]:
            return concatenate_context(z, context)
        return z

    def likelihood_of(self, terms: Terms) -> Distribution:
        """p(x | z) of the terms' own draws."""
        context = self.tiled(terms.context, terms.sample_axis)
        z = self.latents.decoder_input_of(terms.levels, self.seen_by("posterior", context), terms.sample_axis)
        return self._decoded(terms, self._with_condition(z, context), context, terms.sample_axis)

    def decode(self, terms: Terms, latents: tuple[Tensor, ...]) -> Distribution:
        """p(x | z) of other latents; see `Terms.decode`."""
        rows, size = latents[0].shape[0], terms.batch.size
        repeats = rows // size if isinstance(rows, int) and isinstance(size, int) else terms.num_samples
        axis = None if repeats == 1 else repeats
        context = self.tiled(terms.context, axis)
        return self._decoded(terms, self.decoder_input(latents, context, terms.batch, axis), context, axis)

    def _decoded(self, terms: Terms, z: Tensor, context: Tensor, axis: int | None) -> Distribution:
        batch = terms.batch
        target = None
        if self.decoder.requires_target:
            # x, not the target: the loss must belong to the steps that the decoder has seen.
            target = self.tiled(self.network_input(batch.x, batch.input_present), axis)
        options = {"condition": context} if self.by_name["decoder"] else {}
        mask = self.tiled(batch.network_mask(), axis)
        params = self.likelihood(self.decoder(z, target=target, mask=mask, training=terms.training, **options))
        if batch.exposure is not None:
            params = self.likelihood.exposed(params, self.tiled(batch.exposure, axis))
        return self.likelihood.distribution(params, mask=self.tiled(batch.likelihood_mask(), axis))

    def decode_latents(
        self,
        latents: tuple[Tensor, ...],
        context: Tensor,
        *,
        latent_seed: Seed = None,
        latent_temperature: Any = 1.0,
        kept: Tensor | None = None,
        length: Any = None,
        **options: Any,
    ) -> Any:
        """Decoded data of given latents, `(batch, *data_shape)`; latents that `sees_data` may be drawn on the way.

        Args:
            latents: tuple of `(batch, *latent)`, one for each level; of latents that `sees_data` empty to draw all.
            context: `(batch, width)`.
            latent_seed: an int or a `SeedGenerator`, for latents that are drawn on the way.
            latent_temperature: scales their spread.
            kept: boolean `(batch, time)`, the steps at which given latents hold, and no others are drawn; None for all.
            length: number of steps, as in `decode_data`.
            **options: as for `decode_data`.
        """
        if latents:
            check_length(self.latents, latents[0].shape[1], length)
        if not self.latents.sees_data:
            return self.decode_data(self.decoder_input(latents, context), context, length=length, **options)
        by_name = self.by_name["decoder"]
        decoder = Stepwise(
            self.latents,
            self.decoder,
            self.seen_by("prior", context),
            appended=context if "decoder" in self.condition_to and not by_name else None,
            condition=context if by_name else None,
            seed=latent_seed,
            temperature=latent_temperature,
            given=latents[0] if latents else None,
            kept=kept,
        )
        if length is None and latents:
            length = latents[0].shape[1] or ops.shape(latents[0])[1]
        z = latents[0] if latents else context  # for its number of rows
        return self.decode_data(z, context, decoder=decoder, length=length, **options)

    def decode_data(
        self,
        z: Tensor,
        context: Tensor,
        *,
        exposure: Tensor | None,
        seed: Seed,
        mode: Any,
        temperature: Any,
        length: Any,
        decoder: Part = None,
        prefix: Any = None,
        prefix_mask: Any = None,
        top_k: int | None = None,
        top_p: float | None = None,
        fields: Sequence[str] | None = None,
    ) -> Any:
        """Decoded data, `(batch, *data_shape)`.

        Args:
            z: output of `decoder_input`.
            context: `(batch, width)`.
            exposure: `(batch,)`, or None.
            seed: an int or a `SeedGenerator`, for draws.
            mode: `"mean"`, `"mode"`, `"sample"`, or None for the likelihood's default; `"parameters"` for the
                parameters of p(x | z), the output of the likelihood.
            temperature: scales the spread of a draw.
            length: number of steps, if the data's shape does not fix it; by default that of latents with a time axis.
            decoder: a decoder in the place of the model's, which has the condition already; or None.
            prefix: `(batch, time, ...)`, the first steps of the data, or None; for fields a dict with some of them.
            prefix_mask: boolean `(batch, time)`, or with more axes, True where the prefix counts; likewise.
            top_k: for draws of categories, see `keras_vae.distributions.Categorical.truncated`.
            top_p: likewise.
            fields: names of the fields that are asked for; by default all. A decoder that has no such argument decodes
                all of them.
        """
        likelihood = self.likelihood if exposure is None else Exposed(self.likelihood, exposure)
        if top_k is not None or top_p is not None:
            likelihood = Truncated(likelihood, top_k, top_p)
        if length is None and decoder is None and self.latents.has_time_axis:
            length = z.shape[1] or ops.shape(z)[1]
        if mode == "parameters":
            likelihood, mode = Undrawn(likelihood), None
        options: dict[str, Any] = {"condition": context} if self.by_name["decoder"] and decoder is None else {}
        decoder = self.decoder if decoder is None else decoder
        options.update(prefix_options(decoder, prefix, prefix_mask))
        if fields is not None and "fields" in inspect.signature(decoder.decode).parameters:
            options["fields"] = fields
        return decoder.decode(z, likelihood, seed=seed, mode=mode, temperature=temperature, length=length, **options)

    @staticmethod
    def tiled(structure: Any, num_samples: int | None) -> Any:
        """Rows `(batch, ...)` repeated for every sample, samples first; unchanged without an axis of samples."""
        if num_samples is None:
            return structure
        return keras.tree.map_structure(
            lambda tensor: None if tensor is None else tile_rows(tensor, num_samples), structure
        )

    def given(self, terms: Terms, condition: Tensor) -> Terms:
        """Terms of the same batch under another condition; see `Terms.given`."""
        other = terms.over(dataclasses.replace(terms.batch, condition=condition, labelled=None))
        return other if self._encoder_sees_condition() else other.replace(features=terms.features)

    def given_each(self, terms: Terms, conditions: Tensor) -> Terms:
        """Terms of the same batch under each of several conditions; see `Terms.given_each`."""
        count = conditions.shape[0]
        batch = dataclasses.replace(
            terms.batch.repeated(count, tile_rows),
            condition=ops.repeat(conditions, terms.batch.size, axis=0),
            labelled=None,
        )
        other = terms.over(batch)
        if self._encoder_sees_condition():
            return other
        shared = {"features": self.tiled(terms.features, count)}
        if not self.condition_to & {"posterior", "decoder"}:
            # Only the prior differs, so log p(x | z) is that of the batch, computed once.
            shared["log_likelihood"] = self.tiled(terms.log_likelihood, count)
            shared["log_density"] = self.tiled(terms.log_density, count)
        return other.replace(**shared)

    def _encoder_sees_condition(self) -> bool:
        return "encoder" in self.condition_to or self.by_name["encoder"]


class Exposed:
    """A likelihood with fixed size factors, for decoders, which pass parameters only."""

    def __init__(self, likelihood: Part, exposure: Tensor) -> None:
        self.likelihood = likelihood
        self.exposure = exposure

    def __call__(self, features: Any) -> Any:
        return self.likelihood.exposed(self.likelihood(features), self.exposure)

    @property
    def parts(self) -> Any:
        """The parts of a joint likelihood, those with an exposure wrapped too: each field's decoder gets its own."""
        return {
            name: Exposed(part, self.exposure) if part.exposure else part
            for name, part in self.likelihood.parts.items()
        }

    def __getattr__(self, name: str) -> Any:
        return getattr(self.likelihood, name)


class Undrawn:
    """A likelihood whose typical value is its parameters, so that decoders return them, whatever their way there."""

    def __init__(self, likelihood: Part) -> None:
        self.likelihood = likelihood

    def __call__(self, features: Any) -> Any:
        return self.likelihood(features)

    @property
    def parts(self) -> Any:
        """The parts of a joint likelihood, likewise."""
        return {name: Undrawn(part) for name, part in self.likelihood.parts.items()}

    def distribution(self, params: Any) -> Any:
        return params

    def typical(self, params: Any) -> Any:
        return params

    def has_ended(self, params: Any) -> None:
        del params  # no step is cut off

    def __getattr__(self, name: str) -> Any:
        return getattr(self.likelihood, name)


def seen_by_network(likelihood: Part, x: Tensor, present: Tensor | None) -> Tensor:
    """One field as input of a network, zero where an element is missing; one-hot rows have an additional axis."""
    if present is None:
        return likelihood.to_network(x)
    if "present" in inspect.signature(likelihood.to_network).parameters:
        return likelihood.to_network(x, present=present)
    seen = likelihood.to_network(x)
    present = ops.cast(present, seen.dtype)
    return seen * (present if len(present.shape) == len(seen.shape) else present[..., None])


def steps_of(mask: Any) -> Tensor | None:
    """The mask of the steps, for data of one field."""
    return None if isinstance(mask, dict) else mask
