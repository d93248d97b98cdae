"""The uniform prior on the sphere."""

from typing import Any

import numpy as np
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.von_mises_fisher import VonMisesFisher
from keras_vae.hints import Encode, Shape, Tensor
from keras_vae.priors.prior import Prior
from keras_vae.registry import priors

__all__ = ["UniformSphere"]


@priors.register("uniform_sphere", package="keras_vae")
class UniformSphere(Prior):
    """p(z) uniform on the unit sphere in `latent_dim` dimensions, for the posterior `"von_mises_fisher"`.

    The hyperspherical VAE of Davidson et al. (2018): without attraction to the origin, for directional data and
    clusters. It has no weights and ignores the context. Draws are `(batch, latent_dim)`.

    Raises:
        ValueError: when built for fewer than two dimensions.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=3, prior="uniform_sphere", posterior="von_mises_fisher")
    """

    latent_space = "sphere"
    distribution_class = VonMisesFisher

    def build(self, context_shape: Shape, latent_shape: Shape, data_spec: dict[str, Any] | None = None) -> None:
        super().build(context_shape, latent_shape, data_spec)
        if len(self.latent_shape) != 1 or self.latent_shape[0] < 2:
            raise ValueError(
                f"The prior 'uniform_sphere' needs at least two latent dimensions. Received: {self.latent_shape}"
            )

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        batch = ops.shape(context)[0]
        pole = np.eye(1, self.latent_shape[0], dtype="float32")
        loc = ops.broadcast_to(ops.convert_to_tensor(pole), (batch, *self.latent_shape))
        return VonMisesFisher(loc, ops.zeros((batch,)))
