"""An optimizer for the encoder, and another one for everything else."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import keras
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.backend import in_strategy
from keras_vae.hints import Config, Tensor

__all__ = ["EncoderDecoder", "encoder_decoder_of"]


@keras.saving.register_keras_serializable("keras_vae.optimizers")
class EncoderDecoder(keras.optimizers.Optimizer):
    """One optimizer for the encoder and the posteriors, another for the rest: decoder, likelihood, priors, objective.

    For networks that need different learning rates, and for an encoder that must not lag behind its decoder: with
    `decoder_every=k` the encoder makes `k` updates for each of the decoder's (He et al., 2019).
    `keras_vae.callbacks.AggressiveEncoder` sets `k` while the model trains. In the other batches the decoder is held
    back: its weights, and all that its optimizer keeps of them, such as the moments and the number of steps of Adam,
    stay as they are, bit for bit.

    Only a `keras_vae.VAE` can be compiled with it, since it says which variables are the encoder's. `learning_rate` is
    that of the encoder; setting it sets the decoder's in the same ratio as before. The ratio is that of the two rates
    wherever the encoder's is not 0, so it changes with `optimizer.decoder.learning_rate = ...`; while the encoder's is
    0, as at the start of a warm-up, the last one is kept. Limits such as `clipnorm` and `global_clipnorm` hold for the
    gradients of the optimizer that has them, and not for those of all variables together. A loss is scaled around
    both: `keras.optimizers.LossScaleOptimizer(EncoderDecoder(...))`, as `compile` does by itself in float16.

    Args:
        encoder: optimizer of the variables of q(z|x), a name or an instance.
        decoder: likewise, of all others; by default another one like the encoder's.
        decoder_every: the decoder is updated in the last of every so many batches. It is a variable, saved with the
            model: `optimizer.decoder_every.assign(5)` takes effect in the next step.
        name: name of the optimizer.

    Raises:
        ValueError: invalid arguments, one optimizer for both, one that scales the loss or is made of two itself, or a
            model that is no VAE.
        TypeError: a learning rate is set to a schedule, or in place of one.
        NotImplementedError: in training, under `tf.distribute`, where an update cannot be taken back.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.compile(kv.optimizers.EncoderDecoder(keras.optimizers.Adam(1e-3), keras.optimizers.SGD(0.1)))
    >>> history = vae.fit(np.random.default_rng(0).random((64, 4)), verbose=0)
    >>> len(vae.optimizer.encoder.variables) > len(vae.optimizer.decoder.variables)
    True
    """

    def __init__(
        self,
        encoder: str | keras.optimizers.Optimizer = "adam",
        decoder: str | keras.optimizers.Optimizer | None = None,
        decoder_every: int = 1,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate=0.0, name=name)
        self.encoder = keras.optimizers.get(encoder)
        alike = keras.saving.serialize_keras_object(self.encoder) if decoder is None else decoder
        self.decoder = keras.optimizers.get(portable(alike) if isinstance(alike, dict) else alike)
        if self.encoder is self.decoder:
            raise ValueError(
                "Argument `decoder` must be another optimizer than `encoder`: each keeps moments of its own variables. "
                "Pass a second instance, or leave it out for one like the encoder's. Received: the same instance."
            )
        for argument, optimizer in (("encoder", self.encoder), ("decoder", self.decoder)):
            check_inner(optimizer, argument)
        self.ratio = 1.0
        self._note_ratio()
        self.initial_decoder_every = positive_int(decoder_every, "decoder_every")
        self.encoder_ids: frozenset[int] = frozenset()
        # `decoder_every` of a phase of `AggressiveEncoder` in which a `fit` ended, for the next.
        self.paused: int | None = None

    def set_encoder(self, variables: Iterable[keras.Variable]) -> None:
        """Say which variables are the encoder's; `VAE.compile` does.

        Args:
            variables: those of the encoder and of the posteriors, trainable or not.
        """
        self.encoder_ids = frozenset(id(variable) for variable in variables)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if not self.encoder_ids:
            raise ValueError(
                "The optimizer EncoderDecoder must be told which variables are the encoder's, as keras_vae.VAE.compile "
                "does. Expected: a VAE, compiled with it. Received: the variables of another model."
            )
        variables = list(variables)
        self.decoder_every = self.add_variable(
            shape=(),
            dtype="int32",
            initializer=keras.initializers.Constant(self.initial_decoder_every),
            name="decoder_every",
        )
        # In a phase of `AggressiveEncoder` the `decoder_every` outside of it, else 0; saved, so that a phase goes on.
        self.usual = self.add_variable(shape=(), dtype="int32", initializer="zeros", name="usual_decoder_every")
        self.encoder.build([variable for variable in variables if id(variable) in self.encoder_ids])
        self.decoder.build([variable for variable in variables if id(variable) not in self.encoder_ids])
        super().build(variables)

    @property
    def variables(self) -> list[keras.Variable]:
        """Those of this optimizer, of the encoder's and of the decoder's, in this order."""
        return [*self._variables, *self.encoder.variables, *self.decoder.variables]

    def apply(self, grads: Sequence[Tensor], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        """Update the encoder's variables, and in every `decoder_every`-th call the others too.

        Args:
            grads: gradients, each `(*shape,)` of its variable, such as `(units,)`.
            trainable_variables: the variables; those of `build` by default.
        """
        if in_strategy():
            raise NotImplementedError(
                "EncoderDecoder does not run under tf.distribute, where the update of a replica cannot be taken back. "
                "Expected: one device, or keras.distribution on JAX. Received: a step inside of a strategy."
            )
        if not self.built:
            self.build(trainable_variables or ())
        pairs = list(zip(grads, trainable_variables or self._trainable_variables, strict=True))
        self._check_variables_are_known([variable for _, variable in pairs])
        of_encoder = [pair for pair in pairs if id(pair[1]) in self.encoder_ids]
        of_decoder = [pair for pair in pairs if id(pair[1]) not in self.encoder_ids]
        if of_encoder:
            self.encoder.apply(*map(list, zip(*of_encoder, strict=True)))
        if of_decoder:
            held = [*(variable for _, variable in of_decoder), *self.decoder.variables]
            before = [ops.copy(variable) for variable in held]
            self.decoder.apply(*map(list, zip(*of_decoder, strict=True)))
            # Chosen by value and not by a condition, which would be no part of a recorded step on torch. A zero
            # gradient would not do: Adam moves by its moments.
            due = ops.equal((self._iterations + 1) % ops.cast(self.decoder_every, self._iterations.dtype), 0)
            for variable, old in zip(held, before, strict=True):
                variable.assign(ops.where(due, variable.value, old))
        self._iterations.assign_add(1)

    @property
    def learning_rate(self) -> Any:
        """The encoder's learning rate."""
        return self.encoder.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        scheduled = [
            name for name, one in (("encoder", self.encoder), ("decoder", self.decoder)) if plain_rate(one) is None
        ]
        if callable(learning_rate) or scheduled:
            received = f"a schedule in the {' and the '.join(scheduled)}" if scheduled else repr(learning_rate)
            raise TypeError(
                "Argument `learning_rate` of EncoderDecoder can be set to a number, where both optimizers have a "
                f"number. Received: {received:.100}. Give each its own schedule when it is created, "
                "EncoderDecoder(keras.optimizers.Adam(schedule), keras.optimizers.Adam(other_schedule))."
            )
        self._note_ratio()
        learning_rate = float(ops.convert_to_numpy(learning_rate))
        self.encoder.learning_rate = learning_rate
        self.decoder.learning_rate = learning_rate * self.ratio

    def _note_ratio(self) -> None:
        """Remember the ratio of the learning rates, which is not known while the encoder's is 0."""
        of_encoder, of_decoder = plain_rate(self.encoder), plain_rate(self.decoder)
        if of_encoder and of_decoder is not None:
            now = of_decoder / of_encoder
            # Roundings of float32 must not add up.
            self.ratio = now if abs(now - self.ratio) > 1e-5 * self.ratio else self.ratio

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """As in Keras, at the end of a training with moving averages of the weights.

        Args:
            var_list: the variables.
        """
        for optimizer, its in ((self.encoder, True), (self.decoder, False)):
            if not int(ops.convert_to_numpy(optimizer.iterations)):
                continue  # averages are zero before the first update
            optimizer.finalize_variable_values(
                [variable for variable in var_list if (id(variable) in self.encoder_ids) == its]
            )
            if optimizer.use_ema:
                # On JAX a weight and its average are now one array, which the next `fit` may not give away twice.
                for variable in optimizer.variables:
                    variable.assign(ops.copy(variable))

    def get_config(self) -> Config:
        self._note_ratio()
        return {
            "encoder": portable(keras.saving.serialize_keras_object(self.encoder)),
            "decoder": portable(keras.saving.serialize_keras_object(self.decoder)),
            "decoder_every": self.initial_decoder_every,
            "ratio": self.ratio,
            "paused": self.paused,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> Self:
        inner = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("encoder", "decoder")
        }
        config = {**config, **inner}
        ratio, paused = config.pop("ratio", 1.0), config.pop("paused", None)
        own = cls(**config)
        own.paused = paused
        if not plain_rate(own.encoder):
            own.ratio = ratio  # that of rates that are 0 now
        return own


