"""A Gaussian posterior parametrised relative to its prior."""

from typing import Any

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import Gaussian as GaussianDistribution
from keras_vae.hints import Part, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.projection import gaussian_heads
from keras_vae.posteriors.posterior import Posterior
from keras_vae.registry import posteriors

__all__ = ["Residual"]


@posteriors.register("residual", package="keras_vae")
class Residual(Posterior):
    """q(z | x) = N(loc_p + shift(x), var_p * exp(log_scale(x))), with p(z | context) = N(loc_p, var_p).

    The residual posterior of Vahdat and Kautz (2020, section 3.2), for the levels of a ladder: when the
    prior moves, the posterior moves with it, and an unused level has no KL. Draws are
    `(batch, *latent_shape)`.

    Raises:
        ValueError: the prior is not a diagonal Gaussian.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, prior="gaussian", posterior="residual")
    """

    distribution_class = GaussianDistribution
    requires_prior = True

    def check_prior(self, prior: Part) -> None:
        if prior.distribution_class is not GaussianDistribution:
            raise ValueError(
                "The posterior 'residual' needs a diagonal Gaussian prior such as 'standard' or "
                f"'gaussian'. Received: the prior {type(prior).__name__}"
            )

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        input_shape = width_with_context(self.require_single_features(features_shape), context_shape)
        self.shift_head, self.log_scale_head = gaussian_heads(
            input_shape, self.latent_shape, names=("shift", "log_scale"), dtype=self.dtype_policy
        )

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        features = concatenate_context(features, context)
        return GaussianDistribution(
            prior.loc + self.shift_head(features),
            prior.log_var + self.log_scale_head(features),
            event_ndims=len(self.latent_shape),
        )
