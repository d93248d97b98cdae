"""A transformer decoder."""

from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.decoders.sequence import Sequence
from keras_vae.hints import Config, Shape, Tensor
from keras_vae.layers.sequence import sinusoidal_positions
from keras_vae.layers.transformer_block import TransformerBlock
from keras_vae.registry import decoders

__all__ = ["Transformer"]


@decoders.register("transformer", package="keras_vae")
class Transformer(Sequence):
    """Causal self-attention over the steps before (Vaswani et al., 2017), each of which sees the latents.

    For data `(time, features)` and tokens, of any length: the positions are sinusoids, not learned. Decoding
    keeps what later steps attend to, so that a step's cost grows with the length, not with its square.

    Args:
        width: number of features of every step inside.
        blocks: number of blocks.
        heads: number of attention heads.
        dropout: rate of the dropout inside every block, active in training.
        word_dropout: probability that a step is not told, in training, what the step before was. It keeps the
            decoder from ignoring the latents (Bowman et al., 2016).
        max_length: number of steps to decode where neither the data's shape nor the caller says how many.
        autoregressive: whether a step sees those before it; without, the latents and its position alone.
        flatten_latents: whether latents `(batch, n, width)` are one vector that all steps are told. Otherwise step t is
            told `z[:, t]`.
        skip_connections: whether the latents are an input of every layer and of the likelihood, and not of the first
            layer alone, so that a deep decoder can ignore them less easily (skip-VAE, Dieng et al., 2019).
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, data that are no sequences, or latents of another number of steps than the data.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE((None, 5), latent_dim=2, decoder=kv.decoders.Transformer(width=8), likelihood="gaussian")
    >>> vae.generate(3, length=7).shape
    (3, 7, 5)
    """

    def __init__(
        self,
        width: int = 128,
        blocks: int = 2,
        heads: int = 4,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        max_length: int | None = None,
        autoregressive: bool = True,
        flatten_latents: bool = False,
        skip_connections: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(word_dropout, max_length, autoregressive, flatten_latents, skip_connections, **kwargs)
        self.width = positive_int(width, "width")
        self.heads = positive_int(heads, "heads")
        self.dropout = dropout
        self.embed = keras.layers.Dense(self.width, dtype=self.dtype_policy, name="embed")
        self.blocks = [
            TransformerBlock(heads, causal=True, dropout=dropout, dtype=self.dtype_policy, name=f"block_{index}")
            for index in range(positive_int(blocks, "blocks"))
        ]
        self.norm = keras.layers.LayerNormalization(dtype=self.dtype_policy, name="norm")

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        super().build(z_shape, target_shape)
        self.embed.build((None, None, self.input_width))
        for layer in (*self.blocks, self.norm):
            layer.build((None, None, self.width))
        self.skips = self.skip_layers([self.width] * (len(self.blocks) - 1))

    def features(self, z: Tensor, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = self._embedded(inputs, ops.shape(inputs)[1], 0)
        for index, block in enumerate(self.blocks):
            x = block(self.skip_to(index, x, z), training=training)
        return self.with_latents(self.norm(x), z)

    def _embedded(self, inputs: Tensor, length: int, start: Any) -> Tensor:
        x = self.embed(inputs)
        return x + ops.cast(sinusoidal_positions(length, self.width, start), x.dtype)

    def start(self, z: Tensor, length: int) -> Any:
        return tuple(block.start(ops.shape(z)[0], length) for block in self.blocks)

    def next_features(self, z: Tensor, target: Tensor, step: Tensor, state: Any) -> tuple[Tensor, Any]:
        x, after = self._embedded(self._inputs(z, target, step=step), 1, step), []
        for index, (block, before) in enumerate(zip(self.blocks, state, strict=True)):
            x, new = block.step(self.skip_to(index, x, z, step), before, step)
            after.append(new)
        return self.with_latents(self.norm(x), z, step), tuple(after)

    def feature_width(self) -> int:
        return self.width + self.skip_width

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "width": self.width,
            "blocks": len(self.blocks),
            "heads": self.heads,
            "dropout": self.dropout,
        }
