"""A prior on hyperbolic space."""

import math
from typing import Any

from keras import ops

from keras_vae.arguments import one_of, positive_number
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.riemannian_normal import RiemannianNormal
from keras_vae.distributions.wrapped_normal import WrappedNormal
from keras_vae.hints import Config, Encode, Shape, Tensor
from keras_vae.priors.prior import Prior
from keras_vae.registry import priors

__all__ = ["Poincare"]


@priors.register("poincare", package="keras_vae")
class Poincare(Prior):
    """p(z) a normal distribution around the origin of the Poincaré ball (Mathieu et al., 2019).

    For the posterior `"poincare"`. Hyperbolic space grows exponentially with the distance, as the number of nodes of a
    tree does: for data with a hierarchy, in few dimensions. It has no weights and ignores the context. Draws are
    `(batch, latent_dim)`, with sqrt(curvature) |z| < 1.

    Args:
        curvature: c above 0; the space has the curvature -c. Towards 0 it becomes flat.
        scale: standard deviation of every coordinate of the step from the origin, in hyperbolic length; for
            `"riemannian_normal"` the scale of its distances.
        family: `"wrapped_normal"` or `"riemannian_normal"`, the distribution of this name in
            `keras_vae.distributions`. Draws of the second are far out in more than a few dimensions.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: arguments that are not positive; when built for spatial latents.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, prior="poincare", posterior="poincare")
    """

    latent_space = "ball"

    def __init__(
        self, curvature: float = 1.0, scale: float = 1.0, family: str = "wrapped_normal", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.curvature = positive_number(curvature, "curvature")
        self.scale = positive_number(scale, "scale")
        self.family = one_of(family, ("wrapped_normal", "riemannian_normal"), "family")

    @property
    def distribution_class(self) -> type[Distribution]:  # type: ignore[override]
        """`WrappedNormal` or `RiemannianNormal`."""
        return RiemannianNormal if self.family == "riemannian_normal" else WrappedNormal

    def build(self, context_shape: Shape, latent_shape: Shape, data_spec: dict[str, Any] | None = None) -> None:
        super().build(context_shape, latent_shape, data_spec)
        if len(self.latent_shape) != 1:
            raise ValueError(f"The prior 'poincare' needs vector latents. Received: latents of shape {latent_shape}")

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        origin = ops.zeros((ops.shape(context)[0], *self.latent_shape))
        if self.family == "riemannian_normal":
            return RiemannianNormal(origin, origin[..., 0] + 2.0 * math.log(self.scale), self.curvature)
        return WrappedNormal(origin, origin + 2.0 * math.log(self.scale), self.curvature)

    def get_config(self) -> Config:
        return {**super().get_config(), "curvature": self.curvature, "scale": self.scale, "family": self.family}
