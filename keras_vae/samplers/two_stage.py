"""A second VAE on the latents."""

from typing import Any

import numpy as np

from keras_vae import decoders, encoders
from keras_vae.arguments import positive_int, positive_ints
from keras_vae.hints import Array, Config, Ints
from keras_vae.models.vae import VAE
from keras_vae.registry import samplers
from keras_vae.samplers.training import TrainedSampler

__all__ = ["TwoStage"]

BATCH = 512
"""Rows that are drawn at a time."""


@samplers.register("two_stage", package="keras_vae")
class TwoStage(TrainedSampler):
    """q(z) ≈ ∫ p(z | u) N(u; 0, I) du, a second VAE with a learned scale, on the latents (Dai and Wipf, 2019).

    Dai and Wipf show why the second one can match its prior where the first cannot: data lie near a manifold of fewer
    dimensions than pixels, latents of a well trained VAE fill their space. So it has as many latents as the first, and
    p(z | u) is a Gaussian whose scale is learned. A tenth of the rows is held out, and the weights that are best there
    are kept. Latents are `(n, *latent)`.

    `temperature` scales the spread of both u and p(z | u).

    Args:
        hidden_units: width of the hidden layers of its encoder and decoder.
        latent_dim: dimensions of u, by default as many as z has.
        epochs: most passes over the latents.
        batch_size: rows at a time.
        learning_rate: of Adam.
        patience: epochs without a better bound of the held-out rows, after which the training ends.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> z = np.random.default_rng(0).normal(size=(300, 2))
    >>> sampler = kv.samplers.TwoStage(hidden_units=(8,), epochs=1).fit(z)
    >>> sampler.sample(5, seed=0)[0].shape
    (5, 2)
    """

    def __init__(
        self,
        hidden_units: Ints = (256, 256),
        latent_dim: int | None = None,
        epochs: int = 100,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        patience: int = 10,
    ) -> None:
        super().__init__(epochs, batch_size, learning_rate, patience)
        self.hidden_units = positive_ints(hidden_units, "hidden_units")
        self.latent_dim = None if latent_dim is None else positive_int(latent_dim, "latent_dim")

    def build(self, level_shapes: Any, level_spaces: Any = None) -> None:
        super().build(level_shapes, level_spaces)
        self.model = VAE(
            data_shape=(self.width,),
            latent_dim=self.latent_dim or self.width,
            encoder=encoders.MLP(self.hidden_units),
            decoder=decoders.MLP(self.hidden_units),
            likelihood="gaussian",
            dtype="float32",
        )

    def draw_rows(self, n: int, generator: np.random.Generator, temperature: float) -> Array:
        drawn = self.model.generate(
            n + -n % BATCH,  # one size, which is compiled once
            mode="sample",
            seed=int(generator.integers(2**31)),
            temperature=temperature,
            data_temperature=temperature,
            batch_size=BATCH,
            verbose=0,
        )
        return drawn[:n]

    def get_config(self) -> Config:
        return {
            "hidden_units": self.hidden_units,
            "latent_dim": self.latent_dim,
            **super().get_config(),
        }
