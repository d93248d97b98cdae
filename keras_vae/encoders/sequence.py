"""What encoders of sequences share."""

from typing import Any

from keras_vae.encoders.encoder import Encoder
from keras_vae.hints import Config, Shape, Tensor
from keras_vae.layers.sequence import hide_padding, masked_mean, step_mask

__all__ = ["Sequence"]


class Sequence(Encoder):
    """From sequences to one vector, or to features at every step: base class of encoders of sequences.

    To write one, write `features`, which gives features at every step, and `feature_width`. They are averaged over the
    steps that count, unless `summary` says otherwise.

    Args:
        return_sequences: whether the features are those of every step, `(batch, time, units)`, for latents with a time
            axis, in place of one vector `(batch, units)`. At steps that do not count they are zero.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import keras
    >>> import keras_vae as kv
    >>> import numpy as np
    >>> class Pointwise(kv.encoders.Sequence):
    ...     def build(self, input_shape):
    ...         self.dense = keras.layers.Dense(8)
    ...
    ...     def features(self, x, mask=None, training=None):
    ...         return self.dense(x)
    ...
    ...     def feature_width(self):
    ...         return 8
    >>> x = np.zeros((2, 9, 3), "float32")
    >>> tuple(Pointwise()(x).shape), tuple(Pointwise(return_sequences=True)(x).shape)
    ((2, 8), (2, 9, 8))
    """

    def __init__(self, return_sequences: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.return_sequences = bool(return_sequences)

    def call(self, x: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        features = self.features(hide_padding(x, mask), mask=mask, training=training)
        return hide_padding(features, step_mask(mask)) if self.return_sequences else self.summary(features, mask)

    def features(self, x: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        """Features of all steps, `(batch, time, units)`; those at valid steps may not depend on the others.

        Args:
            x: `(batch, time, features)`, zero at steps that do not count.
            mask: boolean `(batch, time)` of the steps that count, or None.
            training: whether dropout and the like are active.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `features(x, mask=None, training=None)`.")

    def summary(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """One vector `(batch, units)` of what `features` gives: the mean over the steps that count.

        Args:
            features: what `features` returned.
            mask: boolean `(batch, time)` of the steps that count, or None.
        """
        return masked_mean(features, mask)

    def feature_width(self) -> int:
        """Number of features, of every step or of the whole."""
        raise NotImplementedError(f"{type(self).__name__} must write `feature_width()`.")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        steps = (input_shape[1],) if self.return_sequences else ()
        return (input_shape[0], *steps, self.feature_width())

    def get_config(self) -> Config:
        return {**super().get_config(), "return_sequences": self.return_sequences}
