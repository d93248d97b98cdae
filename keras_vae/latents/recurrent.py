"""A latent for every time step, beside a deterministic state that remembers earlier steps."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import one_of, positive_int
from keras_vae.backend import scan_steps
from keras_vae.hints import Component, Config, Shape, Tensor
from keras_vae.latents.latents import LatentLevel
from keras_vae.latents.markov import Markov
from keras_vae.layers.recurrent_layer import recurrent_layer
from keras_vae.layers.sequence import sequence_width, shift_right
from keras_vae.layers.word_dropout import WordDropout
from keras_vae.registry import latents
from keras_vae.serialization import serialize_component

__all__ = ["Recurrent"]

SEEN = ("data", "latents")
KINDS = (keras.layers.GRU, keras.layers.LSTM, keras.layers.SimpleRNN)


@latents.register("recurrent", package="keras_vae")
class Recurrent(Markov):
    """p(z_t | d_t, [z_(t-1)]), d_t = RNN(d_(t-1), x_(t-1), [z_(t-1)]): a latent and a state for each step.

    The state d_t remembers what has happened, so that z_t need not; the decoder sees z_t and d_t. The general form of
    several models, which differ in what sees what:

    | model | latents | beside |
    |---|---|---|
    | VRNN (Chung et al., 2015) | `Recurrent()` | an encoder of single steps, such as `Dense` layers |
    | SRNN (Fraccaro et al., 2016) | `Recurrent(state_sees="data", chained=True, posterior="residual")` | an encoder \
that reads backwards, such as `GRU(return_sequences=True)` |
    | STORN (Bayer and Osendorfer, 2014) | `Recurrent(state=None, prior="standard")` | an autoregressive decoder, \
such as `GRU` |
    | deep Markov model (Krishnan et al., 2017) | `Recurrent(state=None, chained=True)`, which is `Markov` | a decoder \
