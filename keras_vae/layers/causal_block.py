"""The residual block of `tcn`."""

from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.hints import Activation, Config, Shape, Tensor
from keras_vae.layers.seeded_dropout import dropout_rate, seeded_dropout
from keras_vae.layers.sequence import hide_padding
from keras_vae.serialization import serialize_function

__all__ = ["CausalBlock"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class CausalBlock(keras.layers.Layer):
    """x + f(x), f two dilated causal convolutions, each after a layer normalisation and an activation.

    The block of a temporal convolutional network (Bai, Kolter and Koltun, 2018), with layer normalisation in
    place of the weights': the result at a step depends on that step and on earlier ones. Each
    step is normalised by itself, so padding has no effect.

    Args:
        filters: number of channels of the result.
        kernel_size: kernel size of each convolution, in steps.
        dilation: distance between them.
        activation: activation before both convolutions.
        dropout: rate of the dropout in front of the second, active in training.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Call arguments:
        inputs: `(batch, time, channels)`.
        mask: boolean `(batch, time)`, True at valid steps, or None.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import CausalBlock
    >>> tuple(CausalBlock(4, dilation=2)(np.zeros((2, 9, 3), "float32")).shape)
    (2, 9, 4)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        dilation: int = 1,
        activation: Activation = "relu",
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = positive_int(filters, "filters")
        self.kernel_size = positive_int(kernel_size, "kernel_size")
        self.dilation = positive_int(dilation, "dilation")
        self.activation = keras.activations.get(activation)
        self.dropout = dropout_rate(dropout)
        self.drop = seeded_dropout(dropout, self.dtype_policy)

    def build(self, input_shape: Shape) -> None:
        width = tuple(input_shape)[-1]
        self.norms, self.convolutions = [], []
        for index, channels in enumerate((width, self.filters)):
            norm = keras.layers.LayerNormalization(dtype=self.dtype_policy, name=f"norm_{index}")
            convolution = keras.layers.Conv1D(
                self.filters,
                self.kernel_size,
                padding="causal",
                dilation_rate=self.dilation,
                data_format="channels_last",
                dtype=self.dtype_policy,
                name=f"conv_{index}",
            )
            norm.build((None, None, channels))
            convolution.build((None, None, channels))
            self.norms.append(norm)
            self.convolutions.append(convolution)
        self.skip = None
        if width != self.filters:
            self.skip = keras.layers.Dense(self.filters, use_bias=False, dtype=self.dtype_policy, name="skip")
            self.skip.build((None, None, width))
        self.width = width

    def call(self, inputs: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        x = inputs
        for index, (norm, convolution) in enumerate(zip(self.norms, self.convolutions, strict=True)):
            # Padding before a sequence then equals the zeros of the convolution's own causal padding.
            x = hide_padding(self.activation(norm(x)), mask)
            if index and self.drop is not None:
                x = self.drop(x, training=training)
            x = convolution(x)
        return x + self._shortcut(inputs)

    def _shortcut(self, inputs: Tensor) -> Tensor:
        return inputs if self.skip is None else self.skip(inputs)

    def start(self, batch_size: int) -> Any:
        """The initial state of `step`: the past inputs of each convolution, all zero.

        Args:
            batch_size: number of sequences.
        """
        back = (self.kernel_size - 1) * self.dilation
        return tuple(
            ops.zeros((batch_size, back, channels), dtype=self.compute_dtype) for channels in (self.width, self.filters)
        )

    def step(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The output of one step `(batch, 1, channels)`, and the new state.

        Args:
            inputs: `(batch, 1, channels)`.
            state: the state returned by `start` or by the previous step.
        """
        x, after = inputs, []
        for norm, convolution, before in zip(self.norms, self.convolutions, state, strict=True):
            window = ops.concatenate([before, self.activation(norm(x))], axis=1)
            after.append(window[:, 1:])
            # Only the taps that this step's result is made of: the whole window would be convolved for one result.
            taps = window[:, :: self.dilation]
            kernel = ops.cast(convolution.kernel, self.compute_dtype)
            x = ops.tensordot(taps, kernel, axes=[[1, 2], [0, 1]]) + ops.cast(convolution.bias, self.compute_dtype)
            x = ops.expand_dims(x, 1)
        return x + self._shortcut(inputs), tuple(after)

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None = None) -> Any:
        """None: masks travel as arguments, never attached to the features."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*tuple(input_shape)[:-1], self.filters)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilation": self.dilation,
            "activation": serialize_function(self.activation, "activation"),
            "dropout": self.dropout,
        }
