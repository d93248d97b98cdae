"""The contract of an encoder."""

from typing import Any

import keras

from keras_vae.hints import Config, Tensor
from keras_vae.layers.call_arguments import accepted_arguments
from keras_vae.registry import encoders

__all__ = ["Encoder"]


@encoders.contract
class Encoder(keras.layers.Layer):
    """Maps data to features, from which the posterior computes a distribution.

    To write one, subclass it, create the layers (in `__init__`, or in `build` where they follow the
    data's shape), and write `call`, from data `(batch, *data_shape)` to features such as `(batch, units)`,
    and `compute_output_shape`. Return features of any rank, not means and variances: the posterior owns
    that projection. For several levels of latents return a list, one tensor for each level, top first; for posteriors
    that combine an expert of every field, a dict, as `PerField` does.
    Any `keras.Model` can be used as an encoder. Where `call` takes `condition`, it gets the encoded condition,
    `(batch, width)`, by that name.

    >>> import keras
    >>> import keras_vae as kv
    >>> class Linear(kv.encoders.Encoder):
    ...     def build(self, input_shape):
    ...         self.flatten = keras.layers.Flatten()
    ...         self.dense = keras.layers.Dense(8)
    ...         self.dense.build(self.flatten.compute_output_shape(input_shape))
    ...
    ...     def call(self, x, mask=None, training=None):
    ...         return self.dense(self.flatten(x))
    ...
    ...     def compute_output_shape(self, input_shape):
    ...         return (input_shape[0], 8)
    >>> vae = kv.VAE(data_shape=(4, 4, 1), latent_dim=2, encoder=Linear())

    Attributes:
        condition_width: number of features of the encoded condition where `call` takes `condition`, else 0; the model
            sets it before `build`.
        takes_present: True if `call` takes `present`, a dict with boolean `(batch,)` for every field, False in rows
            where that field is absent; None where none can be.
    """

    condition_width = 0
    takes_present = False

    def call(self, x: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        """Features of `x`.

        Args:
            x: `(batch, *data_shape)`, as the likelihood's `to_network` gives it.
            mask: boolean `(batch, time)`, True at valid steps, or None.
            training: whether dropout and the like are active.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `call(x, mask=None, training=None)`.")

    @property
    def takes_condition(self) -> bool:
        """Whether `call` takes `condition`; that of the networks inside, for one that wraps others."""
        return bool(accepted_arguments(self, ("condition",)))

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
