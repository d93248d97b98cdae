"""A penalty of the total correlation, by a discriminator."""

from typing import Any

import keras
from keras import ops

from keras_vae.arguments import non_negative_number
from keras_vae.distributions.draws import other_noise
from keras_vae.hints import Component, Config, Tensor
from keras_vae.objectives.combined import Combined
from keras_vae.objectives.discriminators import build_discriminator, given_layer, log_loss, score_of_fixed
from keras_vae.objectives.latent_vectors import latent_vectors, width_of_latents
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["Factor"]


@objectives.register("factor", package="keras_vae")
class Factor(Combined):
    """Another objective, plus gamma KL(q(z) || prod_j q(z_j)): FactorVAE (Kim and Mnih, 2018, equation 2).

    A discriminator tells latents of the batch from latents whose dimensions were permuted among the examples,
    independently of each other. Its logit estimates the log density ratio, the mean of which is the total correlation
    (equation 3). Encoder and discriminator are trained in one step by one optimizer, each on its own loss. Logged are
    `total_correlation`, in nats, and `discriminator_loss`: at log 2 = 0.69 it cannot tell them apart.

    Args:
        objective: the other objective, a name or an instance.
        gamma: factor of the total correlation, a finite number >= 0.
        discriminator: Keras layer or model from latents `(rows, width)` to logits `(rows, 1)`; by default three dense
            layers of 256 units.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, or latents of unknown length.
        TypeError: a discriminator that is not a layer.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=kv.objectives.Factor(gamma=10.0))
    """

    def __init__(
        self,
        objective: Component = "elbo",
        gamma: float = 10.0,
        discriminator: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(objective, **kwargs)
        self.gamma = non_negative_number(gamma, "gamma")
        self.discriminator: Any = given_layer(discriminator)
        self.has_default = discriminator is None
        self.trackers = [keras.metrics.Mean(name=name) for name in ("total_correlation", "discriminator_loss")]

    def build(self, spec: dict[str, Any]) -> None:
        super().build(spec)
        width = width_of_latents(spec, "factor")
        self.discriminator = build_discriminator(self.discriminator, width, "factor", self.dtype_policy)

    def loss(self, terms: Terms) -> Tensor:
        z = latent_vectors(terms.z)
        permuted = permuted_dimensions(z, terms.seed)

        def logits(rows: Tensor) -> Tensor:
            return self.discriminator(rows, training=terms.training)

        ratio = score_of_fixed(logits, z, lambda found: ops.cast(found, "float32")[:, 0])
        joint, product = log_loss(logits(ops.stop_gradient(z)), 1.0), log_loss(logits(permuted), 0.0)
        discriminating = 0.5 * (joint + product)
        for tracker, values in zip(self.trackers, (ratio, discriminating), strict=True):
            tracker.update_state(values)
        added = self.gamma * ratio + discriminating
        return self.objective.loss(terms) + ops.mean(ops.reshape(added, (-1, terms.z[0].shape[1])), axis=1)

    def get_config(self) -> Config:
        given = None if self.has_default else keras.saving.serialize_keras_object(self.discriminator)
        return {**super().get_config(), "gamma": self.gamma, "discriminator": given}


def permuted_dimensions(z: Tensor, seed: Any) -> Tensor:
    """Rows `(n, width)` with every column permuted by itself, through which no gradient passes.

    Args:
        z: draws, `(n, width)`.
        seed: an int or a `SeedGenerator`.
    """
    z = ops.stop_gradient(z)
    order = ops.argsort(keras.random.uniform(ops.shape(z), seed=other_noise(seed, 2)), axis=0)
    return ops.take_along_axis(z, order, axis=0)
