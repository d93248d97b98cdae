"""A learned flow as the prior."""

from typing import Any

from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.distributions.transformed import Transformed
from keras_vae.hints import Config, Encode, Ints, Shape, Tensor
from keras_vae.layers.affine_coupling import AffineCoupling
from keras_vae.priors.prior import Prior
from keras_vae.registry import priors

__all__ = ["Flow"]


@priors.register("flow", package="keras_vae")
class Flow(Prior):
    """p(z) is a RealNVP of a standard normal (Dinh et al., 2017; as a prior: Huang et al., 2017).

    Both the density and draws take one pass. It starts as the standard normal. With a context, every
    step is conditioned on it: p(z | c). It runs in float32 under every policy. Draws are
    `(batch, latent_dim)`.

    Args:
        steps: number of coupling steps; even and odd ones transform different halves.
        hidden_units: width of the hidden layers of every step.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments; when built for fewer than two latent dimensions, or spatial latents.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> prior = kv.priors.Flow(steps=2)
    >>> prior.build((None, 0), (2,))
    >>> round(float(prior.distribution(ops.zeros((1, 0))).log_prob(ops.zeros((1, 2)))[0]), 4)
    -1.8379
    """

    def __init__(self, steps: int = 6, hidden_units: Ints = (64, 64), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.couplings = [
            AffineCoupling(hidden_units, flip=bool(index % 2), dtype="float32", name=f"step_{index}")
            for index in range(positive_int(steps, "steps"))
        ]

    def build(self, context_shape: Shape, latent_shape: Shape, data_spec: dict[str, Any] | None = None) -> None:
        super().build(context_shape, latent_shape, data_spec)
        if len(self.latent_shape) != 1:
            raise ValueError(f"The prior 'flow' needs vector latents. Received: latents of shape {self.latent_shape}")
        for coupling in self.couplings:
            coupling.build((None, *self.latent_shape), tuple(context_shape))

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        zeros = ops.zeros((ops.shape(context)[0], *self.latent_shape), dtype="float32")
        return Transformed.through(Gaussian(zeros, zeros), self.couplings, context)

    def get_config(self) -> Config:
        first = self.couplings[0]
        return {
            **super().get_config(),
            "steps": len(self.couplings),
            "hidden_units": first.stack.hidden_units,
        }
