"""A posterior on hyperbolic space."""

from typing import Any

from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.poincare_ball import exponential_map
from keras_vae.distributions.wrapped_normal import WrappedNormal
from keras_vae.hints import Part, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.projection import gaussian_heads
from keras_vae.posteriors.posterior import Posterior
from keras_vae.registry import posteriors

__all__ = ["Poincare"]


@posteriors.register("poincare", package="keras_vae")
class Poincare(Posterior):
    """q(z|x) a wrapped normal on the Poincaré ball, of the curvature of its prior (Mathieu et al., 2019).

    For the prior `"poincare"`. Its centre is the image of a projection of the features under the exponential map at the
    origin, so it lies on the ball whatever the features; its log variance is another projection, which starts at zero.
    Draws are `(batch, latent_dim)`.

    Raises:
        ValueError: another prior; when built for spatial latents, or features that do not fit.

    Example:

    >>> import keras_vae as kv
    >>> prior = kv.priors.Poincare(curvature=0.5)
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, prior=prior, posterior="poincare")
    """

    latent_space = "ball"
    distribution_class = WrappedNormal
    requires_prior = True

    def check_prior(self, prior: Part) -> None:
        if prior.distribution_class is not WrappedNormal:
            raise ValueError(
                "The posterior 'poincare' needs a prior on the Poincaré ball, whose curvature it takes: 'poincare'. "
                f"Received: the prior {type(prior).__name__}"
            )

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        if len(self.latent_shape) != 1:
            raise ValueError(
                f"The posterior 'poincare' needs vector latents. Received: latents of shape {self.latent_shape}"
            )
        input_shape = width_with_context(self.require_single_features(features_shape), context_shape)
        self.step_head, self.log_var_head = gaussian_heads(
            input_shape, self.latent_shape, names=("step", "z_log_var"), dtype=self.dtype_policy
        )

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        features = concatenate_context(features, context)
        step = self.step_head(features)
        loc = exponential_map(ops.zeros_like(step), step, prior.curvature)
        return WrappedNormal(loc, self.log_var_head(features), prior.curvature)
