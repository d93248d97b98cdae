"""An inverse autoregressive flow as the posterior."""

from typing import Any

from keras_vae.arguments import positive_int
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.distributions.transformed import Transformed
from keras_vae.hints import Config, Ints, Part, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.inverse_autoregressive import InverseAutoregressive
from keras_vae.layers.projection import Projection, gaussian_heads
from keras_vae.posteriors.posterior import Posterior
from keras_vae.registry import posteriors

__all__ = ["IAF"]


@posteriors.register("iaf", package="keras_vae")
class IAF(Posterior):
    """q(z|x) by inverse autoregressive steps from a diagonal Gaussian (Kingma et al., 2016).

    Draws and their density take one pass; the density of any other point takes one pass for each
    dimension. The flow runs in float32 under every policy. Draws are
    `(batch, latent_dim)`.

    Args:
        steps: number of steps; the order of the dimensions is reversed after each.
        hidden_units: width of each step's hidden layer.
        context_units: width of the features on which every step is conditioned, besides z.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments; when built for spatial latents, or features that do not fit.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, posterior=kv.posteriors.IAF(steps=2))
    """

    distribution_class = Transformed

    def __init__(self, steps: int = 2, hidden_units: Ints = 128, context_units: Any = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.context_units = positive_int(context_units, "context_units")
        self.steps = [
            InverseAutoregressive(hidden_units, reverse=bool(index % 2), dtype="float32", name=f"step_{index}")
            for index in range(positive_int(steps, "steps"))
        ]

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        if len(self.latent_shape) != 1:
            raise ValueError(
                f"The posterior 'iaf' needs vector latents. Received: latents of shape {self.latent_shape}"
            )
        input_shape = width_with_context(self.require_single_features(features_shape), context_shape)
        self.mean_head, self.log_var_head = gaussian_heads(input_shape, self.latent_shape, dtype=self.dtype_policy)
        self.context_head = Projection((self.context_units,), dtype=self.dtype_policy, name="flow_context")
        self.context_head.build(input_shape)
        for step in self.steps:
            step.build((None, *self.latent_shape), (None, self.context_units))

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        features = concatenate_context(features, context)
        base = Gaussian(self.mean_head(features), self.log_var_head(features))
        return Transformed.through(base, self.steps, self.context_head(features))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "steps": len(self.steps),
            "hidden_units": self.steps[0].hidden_units,
            "context_units": self.context_units,
        }
