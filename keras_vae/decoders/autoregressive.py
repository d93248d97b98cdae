"""Decoders that see what they have decoded so far."""

import math
from typing import Any

from keras import ops

from keras_vae.backend import StepSeed
from keras_vae.decoders.decoder import Decoder, draw
from keras_vae.decoders.steps import over_all_steps
from keras_vae.hints import Part, Seed, Shape, Tensor

__all__ = ["Autoregressive"]


class Autoregressive(Decoder):
    """p(x | z) = prod_t p(x_t | x_<t, z): base class of decoders that go step by step.

    To write one, write `call` so that the features at step t depend on `z` and on `target` before t only.
    Training is then one pass over the true `target` (teacher forcing), and `decode` runs one compiled loop
    that feeds every step's result back. The loop calls `call` on the whole prefix at every step, unless
    the subclass sets `carries_state` and overrides `start` and `next_features`.

    Attributes:
        carries_state: whether `next_features` needs the step before only, and a state.
        step_axes: number of leading axes of the data that are gone through, in raster order: 1 for
            sequences, 2 for images.
        max_length: number of steps where neither the data's shape nor the caller says how many.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> from keras import ops
    >>> class RunningMean(kv.decoders.Autoregressive):
    ...     def call(self, z, target=None, mask=None, training=None):
    ...         before = kv.layers.shift_right(ops.convert_to_tensor(target))
    ...         return ops.cumsum(before, axis=1) / ops.reshape(ops.arange(1.0, 10.0), (1, 9, 1))
    ...
    ...     def compute_output_shape(self, z_shape, target_shape=None):
    ...         return (z_shape[0], 9, 1)
    >>> decoder = RunningMean()
    >>> decoder.build((None, 2), (None, 9, 1))
    >>> [round(float(value), 2) for value in decoder(np.zeros((1, 2)), target=np.ones((1, 9, 1), "float32"))[0, :4, 0]]
    [0.0, 0.5, 0.67, 0.75]
    """

    requires_target = True
    carries_state = False
    step_axes = 1
    max_length: int | None = None

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        if target_shape is None:
            raise ValueError(
                f"The decoder {type(self).__name__} must know the data's shape: call build(z_shape, "
                "target_shape) first, as keras_vae.VAE does."
            )
        self.target_shape = tuple(target_shape)[1:]

    def start(self, z: Tensor, length: int) -> Any:
        """State before the first step, a tensor or a structure of them; none by default.

        Args:
            z: as for `call`, `(batch, *latent_shape)`.
            length: number of steps of the loop.
        """
        del z, length
        return ()

    def next_features(self, z: Tensor, target: Tensor, step: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Features of one step, `(batch, 1, ..., units)` with as many axes as `call` gives, and the next state.

        Args:
            z: as for `call`.
            target: `(batch, *target_shape)`, right in all steps before this one; with `carries_state` the one
                step before, `(batch, 1, ...)` with as many axes as the data, zeros before the first.
            step: number of the step, an int32 tensor.
            state: what `start` or the step before returned.
        """
        return self.at_step(self.call(z, target=target, training=False), step), state

    def at_step(self, features: Tensor, step: Tensor) -> Tensor:
        """Of the features of all steps those of one, `(batch, 1, ..., units)`.

        Args:
            features: `(batch, *steps, units)`, as `call` gives them.
            step: number of the step, an int32 tensor.
        """
        axes = self.step_axes
        flat = ops.reshape(features, (ops.shape(features)[0], -1, *features.shape[1 + axes :]))
        taken = ops.take(flat, ops.reshape(step, (1,)), axis=1)
        return ops.reshape(taken, (-1, *([1] * axes), *features.shape[1 + axes :]))

    def decode(
        self,
        z: Tensor,
        likelihood: Part,
        *,
        seed: Seed = None,
        mode: str | None = "mean",
        temperature: float = 1.0,
        length: int | None = None,
        condition: Tensor | None = None,
        prefix: Tensor | None = None,
        prefix_mask: Tensor | None = None,
    ) -> Tensor:
        """Data for latents `z`, every step from those before it; see `Decoder.decode`.

        In mode `"mean"` and `"mode"` every step takes the mean or the mode given the steps before it, which
        is not the mean or mode of the whole; in mode None what the likelihood takes for typical of the step.
        Where the likelihood knows an end, what lies behind it is `likelihood.padding`, and the loop stops when every
        sequence has ended. Under a `condition`, which `call` takes, every step is that of `call` on the whole prefix.

        Where `prefix` counts, the loop takes its value in place of its own, so the steps behind it follow from exactly
        what is given (teacher forcing).
        """
        carries_state = self.carries_state and condition is None
        options: dict[str, Any] = {"condition": condition}
        sizes = self.step_sizes(likelihood, length)
        steps = math.prod(sizes) if all(isinstance(size, int) for size in sizes) else ops.prod(ops.stack(sizes))
        event = likelihood.data_shape[self.step_axes :]
        batch = ops.shape(z)[0]
        dtype = "int32" if likelihood.support.categorical else "float32"
        key = StepSeed.key(seed) if mode == "sample" else None

        def shaped(flat: Tensor) -> Tensor:
            return ops.reshape(flat, (batch, *sizes, *event))

        given = None
        empty = ops.full((batch, steps, *event), likelihood.padding, dtype=dtype)
        if prefix is not None:
            prefix, given = over_all_steps(prefix, prefix_mask, sizes[0], dtype)
            prefix, given = (ops.reshape(tensor, (batch, steps, *event)) for tensor in (prefix, given))
            # All at once: the loop stops where every sequence has ended, and given steps count behind an end too.
            empty = ops.where(given, prefix, empty)

        def follow(step: Tensor, flat: Tensor, ended: Tensor, state: Any) -> tuple[Tensor, ...]:
            if carries_state:
                before = ops.take(flat, ops.reshape(ops.maximum(step - 1, 0), (1,)), axis=1)
                before = ops.reshape(before, (batch, *([1] * self.step_axes), *event))
                target = likelihood.to_network(before)
                target = ops.where(step > 0, target, ops.zeros_like(target))
            else:
                target = likelihood.to_network(shaped(flat))
            target = ops.cast(target, self.compute_dtype)
            if condition is None:
                features, state = self.next_features(z, target, step, state)
            else:
                features = self.at_step(self.call(z, target=target, training=False, **options), step)
            noise = None if key is None else StepSeed(key, step)
            distribution = likelihood.distribution(likelihood(features))
            value = draw(distribution, mode, noise, temperature, likelihood=likelihood)
            value = ops.cast(ops.reshape(value, (batch, 1, *event)), dtype)
            over = ops.reshape(ended, (batch, *([1] * (1 + len(event)))))
            value = ops.where(over, ops.cast(likelihood.padding, dtype), value)
            here = ops.reshape(ops.equal(ops.arange(steps), step), (1, -1, *([1] * len(event))))
            if given is None:
                flat = ops.where(here, value, flat)
            else:
                flat = ops.where(ops.logical_and(here, ops.logical_not(given)), value, flat)
                value = ops.take(flat, ops.reshape(step, (1,)), axis=1)
            ends = likelihood.has_ended(value)
            if ends is not None:
                ended = ops.logical_or(ended, ops.any(ops.reshape(ends, (batch, -1)), axis=1))
            return step + 1, flat, ended, state

        def go_on(step: Tensor, flat: Tensor, ended: Tensor, state: Any) -> Tensor:
            return ops.logical_not(ops.all(ended))

        start = self.start(z, steps) if condition is None else ()
        _, flat, *_ = ops.while_loop(
            go_on,
            follow,
            (ops.zeros((), dtype="int32"), empty, ops.zeros((batch,), dtype="bool"), start),
            maximum_iterations=steps,
        )
        return shaped(flat)

    def step_sizes(self, likelihood: Part, length: int | None) -> tuple[Tensor, ...]:
        """Length of every axis of the steps, from the data's shape or from `length`.

        Args:
            likelihood: the model's likelihood, which knows the data's shape, such as `(None, 88)`.
            length: number of steps where that shape does not say it.

        Raises:
            ValueError: neither says it.
        """
        sizes = likelihood.data_shape[: self.step_axes]
        if None not in sizes:
            return sizes
        length = self.max_length if length is None else length
        if length is None:
            raise ValueError(
                f"Argument `length`: the data's shape {likelihood.data_shape} does not say how many steps to decode, "
                f"so pass length=..., or set max_length of the decoder {type(self).__name__}. Received: length=None"
            )
        return tuple(length if size is None else size for size in sizes)
