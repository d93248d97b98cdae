"""A temporal convolutional decoder."""

from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int, positive_ints
from keras_vae.decoders.sequence import Sequence
from keras_vae.hints import Activation, Config, Ints, Shape, Tensor
from keras_vae.layers.causal_block import CausalBlock
from keras_vae.layers.sequence import sinusoidal_positions
from keras_vae.registry import decoders

__all__ = ["TCN"]


@decoders.register("tcn", package="keras_vae")
class TCN(Sequence):
    """Dilated causal convolutions in residual blocks (Bai, Kolter and Koltun, 2018; for text: Yang et al., 2017).

    For data `(time, features)` and tokens, of any length. How far a step sees back, `1 + 2 (kernel_size - 1)
    (2^blocks - 1)` steps, 61 by default, is the decoder's strength: with less it leaves more to the latents.
    Decoding keeps the windows that the convolutions look back on, so a step costs the same at any length.

    Args:
        filters: number of channels of every block, in order.
        kernel_size: number of steps that each convolution sees.
        activation: activation in front of every convolution.
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
    >>> vae = kv.VAE((None, 5), latent_dim=2, decoder=kv.decoders.TCN((8, 8)), likelihood="gaussian")
    >>> vae.generate(3, length=7).shape
    (3, 7, 5)
    """

    def __init__(
        self,
        filters: Ints = (64, 64, 64, 64),
        kernel_size: int = 3,
        activation: Activation = "relu",
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        max_length: int | None = None,
        autoregressive: bool = True,
        flatten_latents: bool = False,
        skip_connections: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(word_dropout, max_length, autoregressive, flatten_latents, skip_connections, **kwargs)
        self.filters = positive_ints(filters, "filters")
        self.kernel_size = positive_int(kernel_size, "kernel_size")
        self.dropout = dropout
        self.embed = keras.layers.Dense(self.filters[0], dtype=self.dtype_policy, name="embed")
        self.blocks = [
            CausalBlock(
                count, kernel_size, 2**index, activation, dropout, dtype=self.dtype_policy, name=f"block_{index}"
            )
            for index, count in enumerate(self.filters)
        ]
        self.norm = keras.layers.LayerNormalization(dtype=self.dtype_policy, name="norm")

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        super().build(z_shape, target_shape)
        shape = (None, None, self.input_width)
        for layer in (self.embed, *self.blocks, self.norm):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.skips = self.skip_layers(self.filters[:-1])

    def features(self, z: Tensor, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = self.embed(inputs)
        if not self.autoregressive:
            # Told the same at every step, convolutions would know the first few apart and no others.
            x = x + ops.cast(sinusoidal_positions(ops.shape(x)[1], self.filters[0]), x.dtype)
        for index, block in enumerate(self.blocks):
            x = block(self.skip_to(index, x, z), training=training)
        return self.with_latents(self.norm(x), z)

    def start(self, z: Tensor, length: int) -> Any:
        return tuple(block.start(ops.shape(z)[0]) for block in self.blocks)

    def next_features(self, z: Tensor, target: Tensor, step: Tensor, state: Any) -> tuple[Tensor, Any]:
        x, after = self.embed(self._inputs(z, target, step=step)), []
        if not self.autoregressive:
            x = x + ops.cast(sinusoidal_positions(1, self.filters[0], step), x.dtype)
        for index, (block, before) in enumerate(zip(self.blocks, state, strict=True)):
            x, new = block.step(self.skip_to(index, x, z, step), before)
            after.append(new)
        return self.with_latents(self.norm(x), z, step), tuple(after)

    def feature_width(self) -> int:
        return self.filters[-1] + self.skip_width

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "activation": self.blocks[0].get_config()["activation"],
            "dropout": self.dropout,
        }
