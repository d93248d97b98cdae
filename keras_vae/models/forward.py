"""From a batch to the terms of the objective."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Data, Encode, ModelMixin, Seed, Tensor
from keras_vae.layers.context import concatenate_context
from keras_vae.models.streams import unpack
from keras_vae.objectives.terms import latent_terms, split_samples
from keras_vae.priors.prior import LatentLevel

__all__ = ["Forward"]


class Forward(ModelMixin):
    """The way through a VAE's parts: encoder, posterior and prior, decoder, likelihood."""

    def context(self, condition: Tensor, batch_size: Tensor, training: bool = False) -> Tensor:
        """The condition as a float vector for each example; `(batch, width)`, of width 0 without one.

        Args:
            condition: `(batch, *condition_shape)`, or None.
            batch_size: number of examples.
            training: whether dropout and the like are active.
        """
        if self.condition_shape is None:
            return ops.zeros((batch_size, 0), dtype="float32")
        if self.condition_encoder is not None:
            condition = self.condition_encoder(condition, training=training)
        return ops.reshape(ops.cast(condition, "float32"), (batch_size, self.condition_width))

    def root_posterior(self, x: Tensor, context: Tensor, training: bool = False) -> Distribution:
        """q(z | x, context) of the top level: what a VampPrior does with its pseudo-inputs.

        Args:
            x: `(batch, *data_shape)`.
            context: `(batch, width)`.
            training: whether dropout and the like are active.
        """
        features = self.prior.root_features(self.encoder(self._network_input(x), training=training))
        return self.posterior.distribution(features, context)

    def _network_input(self, x: Tensor) -> Tensor:
        x = self.likelihood.to_network(x)
        # Cast by hand: on JAX, `fit` hands `call` what the user gave.
        return ops.cast(x, self.compute_dtype) if keras.backend.is_float_dtype(x.dtype) else x

    def infer(
        self,
        inputs: Data,
        *,
        seed: Seed,
        num_samples: int = 1,
        training: bool = False,
        deterministic: bool = False,
        encode: Encode | None = None,
    ) -> tuple[list[LatentLevel], Tensor, Tensor, Tensor]:
        """Everything up to the latents.

        Args:
            inputs: a batch: x `(batch, *data_shape)`, `[x, condition]`, or a dict with `x`, `condition` and `mask`.
            seed: an int or a `SeedGenerator`.
            num_samples: number of latents drawn for each example.
            training: whether dropout and the like are active.
            deterministic: take the posterior's mean in place of a draw.
            encode: what the prior gets in place of `root_posterior`; the verbs pass remembered values.

        Returns:
            `(levels, context, network_x, mask)`, all repeated `num_samples` times for each example.
        """
        x, condition, mask = unpack(inputs)
        mask = self.likelihood.valid_mask(x) if mask is None else mask
        network_x = self._network_input(x)
        context = self.context(condition, ops.shape(network_x)[0], training)
        features = self.encoder(network_x, mask=mask, training=training)
        if num_samples > 1:
            features, context, network_x, mask = keras.tree.map_structure(
                lambda tensor: None if tensor is None else ops.repeat(tensor, num_samples, axis=0),
                (features, context, network_x, mask),
            )

        levels = self.prior.infer(
            self.posterior,
            features,
            context,
            encode=encode or functools.partial(self.root_posterior, training=training),
            seed=seed,
            deterministic=deterministic,
            training=training,
        )
        return levels, context, network_x, mask

    def decoder_input(self, latents: tuple[Tensor, ...], context: Tensor) -> Tensor:
        """The latents of all levels and the context, as the decoder sees them.

        Args:
            latents: tuple of `(batch, *latent)`, one for each level.
            context: `(batch, width)`.
        """
        return concatenate_context(self.prior.decoder_input(latents, context), context)

    def network_terms(
        self,
        inputs: Data,
        *,
        seed: Seed,
        requires: Sequence[str] = (),
        num_samples: int = 1,
        training: bool = False,
        encode: Encode | None = None,
    ) -> dict[str, Any]:
        """Dict of the likelihood's `params` and the latent terms; see `keras_vae.objectives.Objective`.

        Args:
            inputs: a batch: x `(batch, *data_shape)`, `[x, condition]`, or a dict with `x`, `condition` and `mask`.
            seed: an int or a `SeedGenerator`.
            requires: names of the terms to compute besides those that are always there.
            num_samples: number of latents drawn for each example.
            training: whether dropout and the like are active.
            encode: see `infer`.
        """
        levels, context, network_x, mask = self.infer(
            inputs, seed=seed, num_samples=num_samples, training=training, encode=encode
        )
        z = concatenate_context(self.prior.decoder_input_of(levels, context), context)
        target = network_x if self.decoder.requires_target else None
        params = self.likelihood(self.decoder(z, target=target, mask=mask, training=training))
        terms = latent_terms(levels, requires, num_samples)
        if "prior_z" in requires:
            draws = self.prior.generate(
                context, encode=functools.partial(self.root_posterior, training=training), seed=seed
            )
            terms["prior_z"] = [split_samples(draw, num_samples) for draw in draws]
        self._traced_posteriors.items = [level.posterior for level in levels]
        return {"params": params, **terms}

    def complete_terms(
        self, outputs: dict[str, Any], inputs: Data, target: Tensor | None = None, num_samples: int = 1
    ) -> dict[str, Any]:
        """Add log p(x|z) and the mask to what `network_terms` returned.

        The data's density is taken here, from the target as the user gave it: inside `call`, x may
        already have been rounded to half precision.

        Args:
            outputs: what `network_terms` returned.
            inputs: the batch that it was given.
            target: `(batch, *data_shape)`, what was to be reconstructed; x by default.
            num_samples: number of latents drawn for each example.
        """
        x, _, mask = unpack(inputs)
        target = x if target is None else target
        # The target's own padding: in a corrupted x the padding token may stand for what is to be restored.
        mask = self.likelihood.valid_mask(target) if mask is None else mask
        terms = {name: value for name, value in outputs.items() if name != "params"}
        if "posterior" in terms:
            terms["posterior"] = [
                dataclasses.replace(value, **tensors)
                for value, tensors in zip(self._traced_posteriors.items, terms["posterior"], strict=True)
            ]
        repeated, repeated_mask = target, mask
        if num_samples > 1:
            repeated = ops.repeat(target, num_samples, axis=0)
            repeated_mask = None if mask is None else ops.repeat(mask, num_samples, axis=0)
        likelihood = self.likelihood.distribution(outputs["params"], mask=repeated_mask)
        terms["log_likelihood"] = split_samples(likelihood.log_prob(repeated), num_samples)
        terms["mask"] = mask
        return terms
