"""Flows of planar and radial steps as posteriors."""

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.distributions.transformed import Transformed
from keras_vae.hints import Config, Part, Shape, Tensor
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.layers.planar import Planar as PlanarStep
from keras_vae.layers.projection import gaussian_heads
from keras_vae.layers.radial import Radial as RadialStep
from keras_vae.posteriors.posterior import Posterior
from keras_vae.registry import posteriors

__all__ = ["Flow", "Planar", "Radial"]

STEPS: dict[str, Any] = {"planar": PlanarStep, "radial": RadialStep}


@posteriors.register("flow", package="keras_vae")
class Flow(Posterior):
    """q(z|x) by planar and radial steps, in any order, from a diagonal Gaussian (Rezende and Mohamed, 2015).

    Each step adds a number of parameters that is linear in the dimension, and costs one pass. Draws are
    `(batch, latent_dim)`. The steps run in float32 under every policy.

    Args:
        steps: the kinds of the steps in order, `"planar"` or `"radial"`.
        amortized: whether the parameters of the steps are linear in the features, as in the paper; if False, they are
            weights, the same for all x.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments; when built for spatial latents, or features that do not fit.

    Example:

    >>> import keras_vae as kv
    >>> posterior = kv.posteriors.Flow(steps=("planar", "radial", "planar"))
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, posterior=posterior)
    """

    distribution_class = Transformed

    def __init__(self, steps: Sequence[str] = ("planar", "radial"), amortized: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        known = isinstance(steps, (list, tuple)) and len(steps) > 0 and all(kind in STEPS for kind in steps)
        if not known:
            raise ValueError(
                f"Argument `steps` must be a list of names from {sorted(STEPS)}, one for each step. Received: "
                f"steps={steps!r}"
            )
        self.kinds = tuple(steps)
        self.amortized = bool(amortized)
        self.steps = [STEPS[kind](name=f"{kind}_{index}") for index, kind in enumerate(self.kinds)]

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        if len(self.latent_shape) != 1:
            raise ValueError(
                f"The posterior {type(self).__name__} needs vector latents. Received: latents of shape "
                f"{self.latent_shape}"
            )
        input_shape = width_with_context(self.require_single_features(features_shape), context_shape)
        if self.amortized and None in input_shape[1:]:
            raise ValueError(
                f"The posterior {type(self).__name__} needs features of a known shape for its steps. Received: "
                f"features of shape {tuple(input_shape)[1:]}. Let the encoder sum them up, or pass amortized=False."
            )
        self.seen_width = math.prod(input_shape[1:]) if self.amortized else 0
        self.mean_head, self.log_var_head = gaussian_heads(input_shape, self.latent_shape, dtype=self.dtype_policy)
        for step in self.steps:
            step.build((None, *self.latent_shape), (None, self.seen_width))

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        features = concatenate_context(features, context)
        base = Gaussian(self.mean_head(features), self.log_var_head(features))
        rows = ops.shape(features)[0]
        seen = ops.zeros((rows, 0))
        if self.amortized:
            seen = ops.reshape(ops.cast(features, "float32"), (rows, self.seen_width))
        return Transformed.through(base, self.steps, seen)

    def get_config(self) -> Config:
        return {**super().get_config(), "steps": self.kinds, "amortized": self.amortized}


@posteriors.register("planar", package="keras_vae")
class Planar(Flow):
    """q(z|x) by planar steps from a diagonal Gaussian (Rezende and Mohamed, 2015).

    Each stretches or compresses space across one plane, so a few can split the mass or bend it. Draws are
    `(batch, latent_dim)`.

    Args:
        steps: number of steps.
        amortized: as for `Flow`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments; when built for spatial latents, or features that do not fit.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, posterior=kv.posteriors.Planar(steps=8))
    """

    kind = "planar"

    def __init__(self, steps: int = 4, amortized: bool = True, **kwargs: Any) -> None:
        super().__init__((self.kind,) * positive_int(steps, "steps"), amortized, **kwargs)

    def get_config(self) -> Config:
        return {**super().get_config(), "steps": len(self.steps)}


@posteriors.register("radial", package="keras_vae")
class Radial(Planar):
    """q(z|x) by radial steps from a diagonal Gaussian (Rezende and Mohamed, 2015).

    Each moves points towards a centre, or away from it. Draws are `(batch, latent_dim)`.

    Args:
        steps: number of steps.
        amortized: as for `Flow`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments; when built for spatial latents, or features that do not fit.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, posterior=kv.posteriors.Radial(steps=8))
    """

    kind = "radial"
