"""A decoder of gated recurrent units."""

from keras_vae.decoders.recurrent import Recurrent
from keras_vae.layers.recurrent_layer import recurrent_layer
from keras_vae.registry import decoders

__all__ = ["GRU"]


@decoders.register("gru", package="keras_vae")
class GRU(Recurrent):
    """Gated recurrent units, step by step: for text, music and motion (Cho et al., 2014; Bowman et al., 2016).

    For data `(time, features)` and tokens, of any length. The latents make the first state, and every step sees
    them, together with the previous step.

    Args:
        hidden_units: width of every layer, in order.
        dropout: rate of the dropout behind every layer, active in training.
        embedding_units: width of a linear layer in front, the embedding of tokens; 0 for none. By default 64
            where there are more than 128 features, which is a vocabulary, and none otherwise.
        word_dropout: probability that a step is not told, in training, what the step before was. It keeps the
            decoder from ignoring the latents (Bowman et al., 2016).
        max_length: number of steps to decode where neither the data's shape nor the caller says how many.
        autoregressive: whether a step sees those before it; without, the latents alone.
        flatten_latents: whether latents `(batch, n, width)` are one vector that all steps are told. Otherwise step t is
            told `z[:, t]`, and the first states know the first step's alone.
        skip_connections: whether the latents are an input of every layer and of the likelihood, and not of the first
            layer alone, so that a deep decoder can ignore them less easily (skip-VAE, Dieng et al., 2019).
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, data that are no sequences, or latents of another number of steps than the data.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE((None, 5), latent_dim=2, decoder=kv.decoders.GRU((16,)), likelihood="gaussian")
    >>> vae.generate(3, length=7).shape
    (3, 7, 5)
    """

    layer_class = recurrent_layer("gru")
