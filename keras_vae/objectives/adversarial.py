"""The adversarial autoencoder."""

from typing import Any

import keras
from keras import ops

from keras_vae.arguments import non_negative_number
from keras_vae.hints import Config, Tensor
from keras_vae.objectives.discriminators import build_discriminator, given_layer, log_loss, score_of_fixed
from keras_vae.objectives.latent_vectors import latent_vectors, width_of_latents
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["Adversarial"]


@objectives.register("adversarial", package="keras_vae")
class Adversarial(Objective):
    """-log p(x|z) - weight log D(z), in nats per example: the adversarial autoencoder (Makhzani et al., 2016).

    A discriminator D tells draws from the prior from latents of the data, and the encoder learns to mislead it, so the
    latents come to be distributed as the prior, of which only draws are needed. Encoder and discriminator are trained
    in one step by one optimizer, each on its own loss. A model with this objective has the posterior `"deterministic"`
    and logs no `kl_loss`, unless it is created with another posterior. Logged are `adversarial_loss`, -log D(z), and
    `discriminator_loss`: both at log 2 = 0.69 if the two cannot be told apart.

    Args:
        weight: factor of the adversarial term, a finite number >= 0.
        discriminator: Keras layer or model from latents `(rows, width)` to logits `(rows, 1)`; by default three dense
            layers of 256 units.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, or latents of unknown length.
        TypeError: a discriminator that is not a layer.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=kv.objectives.Adversarial(weight=5.0))
    """

    default_posterior = "deterministic"

    def __init__(self, weight: float = 1.0, discriminator: keras.layers.Layer | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weight = non_negative_number(weight, "weight")
        self.discriminator: Any = given_layer(discriminator)
        self.has_default = discriminator is None
        self.trackers = [keras.metrics.Mean(name=name) for name in ("adversarial_loss", "discriminator_loss")]

    def build(self, spec: dict[str, Any]) -> None:
        width = width_of_latents(spec, "adversarial")
        self.discriminator = build_discriminator(self.discriminator, width, "adversarial", self.dtype_policy)

    def loss(self, terms: Terms) -> Tensor:
        z, prior_z = latent_vectors(terms.z), ops.stop_gradient(latent_vectors(terms.prior_z))

        def logits(rows: Tensor) -> Tensor:
            return self.discriminator(rows, training=terms.training)

        misleading = score_of_fixed(logits, z, lambda found: log_loss(found, 1.0))
        of_prior, of_data = log_loss(logits(prior_z), 1.0), log_loss(logits(ops.stop_gradient(z)), 0.0)
        discriminating = 0.5 * (of_prior + of_data)
        for tracker, values in zip(self.trackers, (misleading, discriminating), strict=True):
            tracker.update_state(values)
        return self.weight * misleading + discriminating - ops.mean(terms.log_likelihood, axis=1)

    def get_config(self) -> Config:
        given = None if self.has_default else keras.saving.serialize_keras_object(self.discriminator)
        return {**super().get_config(), "weight": self.weight, "discriminator": given}
