"""One level of latents."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Component, Config, Encode, Part, Seed, Shape, Tensor
from keras_vae.latents.latents import LatentLevel, Latents, prior_of
from keras_vae.registry import latents, posteriors, priors
from keras_vae.serialization import serialize_component

__all__ = ["Single"]


@latents.register("single", package="keras_vae")
class Single(Latents):
    """p(z) and q(z | x): one level of latents, as in Kingma and Welling (2014).

    `VAE(prior=..., posterior=...)` creates it. Create one yourself as a group of a `Product`.

    Args:
        latent_dim: number of latent dimensions, or what the prior takes instead; by default the model's.
        prior: p(z): a name, a class or an instance.
        posterior: q(z | x), likewise.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: prior and posterior do not fit each other, or the encoder.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latents=kv.latents.Single(3, prior="gaussian"))
    >>> vae.encode(np.zeros((2, 6))).shape
    (2, 3)
    """

    independent_levels = True

    def __init__(
        self,
        latent_dim: Any = None,
        prior: Component = "standard",
        posterior: Component = "gaussian",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.latent_dim = self.asked = latent_dim
        self.prior = priors.get(prior, dtype=self.dtype_policy)
        self.posterior = posteriors.get(posterior, dtype=self.dtype_policy)

    @property
    def requires_encoder(self) -> bool:  # type: ignore[override]
        return self.prior.requires_encoder

    @property
    def pairs(self) -> list[tuple[Part, Part]]:
        return [(self.prior, self.posterior)]

    def resolve_latent_shape(self, latent_dim: Any, data_shape: Any = None) -> Shape:
        if self.latent_dim is not None and latent_dim not in (None, self.latent_dim):
            raise ValueError(
                f"Argument `latent_dim` must equal that of the latents, {self.latent_dim!r}. Received: "
                f"latent_dim={latent_dim!r}. Leave one of the two out."
            )
        self.asked = latent_dim if self.latent_dim is None else self.latent_dim
        return self.prior.resolve_latent_shape(self.asked)

    def build(
        self, features_shape: Any, context_shape: Shape, latent_shape: Any, data_spec: dict[str, Any] | None = None
    ) -> None:
        if not self.prior.built:
            self.prior.build(context_shape, latent_shape, data_spec)
        for name, component in (("prior", self.prior), ("posterior", self.posterior)):
            width = getattr(component, "context_width", context_shape[-1])
            if component.built and width != context_shape[-1]:
                raise ValueError(
                    f"The {name} {type(component).__name__} was built for conditions of {width} features, and here "
                    f"they have {context_shape[-1]}. Pass one that has not been built."
                )
        built = tuple(self.prior.latent_shape)
        if built != tuple(latent_shape):
            raise ValueError(
                f"The prior {type(self.prior).__name__} was built for latents of shape {built}, and "
                f"latent_dim={self.asked!r} asks for {tuple(latent_shape)}. Give both the same size, or pass a prior "
                "that has not been built."
            )
        if not self.posterior.built:
            self.posterior.build(features_shape, context_shape, self.prior.latent_shape)
        check_built(self.posterior, self.prior, latent_shape)

    def level_shapes(self) -> tuple[Shape, ...]:
        return (self.prior.latent_shape,)

    def decoder_input_shape(self) -> Shape:
        return self.prior.latent_shape

    def prepare(self, encode: Encode) -> Any:
        return self.prior.prepare(self.root_posterior(encode)) if self.requires_encoder else None

    def infer(
        self,
        features: Any,
        context: Tensor,
        *,
        encode: Encode | None = None,
        prepared: Any = None,
        seed: Seed = None,
        num_samples: int | None = None,
        deterministic: bool = False,
        training: bool = False,
        mask: Tensor | None = None,
        prior_context: Tensor | None = None,
        given: Sequence[Any] | None = None,
    ) -> list[LatentLevel]:
        prior_context = context if prior_context is None else prior_context
        p = prior_of(self.prior, prior_context, self.root_posterior(encode), prepared)
        q = self.posterior.distribution(features, context, prior=p)
        fixed = None if given is None else given[0]
        return [self.draw(q, p, seed=seed, num_samples=num_samples, deterministic=deterministic, given=fixed)]

    def generate(
        self,
        context: Tensor,
        *,
        encode: Encode | None = None,
        prepared: Any = None,
        seed: Seed = None,
        temperature: float = 1.0,
        length: Any = None,
        given: Sequence[Any] | None = None,
    ) -> tuple[Tensor, ...]:
        if given is not None and given[0] is not None:
            return (given[0],)
        p = prior_of(self.prior, context, self.root_posterior(encode), prepared)
        return (p.tempered(temperature).sample(seed),)

    def root_posterior(self, encode: Encode | None) -> Encode | None:
        """Function `(x, context) -> q(z | x)` from one that returns features.

        Args:
            encode: function `(x, context) -> features`, or None.
        """
        return None if encode is None else functools.partial(posterior_of, self.posterior, encode)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "prior": serialize_component(self.prior, "prior"),
            "posterior": serialize_component(self.posterior, "posterior"),
        }


def posterior_of(posterior: Part, encode: Callable, x: Tensor, context: Tensor) -> Distribution:
    """q(z | x, context), through the encoder."""
    return posterior.distribution(encode(x, context), context)


def check_built(posterior: Part, prior: Part, latent_shape: Any) -> None:
    """Refuse a posterior that was built for latents of another shape than its prior."""
    if tuple(posterior.latent_shape) != tuple(latent_shape):
        raise ValueError(
            f"The posterior {type(posterior).__name__} was built for latents of shape {tuple(posterior.latent_shape)}, "
            f"the prior {type(prior).__name__} for {tuple(latent_shape)}. Give both the same size, or pass components "
            "that have not been built."
        )