of single steps |

    Where the state sees the data, so does the prior of the next step: `generate` then draws latents and data of a step
    in turn, in one compiled loop, and `decode` writes the data of given latents step by step, each step from those
    written so far. The decoder must be causal: step t must not depend on latents of later steps.

    Args:
        latent_dim: number of latent dimensions of a step; by default the model's, and 16.
        state: width of the state, a GRU; or a Keras layer `GRU`, `LSTM` or `SimpleRNN` with `return_sequences=True`; or
            None for none.
        state_sees: what the state is told of the step before: `"data"`, `"latents"`, or both.
        chained: whether p(z_t) and q(z_t) are told z_(t-1) too.
        transition: Keras layer from what a step is told, `[z_(t-1), d_t, condition]`, `(rows, width)`, to h_t
            `(rows, units)`, as in `Markov`; one dense layer of 64 tanh units by default.
        prior: p(z_t | h_t): a name, a class or an instance.
        posterior: q(z_t | features_t, h_t), likewise.
        word_dropout: probability that the state is not told the data of a step, in training, see `decoders.Sequence`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments; a state with `return_state` or `stateful`; an encoder without features of every
            step; priors or posteriors that `Markov` refuses.
        TypeError: a state or a transition that is no such layer.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE((None, 6), latents=kv.latents.Recurrent(2, state=8))
    >>> vae.encode(np.zeros((3, 9, 6))).shape, vae.generate(3, length=7).shape
    ((3, 9, 2), (3, 7, 6))
    """

    def __init__(
        self,
        latent_dim: int | None = None,
        state: Any = 64,
        state_sees: str | Sequence[str] = SEEN,
        chained: bool = False,
        transition: Any = None,
        prior: Component = "gaussian",
        posterior: Component = "gaussian",
        word_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(latent_dim, transition, prior, posterior, **kwargs)
        if state is None and not chained and transition is not None:
            raise ValueError(
                "Argument `transition`: with state=None and chained=False no step is told anything. Received: "
                f"transition={transition!r:.100}. Leave it out, or pass a state or chained=True."
            )
        self.state_layer = self._as_layer(state)
        if state is None and not chained:
            self.transition = None
        names = (state_sees,) if isinstance(state_sees, str) else tuple(state_sees)
        if not names:
            raise ValueError("Argument `state_sees` must name what the state sees. Received: nothing. Pass state=None.")
        self.state_sees = tuple(name for name in SEEN if name in {one_of(name, SEEN, "state_sees") for name in names})
        self.chained = bool(chained)
        self.hide = WordDropout(word_dropout, dtype=self.dtype_policy, name="word_dropout")

    def _as_layer(self, state: Any) -> Any:
        if isinstance(state, dict):
            state = keras.saving.deserialize_keras_object(state)
        if state is None:
            return None
        if not isinstance(state, keras.layers.Layer):
            units = positive_int(state, "state")
            return recurrent_layer("gru")(units, return_sequences=True, dtype=self.dtype_policy, name="state")
        if not isinstance(state, KINDS) or not state.return_sequences or state.go_backwards:
            raise TypeError(
                "Argument `state` must be a number of units, or a layer that returns its output at every step, in the "
                "order of time. Expected, for example, keras.layers.LSTM(64, return_sequences=True). Received: "
                f"state={state!r}"
            )
        bad = next((name for name in ("return_state", "stateful") if getattr(state, name)), None)
        if bad is not None:
            raise ValueError(
                "Argument `state`: the latents carry the layer's state from step to step themselves, from zeros on at "
                f"the start of every sequence. Expected: {bad}=False. Received: a {type(state).__name__} with "
                f"{bad}=True."
            )
        return state

    @property
    def sees_data(self) -> bool:  # type: ignore[override]
        return self.state_layer is not None and "data" in self.state_sees

    @property
    def _sees_latents(self) -> bool:
        return self.state_layer is not None and "latents" in self.state_sees

    @property
    def _remembers_latents(self) -> bool:  # type: ignore[override]
        return self.chained or self._sees_latents

    def build(
        self, features_shape: Any, context_shape: Shape, latent_shape: Any, data_spec: dict[str, Any] | None = None
    ) -> None:
        if self.sees_data:
            if data_spec is None:
                raise ValueError("The latents Recurrent see the data: `build` needs their `data_spec`. Received: None")
            self.data_width = sequence_width(data_spec["network_shape"][1:], "latents", "recurrent")
        if self.state_layer is not None and not self.state_layer.built:
            width = (self.data_width if self.sees_data else 0) + (latent_shape[-1] if self._sees_latents else 0)
            self.state_layer.build((None, None, width))
        super().build(features_shape, context_shape, latent_shape, data_spec)

    def _build_transition(self, width: int, context_shape: Shape) -> Shape:
        if not self.chained and self.state_layer is None:
            return tuple(context_shape)
        told = (width if self.chained else 0) + (self.state_layer.units if self.state_layer is not None else 0)
        return super()._build_transition(told, context_shape)

    def _transition(self, told: Tensor, context: Tensor) -> Tensor:
        if self.chained or self.state_layer is not None:
            return super()._transition(told, context)
        # Nothing is told: z_t depends on the condition alone.
        if len(told.shape) == 2:
            return context
        rows, steps, _ = ops.shape(told)
        width = context.shape[-1]
        return ops.reshape(ops.broadcast_to(context[:, None], (rows, steps, width)), (rows * steps, width))

    def decoder_input_shape(self) -> Shape:
        steps, width = self.latent_shape
        return (steps, width + (0 if self.state_layer is None else self.state_layer.units))

    # One step -----------------------------------------------------------------------------------------

    def start(self, context: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        z, _ = super().start(context)
        if self.state_layer is None:
            return z, ()
        sizes = self.state_layer.state_size
        sizes = sizes if isinstance(sizes, (list, tuple)) else (sizes,)
        return z, tuple(ops.zeros((ops.shape(context)[0], size), dtype="float32") for size in sizes)

    def advance(self, z: Tensor, memory: tuple[Tensor, ...], data: Tensor) -> tuple[Tensor, ...]:
        if self.state_layer is None:
            return memory
        _, after = self.state_layer.cell(self._inputs(z, data), list(memory), training=False)
        after = after if isinstance(after, (list, tuple)) else [after]
        return tuple(ops.cast(one, "float32") for one in after)

    def _inputs(self, z: Tensor, data: Tensor | None) -> Tensor:
        """What the state is told of the step before, `(..., width)`."""
        seen = [data] if self.sees_data else []
        seen += [z] if self._sees_latents else []
        return ops.concatenate([ops.cast(one, self.compute_dtype) for one in seen], axis=-1)

    def told(self, z: Tensor, memory: tuple[Tensor, ...]) -> Tensor:
        # The first of the memory is the layer's output, for all `KINDS`.
        if not memory:
            return z
        return ops.concatenate([z, memory[0]], axis=-1) if self.chained else memory[0]

    def seen(self, z: Tensor, memory: tuple[Tensor, ...]) -> Tensor:
        return ops.concatenate([z, memory[0]], axis=-1) if memory else z

    # All steps ----------------------------------------------------------------------------------------

    def data_before(self, data: Tensor, training: bool = False) -> Tensor:
        return self.hide(shift_right(data), training=training)

    def _chain(
        self, draw: Callable, context: Tensor, before: Tensor | None, *inputs: Tensor, length: Any = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        first, memory = self.start(context)
        steps = self._steps(inputs, length)
        if not self._sees_latents:
            if memory:
                # Known before any latent is drawn: all steps in one operation.
                memory = (self._all_states(None, before),)
            if not self._remembers_latents:
                return self._at_once(draw, first, memory, inputs, length), memory
            if not memory:
                return super()._chain(draw, context, before, *inputs, length=length)
            z = scan_steps(
                lambda z, here: draw(self.told(z, here[:1]), *here[1:]),
                first,
                (ops.swapaxes(memory[0], 0, 1), steps, *inputs),
            )
            return ops.swapaxes(z, 0, 1), memory
        sizes = [first.shape[-1], *(one.shape[-1] for one in memory)]
        places = [sum(sizes[: index + 1]) for index in range(len(memory))]

        def follow(carried: Tensor, here: tuple[Tensor, ...]) -> Tensor:
            z, *memory = ops.split(carried, places, axis=-1)
            memory = self.advance(z, tuple(memory), here[0] if self.sees_data else None)
            z = draw(self.told(z, memory), *(here[1:] if self.sees_data else here))
            return ops.concatenate([z, *memory], axis=-1)

        told = (ops.swapaxes(before, 0, 1),) if self.sees_data else ()
        carried = scan_steps(follow, ops.concatenate([first, *memory], axis=-1), (*told, steps, *inputs))
        z, d, *_ = ops.split(ops.swapaxes(carried, 0, 1), places, axis=-1)
        return z, (d,)

    def _at_once(
        self, draw: Callable, first: Tensor, memory: tuple[Tensor, ...], inputs: Sequence[Tensor], length: Any
    ) -> Tensor:
        """Latents of all steps where none is told another: without a loop, `(rows, time, latent_dim)`."""
        if inputs:
            length = inputs[0].shape[0] or ops.shape(inputs[0])[0]
        rows, width = ops.shape(first)
        nothing = ops.broadcast_to(first[:, None], (rows, length, width))
        inputs = [ops.swapaxes(one, 0, 1) for one in inputs]
        return ops.reshape(draw(self.told(nothing, memory), 0, *inputs), (rows, length, width))

    def _all_states(self, z: Tensor | None, before: Tensor | None) -> Tensor:
        """d of all steps, `(rows, time, units)`, from latents and data of the steps before."""
        return ops.cast(self.state_layer(self._inputs(z, before), training=False), "float32")

    def decoder_input(self, latents: tuple[Tensor, ...], context: Tensor, data: Tensor | None = None) -> Tensor:
        (z,) = latents
        if self.state_layer is None:
            return z
        if self.sees_data and data is None:
            raise ValueError(
                "Argument `data`: what the decoder sees of these latents depends on the data of earlier steps. "
                "Expected: (batch, time, features). Received: None. vae.decode(z) writes data for latents alone."
            )
        before = None if data is None else shift_right(data)
        if self._sees_latents:
            first = self.start(context)[0][:, None]
            return self.seen(z, (self._all_states(ops.concatenate([first, z[:, :-1]], axis=1), before),))
        return self.seen(z, (self._all_states(None, before),))

    def decoder_input_of(
        self, levels: Sequence[LatentLevel], context: Tensor, num_samples: int | None = None
    ) -> Tensor:
        (level,) = levels
        if level.state is None:
            return level.z
        return self.seen(level.z, level.state)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "state": None if self.state_layer is None else serialize_component(self.state_layer, "state"),
            "state_sees": self.state_sees,
            "chained": self.chained,
            "word_dropout": self.hide.rate,
        }
