"""Latents and data of a step drawn in turn, for latents that depend on earlier data."""

from typing import Any

from keras import ops

from keras_vae.backend import StepSeed
from keras_vae.decoders.autoregressive import Autoregressive
from keras_vae.decoders.one_step import OneStep
from keras_vae.hints import Part, Seed, Shape, Tensor
from keras_vae.layers.context import concatenate_context

__all__ = ["Stepwise"]


class Stepwise(Autoregressive):
    """z_t from p(z_t | z_<t, x_<t), then the decoder's features of step t: what runs in place of the decoder alone.

    It is itself an autoregressive decoder, made for one call, so the loop, its prefixes, ends and draws of x_t are
    those of `Autoregressive.decode`. Its state is that of the latents and that of the decoder.

    Args:
        latents: a structure that `sees_data`.
        decoder: the decoder.
        context: `(batch, width)`, the encoded condition as the priors see it.
        appended: the condition to append to what the decoder sees, or None.
        condition: the condition that the decoder takes by name, or None.
        seed: an int or a `SeedGenerator`, for the latents.
        temperature: scales the spread of the latents.
        given: latents in the place of draws, `(batch, time, latent_dim)`, or None.
        kept: boolean `(batch, time)`, where `given` holds; None for everywhere.
    """

    def __init__(
        self,
        latents: Part,
        decoder: Part,
        context: Tensor,
        *,
        appended: Tensor | None = None,
        condition: Tensor | None = None,
        seed: Seed = None,
        temperature: Any = 1.0,
        given: Tensor | None = None,
        kept: Tensor | None = None,
    ) -> None:
        super().__init__(dtype=decoder.dtype_policy)
        self.max_length = getattr(decoder, "max_length", None)
        self.steps = OneStep(decoder, condition)
        self.carries_state = self.steps.carries_state
        self.draw = latents, context, appended, temperature, given, kept
        self.key = StepSeed.key(seed) if given is None or kept is not None else None
        self.built = True

    def start(self, z: Tensor, length: Any) -> Any:
        latents, context, *_ = self.draw
        state = latents.start(context)
        # The decoder's state may begin with the first latents, which the first step draws again, with the same noise.
        before = ops.zeros((ops.shape(context)[0], latents.data_width), dtype=self.compute_dtype)
        _, seen = self._next_latents(state, before, ops.zeros((), dtype="int32"))
        return state, self.steps.start(seen, length)

    def next_features(self, z: Tensor, target: Tensor, step: Tensor, state: Any) -> tuple[Tensor, Any]:
        before, inner = state
        told = target
        if not self.carries_state:
            told = ops.take(target, ops.reshape(ops.maximum(step - 1, 0), (1,)), axis=1)
            told = ops.where(step > 0, told, ops.zeros_like(told))
        after, seen = self._next_latents(before, told[:, 0], step)
        features, inner = self.steps.next(seen, target, step, inner)
        return features, (after, inner)

    def _next_latents(self, state: Any, before: Tensor, step: Tensor) -> tuple[Any, Tensor]:
        latents, context, appended, temperature, given, kept = self.draw
        z, memory = state
        memory = latents.advance(z, memory, before)
        drawn = None
        if self.key is not None:
            p = latents.prior_at(latents.told(z, memory), context)
            drawn = p.tempered(temperature).sample(StepSeed(self.key, step))
        if given is None:
            z = drawn
        else:
            z = ops.cast(ops.take(given, ops.reshape(step, (1,)), axis=1)[:, 0], "float32")
            if drawn is not None:
                z = ops.where(ops.take(ops.cast(kept, "bool"), ops.reshape(step, (1,)), axis=1), z, drawn)
        seen = latents.seen(z, memory)[:, None]
        return (z, memory), seen if appended is None else concatenate_context(seen, appended)

    def step_sizes(self, likelihood: Part, length: Any) -> tuple[Tensor, ...]:
        decoder = self.steps.decoder
        own = decoder.step_sizes if isinstance(decoder, Autoregressive) else super().step_sizes
        return own(likelihood, length)

    def compute_output_shape(self, z_shape: Shape, target_shape: Shape | None = None) -> Shape:
        raise NotImplementedError("Stepwise is made for one call of `decode`.")
