"""The model that a detector trains: networks by the shape of the rows, everything else as asked for."""

import random
from typing import Any

import keras

from keras_vae import decoders, encoders, likelihoods
from keras_vae.data.field import Field
from keras_vae.hints import Component, Shape
from keras_vae.models.vae import VAE

__all__ = ["designs_of", "make_vae"]

TABLE_UNITS, SERIES_UNITS = (64, 64), (256, 128)
LATENTS = 16
TABLE_DESIGNS = (("relu", LATENTS, 1.0), ("tanh", LATENTS, 1.0), ("linear", 2, 2.0))
"""Activation, latents and weight of the models of a table. ReLU follows the rows most closely, and goes on linearly
where there are none; tanh is bounded, so that far rows are reconstructed badly; two linear latents see the spread
alone, and count as much as the others together. Their mean ranks well on more tables than any of them."""
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
        design: which of the designs of the kind, see `designs_of`.
        latent_dim: number of latents; None for the default of the design.
        encoder: as for `VAE`; None for the default of the kind.
        decoder: likewise.
        likelihood: as for `VAE`; None for a Gaussian with one learned scale.
        prior: as for `VAE`.
        missing: whether NaN stands for a missing element.
        seed: of the initial weights and of the noise.
    """
    before = random.getstate()
    random.seed(seed)  # Keras takes the seeds of initial weights from here
    try:
        own_encoder, own_decoder = default_networks(shape, kind, design)
        return VAE(
            data_shape=Field(shape, missing="nan") if missing else shape,
            latent_dim=latents_of(kind, design, latent_dim),
            encoder=own_encoder if encoder is None else unbuilt(encoder),
            decoder=own_decoder if decoder is None else unbuilt(decoder),
            likelihood=likelihoods.Gaussian() if likelihood is None else unbuilt(likelihood),
            prior=unbuilt(prior),
            seed=seed,
        )
    finally:
        random.setstate(before)


def designs_of(kind: str, encoder: Any, decoder: Any) -> tuple[float, ...]:
    """The weight of every design for rows of a kind: there is one where a network is given."""
    several = kind == "table" and encoder is None and decoder is None
    return tuple(weight for *_, weight in TABLE_DESIGNS) if several else (1.0,)


def latents_of(kind: str, design: int, latent_dim: int | None) -> int:
    """Number of latents of a design; `latent_dim` is an upper bound for the small one."""
    own = TABLE_DESIGNS[design][1] if kind == "table" else LATENTS
    if latent_dim is None:
        return own
    return min(own, latent_dim) if own < LATENTS else latent_dim


def default_networks(shape: Shape, kind: str, design: int) -> tuple[Any, Any]:
    """The encoder and the decoder for rows of a kind."""
    if kind == "image" and min(shape[:2]) >= SMALL_IMAGE:
        return encoders.Conv((16, 32, 64), hidden_units=128), decoders.Conv((64, 32, 16))
    units, activation = (TABLE_UNITS, TABLE_DESIGNS[design][0]) if kind == "table" else (SERIES_UNITS, "relu")
    return encoders.MLP(units, activation=activation), decoders.MLP(units[::-1], activation=activation)


def unbuilt(part: Any) -> Any:
    """A component as it was before it was built: every fit starts from new weights, and leaves the argument alone."""
    if isinstance(part, keras.Model):
        return keras.models.clone_model(part)
    return type(part).from_config(part.get_config()) if isinstance(part, keras.layers.Layer) else part
