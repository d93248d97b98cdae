"""log p(x) of sequences by a particle filter."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.backend import StepSeed
from keras_vae.decoders.one_step import OneStep, check_causal
from keras_vae.hints import Part, Seed, Tensor
from keras_vae.layers.context import concatenate_context
from keras_vae.layers.sequence import hide_padding, shift_right, step_mask

__all__ = ["check_steps", "filter_batch", "systematic_ancestors"]


def check_steps(model: Part) -> None:
    """Refuse models without a latent for every step.

    Raises:
        ValueError: such a model, or a decoder that reads later latents.
    """
    if not model.latents.goes_step_by_step:
        raise ValueError(
            "Argument `method`: a particle filter needs a latent for every time step. Expected: latents such as "
            f"keras_vae.latents.Markov or Recurrent. Received: method='particle_filter', and the latents "
            f"{type(model.latents).__name__}. Use method='importance_sampling'."
        )
    forward = model.forward_pass
    width = model.latents.decoder_input_shape()[-1]
    if "decoder" in forward.condition_to and not forward.by_name["decoder"]:
        width += forward.condition_width
    seen = model.likelihood.to_network(keras.KerasTensor((None, *model.data_shape)))
    check_causal(model.decoder, width, seen.shape, "a particle filter goes from step to step")


def filter_batch(model: Part, inputs: Any, seed: Seed, count: int, prepared: Any = None) -> Tensor:
    """log of an unbiased estimate of p(x) of every example, `(batch,)`, by `count` particles.

    At every step each particle draws z_t from q(z_t | z_(t-1), x) and is weighted by p(x_t | z_t) p(z_t | z_(t-1)) /
    q(z_t | z_(t-1), x), in all its terms given the data before. Where the effective number of particles of an example
    falls below half of them, they are resampled (Doucet, Godsill and Andrieu, 2000).

    Args:
        model: the `VAE`.
        inputs: a batch of tensors.
        seed: an int or a `SeedGenerator`.
        count: number of particles.
        prepared: what `latents.prepare` returned for the whole call, or None.
    """
    forward, latents, likelihood = model.forward_pass, model.latents, model.likelihood
    terms = model.terms(inputs, seed=seed, num_samples=count, prepared=prepared)
    batch, size = terms.batch, terms.batch.size

    def tiled(tensor: Any) -> Any:
        return forward.tiled(tensor, count)

    context = tiled(terms.context)
    prior_context, posterior_context = forward.seen_by("prior", context), forward.seen_by("posterior", context)
    by_name, appended = forward.by_name["decoder"], "decoder" in forward.condition_to
    valid = step_mask(batch.input_mask)
    features = hide_padding(terms.features, valid)
    data = hide_padding(forward.network_input(batch.x, batch.input_present), step_mask(batch.network_mask()))
    before = shift_right(data)
    mask, target, exposure = batch.likelihood_mask(), batch.target, tiled(batch.exposure)
    length = data.shape[1] or ops.shape(data)[1]
    decoder = OneStep(model.decoder, context if by_name else None)
    key = StepSeed.key(seed)

    def at(tensor: Tensor, step: Tensor) -> Tensor:
        """The rows of all particles at one step, `(count * batch, 1, ...)`."""
        return tiled(ops.take(tensor, ops.reshape(step, (1,)), axis=1))

    def draw(z: Tensor, memory: Any, step: Tensor, noise: StepSeed) -> tuple[Tensor, Any, Tensor, Tensor]:
        memory = latents.advance(z, memory, at(before, step)[:, 0])
        told = latents.told(z, memory)
        p = latents.prior_at(told, prior_context)
        q = latents.posterior_at(at(features, step)[:, 0], told, posterior_context, p)
        z = q.sample(noise)
        seen = latents.seen(z, memory)[:, None]
        if appended and not by_name:
            seen = concatenate_context(seen, context)
        return z, memory, seen, p.log_prob(z) - q.log_prob(z)

    def follow(step: Tensor, total: Tensor, log_weights: Tensor, state: Any) -> tuple[Tensor, ...]:
        noise = StepSeed(key, step)
        z, memory, inner = state
        z, memory, seen, log_ratio = draw(z, memory, step, noise)
        told = at(before, step) if decoder.carries_state else tiled(data)
        found, inner = decoder.next(seen, ops.cast(told, model.decoder.compute_dtype), step, inner)
        params = likelihood(found)
        if exposure is not None:
            params = likelihood.exposed(params, exposure)
        p = likelihood.distribution(params, mask=None if mask is None else at(mask, step))
        log_increment = ops.reshape(p.log_prob(at(target, step)) + log_ratio, (count, size))
        if valid is not None:
            counts = ops.transpose(ops.take(valid, ops.reshape(step, (1,)), axis=1))
            log_increment = ops.where(counts, log_increment, ops.zeros_like(log_increment))
        log_weights = log_weights + log_increment
        step_total = ops.logsumexp(log_weights, axis=0)
        # Where no particle explains the data, -inf - -inf is NaN.
        log_weights = log_weights - ops.where(ops.isfinite(step_total), step_total, ops.zeros_like(step_total))
        few = ops.logsumexp(2.0 * log_weights, axis=0) > -math.log(count / 2.0)
        places = ops.reshape(ops.arange(count, dtype="int32"), (-1, 1))
        ancestors = systematic_ancestors(log_weights, noise)
        ancestors = ops.where(few, ancestors, ops.broadcast_to(places, ops.shape(ancestors)))
        rows = ops.reshape(ancestors * size + ops.arange(size, dtype="int32"), (-1,))
        state = keras.tree.map_structure(lambda leaf: ops.take(leaf, rows, axis=0), (z, memory, inner))
        log_weights = ops.where(few, ops.full_like(log_weights, -math.log(count)), log_weights)
        return step + 1, total + step_total, log_weights, state

    z, memory = latents.start(context)
    first = ops.zeros((), dtype="int32")
    _, _, seen, _ = draw(z, memory, first, StepSeed(key, first))  # as the first step draws it again
    state = z, memory, decoder.start(seen, length)
    _, total, *_ = ops.while_loop(
        lambda step, *_: step < length,
        follow,
        (first, ops.zeros((size,), dtype="float32"), ops.full((count, size), -math.log(count), "float32"), state),
        maximum_iterations=length,
    )
    return total


def systematic_ancestors(log_weights: Tensor, seed: Seed) -> Tensor:
    """For each new particle the number of the one that it continues, `(count, batch)`, int32, in rising order.

    Systematic resampling (Carpenter, Clifford and Fearnhead, 1999): particle k is continued about `count * w_k` times,
    never more than one time more or less.

    Args:
        log_weights: `(count, batch)`, logarithms of weights that sum to 1 over the particles.
        seed: an int or a `SeedGenerator`.

    Example:

    >>> import numpy as np
    >>> from keras_vae.inference.particle_filter import systematic_ancestors
    >>> log_weights = np.log(np.array([[0.5], [0.25], [0.25]], "float32"))
    >>> counts = np.bincount(np.array(systematic_ancestors(log_weights, seed=0))[:, 0], minlength=3)
    >>> int(counts.sum()), 1 <= int(counts[0]) <= 2
    (3, True)
    """
    log_weights = ops.convert_to_tensor(log_weights)
    count, size = log_weights.shape[0], ops.shape(log_weights)[1]
    offset = keras.random.uniform((size,), dtype="float32", seed=seed)
    # New particle i continues the first k with i + offset < count * (w_0 + ... + w_k): so k is the number of particles
    # all of whose offspring comes before i.
    ends = ops.ceil(count * ops.cumsum(ops.exp(log_weights), axis=0) - offset)
    ends = ops.clip(ops.cast(ends, "int32"), 0, count)
    # The last one ends the row, whatever its rounding.
    ends = ops.concatenate([ends[:-1], ops.full_like(ends[-1:], count)], axis=0)
    places = ops.reshape(ends * size + ops.arange(size, dtype="int32"), (-1,))
    ended = ops.segment_sum(ops.ones_like(places), places, num_segments=(count + 1) * size)
    return ops.cumsum(ops.reshape(ended, (count + 1, size)), axis=0)[:count]
