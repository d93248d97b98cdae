"""The contract of a decoder."""

from typing import Any

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Config, Part, Seed, Tensor
from keras_vae.registry import decoders

__all__ = ["Decoder"]


@decoders.contract
class Decoder(keras.layers.Layer):
    """Latents to features, from which the likelihood projects its parameters.

    To write one, subclass it and write `call` and `compute_output_shape`. Return features, not pixels:
    flat `(batch, units)`, or with the data's leading axes `(batch, height, width, channels)`; the
    likelihood projects either to the data's shape. `build` learns, as `target_shape`, the shape of what
    the encoder sees: the data's, but for tokens, which are one-hot there. Any `keras.Model` may stand in
    for a decoder. Where `call` takes `condition`, it gets the encoded condition, `(batch, width)`, by that name, and
    not appended to `z`.

    >>> import keras
    >>> import keras_vae as kv
    >>> class Linear(kv.decoders.Decoder):
    ...     def build(self, z_shape, target_shape=None):
    ...         self.dense = keras.layers.Dense(8)
    ...         self.dense.build(z_shape)
    ...
    ...     def call(self, z, target=None, mask=None, training=None):
    ...         return self.dense(z)
    ...
    ...     def compute_output_shape(self, z_shape, target_shape=None):
    ...         return (z_shape[0], 8)
    >>> vae = kv.VAE(data_shape=(4, 4, 1), latent_dim=2, decoder=Linear())

    Attributes:
        requires_target: True where `call` reads `target` (teacher forcing, autoregressive decoders).
        condition_width: number of features of the encoded condition where `call` takes `condition`, else 0; the model
            sets it before `build`.
    """

    requires_target = False
    condition_width = 0

    def call(
        self, z: Tensor, target: Tensor | None = None, mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        """Features for latents `z`.

        Args:
            z: `(batch, *latent_shape)`, the condition appended where there is one.
            target: `(batch, *target_shape)`, what is to be decoded, for decoders with `requires_target`.
            mask: boolean `(batch, time)` of the steps that count, or None.
            training: whether dropout and the like are active.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `call(z, target=None, mask=None, training=None)`.")

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None = None) -> Any:
        """None: masks travel as arguments, never attached to the features."""

    def get_build_config(self) -> Any:
        """Keras' own, and the width of the condition where there is one."""
        config = super().get_build_config()
        return {**config, "condition_width": self.condition_width} if config and self.condition_width else config

    def build_from_config(self, config: Config) -> None:
        # Before the layer is built: its own layers may follow the width.
        self.condition_width = config.get("condition_width", 0)
        super().build_from_config({name: value for name, value in config.items() if name != "condition_width"})

    def decode(
        self,
        z: Tensor,
        likelihood: Part,
        *,
        seed: Seed = None,
        mode: str | None = "mean",
        temperature: float = 1.0,
        length: int | None = None,
        condition: Tensor | None = None,
    ) -> Tensor:
        """Data for latents `z`: the likelihood's mean, mode or a draw, in one pass: `(batch, *data_shape)`.

        An autoregressive decoder overrides it with one compiled loop.

        Args:
            z: as for `call`.
            likelihood: the model's likelihood.
            seed: int or `SeedGenerator`, for draws.
            mode: `"mean"`, `"mode"` or `"sample"`; None for what the likelihood takes for typical.
            temperature: scales the spread of a draw.
            length: number of steps, where the data's shape leaves it open.
            condition: `(batch, width)`, the encoded condition, where `call` takes one by that name; None otherwise.
        """
        del length
        options = {} if condition is None else {"condition": condition}
        distribution = likelihood.distribution(likelihood(self(z, training=False, **options)))
        value = draw(distribution, mode, seed, temperature, likelihood=likelihood)
        return fill_behind_end(value, likelihood)


def draw(
    distribution: Distribution,
    mode: str | None,
    seed: Seed = None,
    temperature: float = 1.0,
    *,
    likelihood: Part | None = None,
) -> Tensor:
    """What an argument `mode` asks of p(x | z); of no mode, what the `likelihood` takes for typical.

    >>> from keras import ops
    >>> from keras_vae.decoders.decoder import draw
    >>> from keras_vae.distributions import Bernoulli
    >>> float(draw(Bernoulli(ops.ones((1,))), "mode")[0])
    1.0
    """
    if mode is None:
        if likelihood is None:
            raise ValueError(
                "Argument `mode` may be None where the likelihood is given, which then says what is typical. Received: "
                "mode=None, likelihood=None. Pass likelihood=..., or one of 'mean', 'mode' and 'sample'."
            )
        return likelihood.typical(distribution)
    if mode == "sample":
        return distribution.tempered(temperature).sample(seed)
    return distribution.mode() if mode == "mode" else distribution.mean()


def fill_behind_end(value: Tensor, likelihood: Part) -> Tensor:
    """Decoded sequences with `likelihood.padding` behind the step that ends each; unchanged where none can end.

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> from keras_vae.decoders.decoder import fill_behind_end
    >>> tokens = kv.likelihoods.Categorical(5, padding=0, end=1)
    >>> [int(token) for token in fill_behind_end(np.array([[3, 1, 4]]), tokens)[0]]
    [3, 1, 0]
    """
    ends = likelihood.has_ended(value)
    if ends is None:
        return value
    ends = ops.cast(ends, "int32")
    return ops.where(ops.cumsum(ends, axis=1) - ends > 0, ops.cast(likelihood.padding, value.dtype), value)