def check_inner(optimizer: Any, argument: str) -> None:
    """Refuse optimizers that cannot be one of two.

    Args:
        optimizer: the optimizer.
        argument: its name, for the message.

    Raises:
        ValueError: it expects gradients of a scaled loss, or is made of two itself.
    """
    if isinstance(optimizer, EncoderDecoder):
        raise ValueError(
            f"Argument `{argument}` must be an optimizer of single variables, such as keras.optimizers.Adam(1e-3). "
            "Received: another EncoderDecoder."
        )
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer) or optimizer.loss_scale_factor is not None:
        raise ValueError(
            f"Argument `{argument}` must not scale the loss, which is one for both optimizers: gradients would be "
            f"divided by a factor that the loss was not multiplied by. Received: {type(optimizer).__name__}, with "
            f"loss_scale_factor={optimizer.loss_scale_factor}. Wrap the outer one instead: "
            "keras.optimizers.LossScaleOptimizer(EncoderDecoder(...))."
        )


def plain_rate(optimizer: keras.optimizers.Optimizer) -> float | None:
    """The learning rate of an optimizer; None for a schedule."""
    rate = optimizer._learning_rate
    return float(ops.convert_to_numpy(rate)) if isinstance(rate, keras.Variable) else None


def portable(config: Config) -> Config:
    """The config of a serialized optimizer that every backend can load.

    Keras on torch saves the module of its torch-specific subclass, which other backends cannot import.
    """
    own = str(config.get("module")).startswith("keras.src.backend")
    return {**config, "module": "keras.optimizers"} if own else config


def encoder_decoder_of(optimizer: Any) -> Any:
    """The `EncoderDecoder` that an optimizer is, or that scales its loss in float16; None if it is another one."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return inner if isinstance(inner, EncoderDecoder) else None
