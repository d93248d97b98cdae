"""A latent for every time step."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.backend import StepSeed, scan_steps
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Component, Config, Encode, Part, Seed, Shape, Tensor
from keras_vae.latents.hierarchical import tile_rows
from keras_vae.latents.latents import LatentLevel, Latents
from keras_vae.latents.levels import check_latent_shape
from keras_vae.latents.steps import (
    as_rows,
    check_context,
    check_features,
    check_part,
    in_time,
    steps_of_data,
    to_length,
)
from keras_vae.layers.context import concatenate_context
from keras_vae.layers.dense_stack import DenseStack
from keras_vae.layers.sequence import hide_padding, shift_right, step_mask
from keras_vae.registry import latents, posteriors, priors
from keras_vae.serialization import serialize_component

__all__ = ["Markov"]


@latents.register("markov", package="keras_vae")
class Markov(Latents):
    """prod_t p(z_t | z_(t-1)) and prod_t q(z_t | z_(t-1), x): a chain of latents, one for each time step.

    The deep Markov model of Krishnan, Shalit and Sontag (2017). A `transition` maps z_(t-1), with the condition
    appended, to h_t; prior and posterior of a step are p(z_t | h_t) and q(z_t | features_t, h_t), and z_0 is a trained
    vector. The encoder returns features of every step; if it reads the data backwards, or in both directions, q has the
    form of the true posterior. Latents are `(batch, time, latent_dim)`, and step t of the decoder sees z_t. The prior
    does not depend on x, so `generate` draws all latents first, and decodes them together.

    Args:
        latent_dim: number of latent dimensions of a step; by default the model's, and 16.
        transition: Keras layer from `(rows, latent_dim + width of the condition)` to `(rows, units)`; one dense layer
            of 64 tanh units by default. It always runs in inference mode: dropout in it has no effect.
        prior: p(z_t | h_t): a name, a class or an instance.
        posterior: q(z_t | features_t, h_t), likewise.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: an encoder without features of every step; priors or posteriors with dependent dimensions, with
            latents that are not real, or that need the encoder.
        TypeError: a transition that is not a Keras layer.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE((None, 6), latents=kv.latents.Markov(2), encoder=kv.encoders.GRU((8,), return_sequences=True))
    >>> vae.encode(np.zeros((3, 9, 6))).shape, vae.generate(3, length=7).shape
    ((3, 9, 2), (3, 7, 6))
    """

    has_time_axis = True
    goes_step_by_step = True
    _remembers_latents = True

    def __init__(
        self,
        latent_dim: int | None = None,
        transition: Any = None,
        prior: Component = "gaussian",
        posterior: Component = "gaussian",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        transition = keras.saving.deserialize_keras_object(transition) if isinstance(transition, dict) else transition
        if transition is not None and not isinstance(transition, keras.layers.Layer):
            raise TypeError(
                "Argument `transition` must be a Keras layer, such as keras.layers.Dense(64, activation='tanh'). "
                f"Received: transition={transition!r}"
            )
        # Its output is bounded, so that the means of a chain cannot diverge, however long it is.
        self.transition = transition or DenseStack((64,), "tanh", dtype=self.dtype_policy, name="transition")
        # Not named `posterior`, which is that of the model's argument.
        self.step_prior = priors.get(prior, dtype=self.dtype_policy)
        self.step_posterior = posteriors.get(posterior, dtype=self.dtype_policy)

    @property
    def pairs(self) -> list[tuple[Part, Part]]:
        return [(self.step_prior, self.step_posterior)]

    def resolve_latent_shape(self, latent_dim: Any, data_shape: Any = None) -> Shape:
        if self.latent_dim is not None and latent_dim not in (None, self.latent_dim):
            raise ValueError(
                f"Argument `latent_dim` must equal that of the latents, {self.latent_dim!r}. Received: "
                f"latent_dim={latent_dim!r}. Leave one of the two out."
            )
        width = self.step_prior.resolve_latent_shape(latent_dim if self.latent_dim is None else self.latent_dim)
        return (steps_of_data(data_shape), *width)

    def build(
        self, features_shape: Any, context_shape: Shape, latent_shape: Any, data_spec: dict[str, Any] | None = None
    ) -> None:
        features_shape = check_features(features_shape, latent_shape[0])
        check_part("prior", self.step_prior)
        check_part("posterior", self.step_posterior)
        self.latent_shape, width = tuple(latent_shape), tuple(latent_shape[1:])
        # autocast=False: half precision must not reach a density.
        self.first = self.add_weight(
            name="first",
            shape=width,
            initializer="zeros",
            dtype="float32",
            autocast=False,
            trainable=self._remembers_latents,
        )
        step_shape = self._build_transition(width[0], context_shape)
        if not self.step_prior.built:
            self.step_prior.build(step_shape, width)
        check_latent_shape("prior", self.step_prior, width)
        if not self.step_posterior.built:
            self.step_posterior.build(features_shape, step_shape, width)
        check_latent_shape("posterior", self.step_posterior, width)

    def _build_transition(self, width: int, context_shape: Shape) -> Shape:
        """The shape of h_t, from what a step is told, of `width` features, and the condition."""
        # A symbolic call, which builds any layer and infers its shapes.
        told = keras.KerasTensor((None, width + context_shape[-1]), dtype=self.compute_dtype)
        step_shape = tuple(self.transition(told, training=False).shape)
        check_context(step_shape, tuple(told.shape))
        return step_shape

    def level_shapes(self) -> tuple[Shape, ...]:
        return (self.latent_shape,)

    def decoder_input_shape(self) -> Shape:
        return self.latent_shape

    # One step -----------------------------------------------------------------------------------------

    def start(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Before the first step: z_0, `(rows, latent_dim)`, and the memory, a tuple of tensors `(rows, ...)`.

        Args:
            context: `(rows, width)`, for the number of rows.
        """
        return ops.broadcast_to(ops.convert_to_tensor(self.first)[None], (ops.shape(context)[0], *self.first.shape)), ()

    def advance(self, z: Tensor, memory: tuple[Tensor, ...], data: Tensor) -> tuple[Tensor, ...]:
        """The memory of the next step, what it keeps of earlier steps beside z; nothing here.

        Args:
            z: `(rows, latent_dim)`, of the step before.
            memory: of the step before.
            data: `(rows, features)`, the step before as the networks see it, zeros before the first.
        """
        del z, data
        return memory

    def told(self, z: Tensor, memory: tuple[Tensor, ...]) -> Tensor:
        """What the transition sees, `(rows, units)`, or `(rows, time, units)` for all steps.

        Args:
            z: z_(t-1), `(rows, latent_dim)` or `(rows, time, latent_dim)`.
            memory: of step t, likewise.
        """
        del memory
        return z

    def prior_at(self, told: Tensor, context: Tensor) -> Distribution:
        """p(z_t | h_t), with a row for every row, or for every step of every row.

        Args:
            told: what the step is told, see `told`.
            context: `(rows, width)`.
        """
        return self.step_prior.distribution(self._transition(told, context))

    def posterior_at(self, features: Tensor, told: Tensor, context: Tensor, prior: Any = None) -> Distribution:
        """q(z_t | features_t, h_t), likewise.

        Args:
            features: of the steps, `(rows, units)` or `(rows, time, units)`.
            told: what the step is told, see `told`.
            context: `(rows, width)`.
            prior: p(z_t | h_t), for posteriors relative to it.
        """
        return self.step_posterior.distribution(as_rows(features), self._transition(told, context), prior=prior)

    def seen(self, z: Tensor, memory: tuple[Tensor, ...]) -> Tensor:
        """What the decoder sees of a step, `(rows, units)`, or of all steps `(rows, time, units)`.

        Args:
            z: z_t, `(rows, latent_dim)` or `(rows, time, latent_dim)`.
            memory: of step t, likewise.
        """
        del memory
        return z

    def _transition(self, told: Tensor, context: Tensor) -> Tensor:
        return self.transition(as_rows(concatenate_context(told, context)), training=False)

    # All steps ----------------------------------------------------------------------------------------

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
        data: Tensor | None = None,
    ) -> list[LatentLevel]:
        if given is not None:
            raise NotImplementedError(
                "Argument `given`: the latents of a chain are drawn step by step. Received: some."
            )

        def tiled(rows: Tensor) -> Tensor:
            # Every sample is a chain of its own, with q and p of its own: samples are rows.
            return rows if num_samples is None else tile_rows(rows, num_samples)

        mask = step_mask(mask)
        features, mask = hide_padding(features, mask), None if mask is None else tiled(mask)
        apart = prior_context is not None and prior_context is not context
        context = tiled(context)
        prior_context = tiled(prior_context) if apart else context
        key, relative = None if deterministic else StepSeed.key(seed), self.step_posterior.requires_prior

        def prior(h: Tensor, told: Tensor) -> Distribution:
            return self.prior_at(told, prior_context) if apart else self.step_prior.distribution(h)

        def draw(told: Tensor, step: Tensor, here: Tensor) -> Tensor:
            h = self._transition(told, context)
            q = self.step_posterior.distribution(as_rows(tiled(here)), h, prior=prior(h, told) if relative else None)
            return q.mean() if key is None else q.sample(StepSeed(key, step))

        # The loop only draws z. The distributions of all steps are then computed at once from z shifted by one step, in
        # large matrix products instead of many small ones. z is differentiable, so the gradient of the KL of a step
        # reaches the earlier steps.
        before = None if data is None else tiled(self.data_before(data, training))
        z, memory = self._chain(draw, context, before, ops.swapaxes(features, 0, 1))
        told = self.told(ops.concatenate([self.start(context)[0][:, None], z[:, :-1]], axis=1), memory)
        h = self._transition(told, context)
        p = prior(h, told)
        q = self.step_posterior.distribution(as_rows(tiled(features)), h, prior=p)
        return [LatentLevel(in_time(q, z, mask), in_time(p, z, mask), z, state=memory or None)]

    def data_before(self, data: Tensor, training: bool = False) -> Tensor:
        """The data of the step before each step, `(batch, time, features)`, as a structure that `sees_data` sees them.

        Args:
            data: `(batch, time, features)`.
            training: whether layers such as dropout are active.
        """
        del training
        return shift_right(data)

    def _chain(
        self, draw: Callable, context: Tensor, before: Tensor | None, *inputs: Tensor, length: Any = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """z_t = draw(told_t, t, inputs_t) of all steps in one compiled loop, `(rows, time, latent_dim)`; the memories.

        Args:
            draw: see above.
            context: `(rows, width)`.
            before: the data of the step before each step, `(rows, time, features)`, or None.
            *inputs: `(time, ...)`.
            length: number of steps, without inputs.
        """
        del before
        z = scan_steps(
            lambda z, here: draw(self.told(z, ()), *here),
            self.start(context)[0],
            (self._steps(inputs, length), *inputs),
        )
        return ops.swapaxes(z, 0, 1), ()

    @staticmethod
    def _steps(inputs: Sequence[Tensor], length: Any) -> Tensor:
        return ops.arange(inputs[0].shape[0] or ops.shape(inputs[0])[0] if inputs else length, dtype="int32")

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
        data: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        if given is not None and given[0] is not None:
            return (given[0],)
        if data is not None:
            length = data.shape[1] or ops.shape(data)[1]
        length = self.latent_shape[0] if length is None else length
        if length is None:
            raise ValueError(
                "Argument `length`: the data's shape does not fix how many latents to draw. Expected: a number of "
                "steps. Received: length=None. Pass length=..., or set max_length of the decoder."
            )
        key = StepSeed.key(seed)

        def draw(told: Tensor, step: Tensor) -> Tensor:
            return self.prior_at(told, context).tempered(temperature).sample(StepSeed(key, step))

        before = None if data is None else self.data_before(data)
        return (self._chain(draw, context, before, length=length)[0],)

    def continue_from(
        self,
        latents: tuple[Tensor, ...],
        mask: Tensor,
        context: Tensor,
        *,
        encode: Encode | None = None,
        prepared: Any = None,
        seed: Seed = None,
        temperature: float = 1.0,
        length: Any = None,
        data: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        given, counts = to_length(latents[0], mask, length)
        key = StepSeed.key(seed)

        def draw(told: Tensor, step: Tensor, here: Tensor, kept: Tensor) -> Tensor:
            drawn = self.prior_at(told, context).tempered(temperature).sample(StepSeed(key, step))
            return ops.where(as_rows(kept), as_rows(here), drawn)

        # One loop over all steps, each of which takes the given latent or draws its own.
        before = None if data is None else self.data_before(data)
        inputs = ops.swapaxes(given, 0, 1), ops.swapaxes(counts, 0, 1)[..., None]
        return (self._chain(draw, context, before, *inputs)[0],)

    def rows_of(self, levels: Sequence[LatentLevel], num_samples: int | None = None) -> tuple[Tensor, ...]:
        return tuple(level.z for level in levels)  # samples are rows already

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "transition": None if self.transition is None else serialize_component(self.transition, "transition"),
            "prior": serialize_component(self.step_prior, "prior"),
            "posterior": serialize_component(self.step_posterior, "posterior"),
        }
