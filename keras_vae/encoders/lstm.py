"""An encoder of long short-term memory."""

from keras_vae.encoders.recurrent import Recurrent
from keras_vae.layers.recurrent_layer import recurrent_layer
from keras_vae.registry import encoders

__all__ = ["LSTM"]


@encoders.register("lstm", package="keras_vae")
class LSTM(Recurrent):
    """Long short-term memory over a sequence, in both directions (Hochreiter and Schmidhuber, 1997).

    For data `(time, features)` and tokens, of any length. The features are the last layer's output at the last
    valid step, one for each direction.

    Args:
        hidden_units: width of every layer, in order.
        bidirectional: whether every layer reads the sequence in both directions, each with that width.
        dropout: rate of the dropout after every layer, active in training.
        embedding_units: width of a linear layer in front, the embedding of tokens; 0 for none. By default 64
            where there are more than 128 features, which is a vocabulary, and none otherwise.
        return_sequences: whether the features are those of every step, `(batch, time, units)`; see `Sequence`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, or data that are not sequences.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> tuple(kv.encoders.LSTM((16,), bidirectional=False)(np.zeros((2, 9, 5), "float32")).shape)
    (2, 16)
    """

    layer_class = recurrent_layer("lstm")
