"""A posterior on hyperbolic space."""

from typing import Any

from keras import ops

from keras_vae.arguments import one_of
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.poincare_ball import exponential_map
from keras_vae.distributions.riemannian_normal import RiemannianNormal
from keras_vae.distributions.wrapped_normal import WrappedNormal
from keras_vae.hints import Config, Part, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.projection import Projection
from keras_vae.posteriors.posterior import Posterior
from keras_vae.registry import posteriors

__all__ = ["Poincare"]


@posteriors.register("poincare", package="keras_vae")
class Poincare(Posterior):
    """q(z|x) a normal distribution on the Poincaré ball, of the curvature of its prior (Mathieu et al., 2019).

    For the prior `"poincare"`. Its centre is the image of a projection of the features under the exponential map at the
    origin, so it lies on the ball whatever the features; its log variance is another projection, which starts at zero.
    Draws are `(batch, latent_dim)`.

    Args:
        family: `"wrapped_normal"`, with a scale for every direction, or `"riemannian_normal"`, with one for all: the
            distribution of this name in `keras_vae.distributions`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: a bad argument; another prior; when built for spatial latents, or features that do not fit.

    Example:

    >>> import keras_vae as kv
    >>> prior = kv.priors.Poincare(curvature=0.5)
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, prior=prior, posterior="poincare")
    """

    latent_space = "ball"
    requires_prior = True

    def __init__(self, family: str = "wrapped_normal", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.family = one_of(family, ("wrapped_normal", "riemannian_normal"), "family")

    @property
    def distribution_class(self) -> type[Distribution]:  # type: ignore[override]
        """`WrappedNormal` or `RiemannianNormal`."""
        return RiemannianNormal if self.family == "riemannian_normal" else WrappedNormal

    def check_prior(self, prior: Part) -> None:
        if prior.distribution_class not in (WrappedNormal, RiemannianNormal):
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
        self.step_head = Projection(self.latent_shape, dtype=self.dtype_policy, name="step")
        widths = self.latent_shape if self.family == "wrapped_normal" else (1,)
        self.log_var_head = Projection(widths, "zeros", dtype=self.dtype_policy, name="z_log_var")
        self.step_head.build(input_shape)
        self.log_var_head.build(input_shape)

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        features = concatenate_context(features, context)
        step = self.step_head(features)
        loc = exponential_map(ops.zeros_like(step), step, prior.curvature)
        log_var = self.log_var_head(features)
        if self.family == "riemannian_normal":
            return RiemannianNormal(loc, log_var[..., 0], prior.curvature)
        return WrappedNormal(loc, log_var, prior.curvature)

    def get_config(self) -> Config:
        return {**super().get_config(), "family": self.family}
