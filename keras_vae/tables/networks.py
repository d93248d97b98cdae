"""The encoder and the decoder of a table: a linear map and dense layers side by side."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import positive_ints
from keras_vae.decoders.decoder import Decoder
from keras_vae.encoders.encoder import Encoder
from keras_vae.hints import Config, Ints, Shape, Tensor
from keras_vae.layers.dense_stack import DenseStack

__all__ = ["TableDecoder", "TableEncoder"]


@keras.saving.register_keras_serializable("keras_vae.tables")
class TableEncoder(Encoder):
    """Features of the observed elements of a row: the elements, which of them are there, and dense layers of both.

    Zeros stand for missing elements, and dense layers cannot tell them from the mean of a standardised column, so they
    get the mask too (as the encoders of Ivanov et al., 2019). The inputs are among the features, so that q(z | x) has a
    linear part, as in factor analysis, which a few hundred rows can fit. Inputs `(batch, sum(widths))` become features
    `(batch, sum(widths) + len(widths) + hidden_units[-1])`.

    Args:
        widths: number of inputs of each column of the table, as `keras_vae.likelihoods.Columns` shows them.
        hidden_units: width of every dense layer, in order.
        dropout: rate of the dropout after every dense layer.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: widths that are not positive ints.

    Example:

    >>> import numpy as np
    >>> from keras_vae.tables import TableEncoder
    >>> encoder = TableEncoder(widths=[1, 3], hidden_units=(8,))
    >>> tuple(encoder(np.zeros((5, 4), "float32"), mask=np.ones((5, 2), bool)).shape)  # 4 + 2 + 8
    (5, 14)
    """

    def __init__(
        self, widths: Sequence[int], hidden_units: Ints = (128, 128), dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.widths = positive_ints(list(widths), "widths")
        self.stack = DenseStack(hidden_units, "relu", dropout, dtype=self.dtype_policy, name="stack")

    def build(self, input_shape: Shape) -> None:
        self.stack.build((None, sum(self.widths) + len(self.widths)))

    def call(self, x: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        there = ops.ones_like(x[:, : len(self.widths)]) if mask is None else ops.cast(mask, x.dtype)
        seen = ops.concatenate([x, there], axis=-1)
        return ops.concatenate([seen, self.stack(seen, training=training)], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], sum(self.widths) + len(self.widths) + self.stack.hidden_units[-1])

    def get_config(self) -> Config:
        choices = self.stack.choices()
        own = {"widths": self.widths, "hidden_units": choices["hidden_units"], "dropout": choices["dropout"]}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("keras_vae.tables")
class TableDecoder(Decoder):
    """The latents, and dense layers of them, side by side: what the likelihood projects has a linear part.

    With the linear part alone a Gaussian likelihood is factor analysis; the dense layers add to it. Latents
    `(batch, latent_dim)` become features `(batch, latent_dim + hidden_units[-1])`.

    Args:
        hidden_units: width of every dense layer, in order.
        dropout: rate of the dropout after every dense layer.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import numpy as np
    >>> from keras_vae.tables import TableDecoder
    >>> decoder = TableDecoder((8,))
    >>> decoder.build((None, 2))
    >>> tuple(decoder(np.zeros((5, 2), "float32")).shape)
    (5, 10)
    """

    def __init__(self, hidden_units: Ints = (128, 128), dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stack = DenseStack(hidden_units, "relu", dropout, dtype=self.dtype_policy, name="stack")

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        self.width = int(np.prod(tuple(z_shape)[1:]))
        self.stack.build((None, self.width))

    def call(
        self, z: Tensor, target: Tensor | None = None, mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        z = ops.reshape(z, (-1, self.width))
        hidden = self.stack(z, training=training)
        return ops.concatenate([ops.cast(z, hidden.dtype), hidden], axis=-1)

    def compute_output_shape(self, z_shape: Shape, target_shape: Shape | None = None) -> Shape:
        return (z_shape[0], int(np.prod(tuple(z_shape)[1:])) + self.stack.hidden_units[-1])

    def get_config(self) -> Config:
        choices = self.stack.choices()
        return {**super().get_config(), "hidden_units": choices["hidden_units"], "dropout": choices["dropout"]}
