"""Layers for use in any Keras model."""

from keras_vae.layers.affine_coupling import AffineCoupling
from keras_vae.layers.between import Between
from keras_vae.layers.call_arguments import accepted_arguments
from keras_vae.layers.causal_block import CausalBlock
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.convolution import convolution, transposed_convolution
from keras_vae.layers.dense_stack import DenseStack
from keras_vae.layers.inverse_autoregressive import InverseAutoregressive
from keras_vae.layers.kl_divergence_regularizer import KLDivergenceRegularizer
from keras_vae.layers.masked_convolution import MaskedConvolution
from keras_vae.layers.merge_conv import MergeConv
from keras_vae.layers.merge_dense import MergeDense
from keras_vae.layers.planar import Planar
from keras_vae.layers.projection import Projection, gaussian_heads
from keras_vae.layers.radial import Radial
from keras_vae.layers.recurrent_layer import recurrent_layer
from keras_vae.layers.residual_block import ResidualBlock, group_normalization
from keras_vae.layers.salt_and_pepper import SaltAndPepper
from keras_vae.layers.sampling import Sampling
from keras_vae.layers.sequence import (
    hide_padding,
    masked_mean,
    sequence_width,
    shift_right,
    sinusoidal_positions,
    step_embedding,
)
from keras_vae.layers.spatial import spatial_rank
from keras_vae.layers.spatial_attention import SpatialAttention
from keras_vae.layers.transformer_block import TransformerBlock
from keras_vae.layers.word_dropout import WordDropout

__all__ = [
    "AffineCoupling",
    "Between",
    "CausalBlock",
    "DenseStack",
    "InverseAutoregressive",
    "KLDivergenceRegularizer",
    "MaskedConvolution",
    "MergeConv",
    "MergeDense",
    "Planar",
    "Projection",
    "Radial",
    "ResidualBlock",
    "SaltAndPepper",
    "Sampling",
    "SpatialAttention",
    "TransformerBlock",
    "WordDropout",
    "accepted_arguments",
    "concatenate_context",
    "convolution",
    "gaussian_heads",
    "group_normalization",
    "hide_padding",
    "masked_mean",
    "recurrent_layer",
    "sequence_width",
    "shift_right",
    "sinusoidal_positions",
    "spatial_rank",
    "step_embedding",
    "transposed_convolution",
    "width_with_context",
]
