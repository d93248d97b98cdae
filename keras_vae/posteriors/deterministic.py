"""A posterior without noise."""

from typing import Any

from keras_vae.distributions.deterministic import Deterministic as DeterministicDistribution
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Part, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.projection import Projection
from keras_vae.posteriors.posterior import Posterior
from keras_vae.registry import posteriors

__all__ = ["Deterministic"]


@posteriors.register("deterministic", package="keras_vae")
class Deterministic(Posterior):
    """z = f(x): one point, linear in the encoder's features, as in an autoencoder (Ghosh et al., 2020).

    Points have no density, so a model with this posterior has no KL and no ELBO: it logs no `kl_loss`, and needs an
    objective that reads neither, `"autoencoder"`, `"regularized"`, `"wasserstein"` or `"adversarial"`. These objectives
    take it by default. Points are `(batch, latent_dim)`.

    Raises:
        ValueError: the encoder returns several feature tensors.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, posterior="deterministic", objective="autoencoder")
    """

    distribution_class = DeterministicDistribution
    has_density = False

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        input_shape = width_with_context(self.require_single_features(features_shape), context_shape)
        self.head = Projection(self.latent_shape, dtype=self.dtype_policy, name="head")
        self.head.build(input_shape)

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        return DeterministicDistribution(self.head(concatenate_context(features, context)))
