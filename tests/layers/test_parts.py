"""Layers inside of components, and the figures that no other test looks at."""

import numpy as np
import pytest
from keras import ops

from keras_vae.layers import InverseAutoregressive, Projection, SpatialAttention
from keras_vae.layers.dense_stack import DenseStack
from keras_vae.layers.transformer_block import TransformerBlock


@pytest.mark.parametrize("training", [True, False])
def test_batch_normalisation_in_a_stack_gets_the_flag_training(training):
    """By itself: on JAX, `fit` has no call context that would carry the flag."""
    stack = DenseStack((2,), activation=None, normalization="batch")
    stack.build((None, 3))
    x = np.random.default_rng(0).normal(5.0, 1.0, (64, 3)).astype("float32")
    mean = ops.convert_to_numpy(stack.call(x, training=training)).mean(axis=0)
    assert (np.abs(mean) < 1e-3).all() == training


def test_the_heads_of_a_transformer_share_its_width():
    block = TransformerBlock(heads=2)
    block.build((None, None, 6))
    assert (block.attention.num_heads, block.attention.key_dim) == (2, 3)


def test_a_projection_refuses_positions_that_do_not_line_up():
    with pytest.raises(ValueError, match=r"\(4, 2\).*cannot be projected to shape \(3, 2\)"):
        Projection((3, 2)).build((None, 4, 2))
    for features, target in (((4, 2), (3,)), ((8,), (3, 2)), ((3, 4), (3, 2))):
        layer = Projection(target)
        layer.build((None, *features))
        assert tuple(layer(np.zeros((5, *features), "float32")).shape) == (5, *target)


def test_the_weights_of_an_inverse_autoregressive_step_have_names():
    step = InverseAutoregressive(4)
    step.build((None, 2), (None, 3))
    assert {weight.name for weight in step.weights} == {
        "kernel_in",
        "bias_in",
        "kernel_out",
        "bias_out",
        "kernel_context",
    }


def test_the_attention_over_positions_has_a_name():
    layer = SpatialAttention()
    layer.build((None, 2, 2, 4))
    assert layer.attention.name == "attention"
