"""The model that a detector trains: networks by the shape of the rows, everything else as asked for."""

from typing import Any

import keras

from keras_vae import decoders, encoders, likelihoods
from keras_vae.data.field import Field
from keras_vae.estimators import seeded_weights
from keras_vae.hints import Component, Shape
from keras_vae.models.vae import VAE

__all__ = ["make_vae", "num_designs"]

TABLE_UNITS, SERIES_UNITS = (64, 64), (256, 128)
LATENTS = 16
TABLE_DESIGNS = ("relu", "tanh")
"""Activations of the models of a table. ReLU follows the rows most closely, and goes on linearly where there are none;
tanh is bounded, so that far rows are reconstructed badly. Their mean ranks well on more tables than either."""
SMALL_IMAGE = 16
"""Images with a shorter side have too few pixels for strides."""


def make_vae(
    shape: Shape,
    kind: str,
    *,
    design: int = 0,
    latent_dim: int | None = None,
    encoder: Any = None,
    decoder: Any = None,
    likelihood: Component | None = None,
    prior: Component = "standard",
    missing: bool = False,
    seed: int = 0,
) -> VAE:
    """A new model, equal for equal seeds.

    Args:
        shape: of a row.
        kind: `"table"`, `"image"` or `"series"`, which decides on the networks.
        design: which of the designs of the kind, below `num_designs`.
        latent_dim: number of latents; None for the default.
        encoder: as for `VAE`; None for the default of the kind.
        decoder: likewise.
        likelihood: as for `VAE`; None for a Gaussian with one learned scale.
        prior: as for `VAE`.
        missing: whether NaN stands for a missing element.
        seed: of the initial weights and of the noise.
    """
    with seeded_weights(seed):
        own_encoder, own_decoder = default_networks(shape, kind, design)
        return VAE(
            data_shape=Field(shape, missing="nan") if missing else shape,
            latent_dim=LATENTS if latent_dim is None else latent_dim,
            encoder=own_encoder if encoder is None else unbuilt(encoder),
            decoder=own_decoder if decoder is None else unbuilt(decoder),
            likelihood=likelihoods.Gaussian() if likelihood is None else unbuilt(likelihood),
            prior=unbuilt(prior),
            seed=seed,
        )


def num_designs(kind: str, encoder: Any, decoder: Any) -> int:
    """How many designs there are for rows of a kind: one where a network is given."""
    return len(TABLE_DESIGNS) if kind == "table" and encoder is None and decoder is None else 1


def default_networks(shape: Shape, kind: str, design: int) -> tuple[Any, Any]:
    """The encoder and the decoder for rows of a kind."""
    if kind == "image" and min(shape[:2]) >= SMALL_IMAGE:
        return encoders.Conv((16, 32, 64), hidden_units=128), decoders.Conv((64, 32, 16))
    units, activation = (TABLE_UNITS, TABLE_DESIGNS[design]) if kind == "table" else (SERIES_UNITS, "relu")
    return encoders.MLP(units, activation=activation), decoders.MLP(units[::-1], activation=activation)


def unbuilt(part: Any) -> Any:
    """A component as it was before it was built: every fit starts from new weights, and leaves the argument alone."""
    if isinstance(part, keras.Model):
        return keras.models.clone_model(part)
    return type(part).from_config(part.get_config()) if isinstance(part, keras.layers.Layer) else part
