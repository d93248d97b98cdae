"""What recurrent encoders share."""

from typing import Any

import keras

from keras_vae.arguments import positive_ints
from keras_vae.encoders.sequence import Sequence
from keras_vae.hints import Config, Ints, Shape, Tensor
from keras_vae.layers.seeded_dropout import dropout_rate, seeded_dropout
from keras_vae.layers.sequence import check_embedding_units, sequence_width, step_embedding, step_mask
from keras_vae.serialization import Untracked

__all__ = ["Recurrent"]


class Recurrent(Sequence):
    """Recurrent layers in a row, and the last one's state behind the last step that counts.

    Base class of `gru` and `lstm`; to make another, name a Keras layer in `layer_class`.

    Sequences `(batch, time, features)` become `(batch, hidden_units[-1])`, twice as wide in both directions.

    Args:
        hidden_units: width of every layer, in order.
        bidirectional: whether every layer reads the sequence in both directions, each with that width.
        dropout: rate of the dropout behind every layer, active in training.
        embedding_units: width of a linear layer in front, the embedding of tokens; 0 for none. By default 64
            where there are more than 128 features, which is a vocabulary, and none otherwise.
        return_sequences: whether the features are those of every step, `(batch, time, units)`; see `Sequence`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, or data that are no sequences.

    Example:

    >>> import keras
    >>> import keras_vae as kv
    >>> import numpy as np
    >>> class SimpleRNN(kv.encoders.Recurrent):
    ...     layer_class = keras.layers.SimpleRNN
    >>> tuple(SimpleRNN((8,), bidirectional=False)(np.zeros((2, 9, 3), "float32")).shape)
    (2, 8)
    """

    layer_class: Any = None

    def __init__(
        self,
        hidden_units: Ints = (128,),
        bidirectional: bool = True,
        dropout: float = 0.0,
        embedding_units: int | None = None,
        return_sequences: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(return_sequences, **kwargs)
        self.hidden_units = positive_ints(hidden_units, "hidden_units")
        self.bidirectional = bool(bidirectional)
        self.dropout = dropout_rate(dropout)
        self.embedding_units = check_embedding_units(embedding_units)
        self.dropout_layers = [seeded_dropout(dropout, self.dtype_policy) for _ in self.hidden_units if dropout]

    def build(self, input_shape: Shape) -> None:
        width = sequence_width(tuple(input_shape)[1:], "encoder", type(self).__name__.lower())
        self.embedding = step_embedding(self.embedding_units, width, self.dtype_policy)
        width = width if self.embedding is None else self.embedding.units
        self.recurrent_layers = []
        # Bidirectional copies its layer, and while a file is loaded Keras knows layers by their address: were one freed
        # before another is made, in this encoder or in another of the model, both directions of the second could become
        # one object. So they stay as long as the encoder.
        copied = self._copied = Untracked([])
        for index, units in enumerate(self.hidden_units):
            every_step = self.return_sequences or index + 1 < len(self.hidden_units)
            options = {"return_sequences": every_step, "dtype": self.dtype_policy}
            layer = self.layer_class(units, name=f"layer_{index}", **options)
            if self.bidirectional:
                copied.items.append(layer)
                layer = keras.layers.Bidirectional(layer, dtype=self.dtype_policy, name=f"both_ways_{index}")
            layer.build((None, None, width))
            self.recurrent_layers.append(layer)
            width = units * (2 if self.bidirectional else 1)

    def features(self, x: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        x = x if self.embedding is None else self.embedding(x)
        steps = step_mask(mask)
        for index, layer in enumerate(self.recurrent_layers):
            x = layer(x, mask=steps, training=training)
            if self.dropout_layers:
                x = self.dropout_layers[index](x, training=training)
        return x

    def summary(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        return features  # the last layer has kept its last state alone

    def feature_width(self) -> int:
        return self.hidden_units[-1] * (2 if self.bidirectional else 1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
            "embedding_units": self.embedding_units,
        }
