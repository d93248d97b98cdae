"""The block of `transformer`."""

from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.hints import Activation, Config, Shape, Tensor
from keras_vae.layers.seeded_dropout import dropout_rate, seeded_dropout
from keras_vae.layers.sequence import step_mask
from keras_vae.serialization import serialize_function

__all__ = ["TransformerBlock"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class TransformerBlock(keras.layers.Layer):
    """Self-attention and a two-layer perceptron, both residual, with pre-norm.

    `keras.layers.MultiHeadAttention` (Vaswani et al., 2017) in the order of Xiong et al. (2020), which trains
    without a warm-up of the learning rate. Masked steps are not attended to.

    Args:
        heads: number of attention heads; the features are split among them.
        expansion: width of the perceptron's hidden layer, in multiples of the features.
        causal: whether a step attends only to itself and to earlier steps.
        activation: activation of the perceptron.
        dropout: rate of the dropout after both sublayers, active in training.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Call arguments:
        inputs: `(batch, time, features)`.
        mask: boolean `(batch, time)`, True at valid steps, or None.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import numpy as np
    >>> from keras_vae.layers import TransformerBlock
    >>> tuple(TransformerBlock(heads=2)(np.zeros((2, 9, 6), "float32")).shape)
    (2, 9, 6)
    """

    def __init__(
        self,
        heads: int = 4,
        expansion: int = 4,
        causal: bool = False,
        activation: Activation = "gelu",
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.heads = positive_int(heads, "heads")
        self.expansion = positive_int(expansion, "expansion")
        self.causal = bool(causal)
        self.activation = keras.activations.get(activation)
        self.dropout = dropout_rate(dropout)
        self.drop = seeded_dropout(dropout, self.dtype_policy)

    def build(self, input_shape: Shape) -> None:
        width = tuple(input_shape)[-1]
        shape = (None, None, width)
        self.norms = [keras.layers.LayerNormalization(dtype=self.dtype_policy, name=f"norm_{i}") for i in range(2)]
        for norm in self.norms:
            norm.build(shape)
        # In float32 under mixed_float16: a sum over channels can overflow it, and JAX has no such kernel on CPUs.
        policy = "float32" if self.compute_dtype == "float16" else self.dtype_policy
        # Without biases: one on the keys adds the same to all logits of a softmax, and would never move.
        self.attention = keras.layers.MultiHeadAttention(
            self.heads, max(1, width // self.heads), use_bias=False, dtype=policy, name="attention"
        )
        self.attention.build(shape, shape)
        hidden = self.expansion * width
        self.dense = [
            keras.layers.Dense(hidden, activation=self.activation, dtype=self.dtype_policy, name="expand"),
            keras.layers.Dense(width, dtype=self.dtype_policy, name="contract"),
        ]
        self.dense[0].build(shape)
        self.dense[1].build((None, None, hidden))
        self.width = width

    def call(self, inputs: Tensor, mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        x = self.norms[0](inputs)
        visible = None if mask is None else ops.expand_dims(step_mask(mask), 1)
        x = self.attention(x, x, attention_mask=visible, use_causal_mask=self.causal, training=training)
        return self._perceptron(inputs + self._dropped(x, training), training)

    def _perceptron(self, x: Tensor, training: bool | None = None) -> Tensor:
        return x + self._dropped(self.dense[1](self.dense[0](self.norms[1](x))), training)

    def _dropped(self, x: Tensor, training: bool | None) -> Tensor:
        x = ops.cast(x, self.compute_dtype)
        return x if self.drop is None else self.drop(x, training=training)

    def start(self, batch_size: int, length: int) -> Any:
        """The initial state of `step`: the keys and values of earlier steps, all zero.

        Args:
            batch_size: number of sequences.
            length: number of steps.
        """
        shape = (batch_size, length, self.heads, self.attention.key_dim)
        return tuple(ops.zeros(shape, dtype=self.attention.compute_dtype) for _ in range(2))

    def step(self, inputs: Tensor, seen: Any, step: Tensor) -> tuple[Tensor, Any]:
        """The output of step number `step`, `(batch, 1, features)`, and the new state.

        Args:
            inputs: `(batch, 1, features)`.
            seen: the state returned by `start` or by the previous step, two tensors `(batch, length, heads, width)`.
            step: number of the step.
        """
        x = self.norms[0](inputs)
        positions = ops.arange(ops.shape(seen[0])[1])
        here = ops.reshape(ops.equal(positions, step), (1, -1, 1, 1))
        layers = (self.attention.key_dense, self.attention.value_dense)
        seen = tuple(ops.where(here, layer(x), before) for layer, before in zip(layers, seen, strict=True))
        visible = ops.reshape(positions <= step, (1, 1, 1, -1))
        x = ops.dot_product_attention(self.attention.query_dense(x), *seen, mask=visible)
        return self._perceptron(inputs + ops.cast(self.attention.output_dense(x), self.compute_dtype)), seen

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None = None) -> Any:
        """None: masks travel as arguments, never attached to the features."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "heads": self.heads,
            "expansion": self.expansion,
            "causal": self.causal,
            "activation": serialize_function(self.activation, "activation"),
            "dropout": self.dropout,
        }
