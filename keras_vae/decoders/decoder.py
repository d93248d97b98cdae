"""The contract of a decoder."""

from typing import Any

import keras

from keras_vae.decoders.steps import continued
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Config, Part, Seed, Tensor
from keras_vae.layers.call_arguments import accepted_arguments
from keras_vae.registry import decoders

__all__ = ["Decoder"]


@decoders.contract
class Decoder(keras.layers.Layer):
    """Latents to features, from which the likelihood projects its parameters.

    To write one, subclass it and implement `call` and `compute_output_shape`. Return features, not pixels:
    flat `(batch, units)`, or with the leading axes of the data `(batch, height, width, channels)`; the
    likelihood projects either to the shape of the data. The argument `target_shape` of `build` is the shape of the
    encoder's input: that of the data, except that tokens are one-hot. Any `keras.Model` can be used as a
    decoder. If `call` takes `condition`, the encoded condition, `(batch, width)`, is passed by that name instead of
    appended to `z`.

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
        requires_target: True if `call` needs `target` (teacher forcing, autoregressive decoders).
        condition_width: number of features of the encoded condition if `call` takes `condition`, else 0; the model
            sets it before `build`.
    """

    requires_target = False
    condition_width = 0

    def call(
        self, z: Tensor, target: Tensor | None = None, mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        """Features for latents `z`.

        Args:
            z: `(batch, *latent_shape)`, with the condition appended if there is one.
            target: `(batch, *target_shape)`, the true data, for decoders with `requires_target`.
            mask: boolean `(batch, time)`, True at valid steps, or None.
            training: whether layers such as dropout are active.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must implement `call(z, target=None, mask=None, training=None)`."
        )

    @property
    def takes_condition(self) -> bool:
        """Whether `call` takes `condition`; that of the networks inside, for one that wraps others."""
        return bool(accepted_arguments(self, ("condition",)))

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None = None) -> Any:
        """None: masks are passed as arguments, and not attached to the features."""

    def get_build_config(self) -> Any:
        """As in Keras, with the width of the condition if there is one."""
        config = super().get_build_config()
        return {**config, "condition_width": self.condition_width} if config and self.condition_width else config

    def build_from_config(self, config: Config) -> None:
        # Set before the layer is built, since its sublayers may depend on it.
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
        prefix: Any = None,
        prefix_mask: Any = None,
    ) -> Tensor:
        """Data for latents `z`: the mean, the mode or a draw of the likelihood, in one pass: `(batch, *data_shape)`.

        Autoregressive decoders override it with a compiled loop. A model passes `prefix` and `prefix_mask` only where
        the user gave a prefix, so a `decode` that does not take them serves for everything else.

        Args:
            z: as for `call`.
            likelihood: the model's likelihood.
            seed: int or `SeedGenerator`, for draws.
            mode: `"mean"`, `"mode"` or `"sample"`; None for the likelihood's `typical`.
            temperature: scales the spread of a draw.
            length: number of steps, if the data's shape does not fix it.
            condition: `(batch, width)`, the encoded condition, if `call` takes it by that name; else None.
            prefix: `(batch, time, ...)`, the first steps of the data, which are returned as they are; or None.
            prefix_mask: boolean `(batch, time)`, or with more axes of the prefix, True where it counts; None if all of
                it does.
        """
        del length
        options = {} if condition is None else {"condition": condition}
        distribution = likelihood.distribution(likelihood(self(z, training=False, **options)))
        value = draw(distribution, mode, seed, temperature, likelihood=likelihood)
        return continued(value, likelihood, prefix, prefix_mask)


def draw(
    distribution: Distribution,
    mode: str | None,
    seed: Seed = None,
    temperature: float = 1.0,
    *,
    likelihood: Part | None = None,
) -> Tensor:
    """Mean, mode or draw of p(x | z), as `mode` says; for None, the `typical` value of the `likelihood`.

    >>> from keras import ops
    >>> from keras_vae.decoders.decoder import draw
    >>> from keras_vae.distributions import Bernoulli
    >>> float(draw(Bernoulli(ops.ones((1,))), "mode")[0])
    1.0
    """
    if mode is None:
        if likelihood is None:
            raise ValueError(
                "Argument `mode` may be None only with a likelihood, which then defines a typical value. Received: "
                "mode=None, likelihood=None. Pass likelihood=..., or one of 'mean', 'mode' and 'sample'."
            )
        return likelihood.typical(distribution)
    if mode == "sample":
        return distribution.tempered(temperature).sample(seed)
    return distribution.mode() if mode == "mode" else distribution.mean()
