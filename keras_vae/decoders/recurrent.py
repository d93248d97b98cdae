"""What recurrent decoders share."""

from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_ints
from keras_vae.decoders.sequence import Sequence
from keras_vae.hints import Config, Ints, Shape, Tensor
from keras_vae.layers.seeded_dropout import dropout_rate, seeded_dropout
from keras_vae.layers.sequence import check_embedding_units, step_embedding

__all__ = ["Recurrent"]


class Recurrent(Sequence):
    """Recurrent layers in a row, which start from the latents and see them at every step.

    Base class of `gru` and `lstm`; to make another, name a Keras layer in `layer_class`, and the number of
    its states.

    Features are `(batch, time, hidden_units[-1])`, wider by the latents with `skip_connections`.

    Args:
        hidden_units: width of every layer, in order.
        dropout: rate of the dropout behind every layer, active in training.
        embedding_units: width of a linear layer in front, the embedding of tokens; 0 for none. By default 64
            where there are more than 128 features, which is a vocabulary, and none otherwise.
        word_dropout: see `Sequence`.
        max_length: see `Sequence`.
        autoregressive: see `Sequence`.
        flatten_latents: see `Sequence`.
        skip_connections: see `Sequence`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, or data that are no sequences.

    Example:

    >>> import keras
    >>> import keras_vae as kv
    >>> import numpy as np
    >>> class SimpleRNN(kv.decoders.Recurrent):
    ...     layer_class = keras.layers.SimpleRNN
    >>> decoder = SimpleRNN((8,))
    >>> decoder.build((None, 2), (None, 9, 3))
    >>> tuple(decoder(np.zeros((2, 2), "float32"), target=np.zeros((2, 9, 3), "float32")).shape)
    (2, 9, 8)
    """

    layer_class: Any = None
    states = 1

    def __init__(
        self,
        hidden_units: Ints = (256,),
        dropout: float = 0.0,
        embedding_units: int | None = None,
        word_dropout: float = 0.0,
        max_length: int | None = None,
        autoregressive: bool = True,
        flatten_latents: bool = False,
        skip_connections: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(word_dropout, max_length, autoregressive, flatten_latents, skip_connections, **kwargs)
        self.hidden_units = positive_ints(hidden_units, "hidden_units")
        self.dropout = dropout_rate(dropout)
        self.embedding_units = check_embedding_units(embedding_units)
        self.dropout_layers = [seeded_dropout(dropout, self.dtype_policy) for _ in self.hidden_units if dropout]

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        super().build(z_shape, target_shape)
        self.embedding = None
        if self.autoregressive:
            self.embedding = step_embedding(self.embedding_units, self.target_shape[-1], self.dtype_policy)
            if self.embedding is not None:
                self.input_width = self.z_width + self.embedding.units
        self.recurrent_layers, self.first_states = [], []
        width = self.input_width
        for index, units in enumerate(self.hidden_units):
            options = {"dtype": self.dtype_policy}
            layer = self.layer_class(units, return_sequences=True, name=f"layer_{index}", **options)
            layer.build((None, None, width))
            first = keras.layers.Dense(self.states * units, activation="tanh", name=f"state_{index}", **options)
            first.build((None, self.z_width))
            self.recurrent_layers.append(layer)
            self.first_states.append(first)
            width = units + self.skip_width

    def features(self, z: Tensor, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        for index, (layer, state) in enumerate(zip(self.recurrent_layers, self.start(z, None), strict=True)):
            x = layer(x, initial_state=list(state), training=training)
            if self.dropout_layers:
                x = self.dropout_layers[index](x, training=training)
            x = self.with_latents(x, z)
        return x

    def embed_steps(self, before: Tensor) -> Tensor:
        return before if self.embedding is None else self.embedding(before)

    def start(self, z: Tensor, length: int | None) -> Any:
        z = self.first_latents(z)
        return tuple(tuple(ops.split(first(z), self.states, axis=-1)) for first in self.first_states)

    def next_features(self, z: Tensor, target: Tensor, step: Tensor, state: Any) -> tuple[Tensor, Any]:
        x, after = self._inputs(z, target, step=step), []
        for layer, before in zip(self.recurrent_layers, state, strict=True):
            x, states = layer.cell(x[:, 0], list(before), training=False)
            x = self.with_latents(ops.expand_dims(x, 1), z, step)
            after.append(tuple(states))
        return x, tuple(after)

    def feature_width(self) -> int:
        return self.hidden_units[-1] + self.skip_width

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "dropout": self.dropout,
            "embedding_units": self.embedding_units,
        }
