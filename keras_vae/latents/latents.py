"""The contract of a latent structure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Config, Encode, Part, Seed, Shape, Tensor
from keras_vae.registry import latents

__all__ = ["LatentLevel", "Latents"]


class LatentLevel(NamedTuple):
    """What one level of latents contributes to the objective.

    Attributes:
        posterior: q(z | x, context), a distribution value.
        prior: p(z | context), a distribution value.
        z: a draw from the posterior (or its mean), `(batch, *latent)`, float32. With several samples
            `(samples, batch, *latent)`; below a level with several samples `(samples * batch, *latent)`, as its
            posterior and its prior.
        log_q: log q(z | x, context), of z's leading axes, where the draw gave it; None where it is still to be
            computed.
        state: what the level hands to the levels below, in a hierarchy.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> q = kv.distributions.Gaussian(np.ones((5, 2)), np.zeros((5, 2)))
    >>> p = kv.distributions.Gaussian(np.zeros((5, 2)), np.zeros((5, 2)))
    >>> tuple(kv.latents.Latents.draw(q, p, deterministic=True).z.shape)
    (5, 2)
    """

    posterior: Distribution
    prior: Distribution
    z: Tensor
    log_q: Tensor | None = None
    state: Tensor | None = None


@latents.contract
class Latents(keras.layers.Layer):
    """Who runs posteriors and priors: how many latents there are, and what each depends on.

    A prior is p(z | context), a posterior q(z | x, context). A latent structure owns one or several of each, and
    the order in which they run: `Single`, `Hierarchical`, `Product`, `Markov`. To write one, subclass it, and write
    `resolve_latent_shape`, `build`, `infer`, `generate`, `decoder_input` and `decoder_input_shape`.

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2)
    >>> type(vae.latents).__name__
    'Single'

    Attributes:
        requires_encoder: True where a prior needs the encoder, as a VampPrior does.
        has_time_axis: True where there is a latent for each time step, `(batch, time, width)`.
        pairs: list of `(prior, posterior)`, for the levels or groups in order.
    """

    requires_encoder = False
    has_time_axis = False

    @property
    def pairs(self) -> list[tuple[Part, Part]]:
        """List of `(prior, posterior)`, for the levels or groups in order."""
        raise NotImplementedError(f"{type(self).__name__} must have `pairs`, a list of (prior, posterior).")

    def resolve_latent_shape(self, latent_dim: Any, data_shape: Any = None) -> Any:
        """Shape of one example's latents from what a user passed as `latent_dim`; a tuple of shapes for several.

        Args:
            latent_dim: as for `keras_vae.VAE`.
            data_shape: shape of one example, for structures with a time axis.

        Raises:
            ValueError: it does not fit the structure.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `resolve_latent_shape(latent_dim, data_shape)`.")

    def build(
        self, features_shape: Any, context_shape: Shape, latent_shape: Any, data_spec: dict[str, Any] | None = None
    ) -> None:
        """Create the weights of all priors and posteriors.

        Args:
            features_shape: shape of the encoder's features, batch axis included, or a list of them.
            context_shape: `(batch, width)`; the width is 0 where there is no condition.
            latent_shape: what `resolve_latent_shape` gave.
            data_spec: dict that describes the data, see `keras_vae.priors.Prior.build`.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `build(features_shape, context_shape, ...)`.")

    def check(self) -> None:
        """Refuse pairs of prior and posterior between which a KL means nothing.

        Raises:
            ValueError: a pair that does not fit.
        """
        for prior, posterior in self.pairs:
            prior.check_posterior(posterior)
            posterior.check_prior(prior)

    def prepare(self, encode: Encode) -> Any:
        """Tensors that the priors need and that are the same for all batches of one call; None where there are none.

        Args:
            encode: see `infer`.
        """
        del encode
        return None

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
    ) -> list[LatentLevel]:
        """Posterior, prior and draw of every level, top first.

        Args:
            features: the encoder's features, `(batch, ...)`, or a list of them.
            context: `(batch, width)`, what the posteriors see of the condition.
            encode: function `(x, context) -> features`, for priors that are made of posteriors.
            prepared: what `prepare` gave, or None.
            seed: an int or a `SeedGenerator`.
            num_samples: number of draws for each example, an axis of its own in front; None for one without.
            deterministic: take the posterior's mean in place of a draw.
            training: whether dropout and the like are active.
            mask: boolean `(batch, time)` of the steps that count, or None.
            prior_context: what the priors see of the condition; as `context` by default.

        Returns:
            List of `LatentLevel`.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `infer(features, context, ...)`.")

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
        """Latents drawn from the prior, one for each row of the context, a tuple with one per level.

        Args:
            context: `(batch, width)`.
            encode: see `infer`.
            prepared: what `prepare` gave, or None.
            seed: an int or a `SeedGenerator`.
            temperature: scales the spread of the draws.
            length: number of steps, for latents with a time axis.
            given: for each level what is fixed to it, `(batch, *latent)`, or None where it is drawn.

        Returns:
            Tuple of `(batch, *latent)`, one for each level.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `generate(context, ...)`.")

    def decoder_input(self, latents: tuple[Tensor, ...], context: Tensor) -> Tensor:
        """What the decoder sees of the latents.

        Args:
            latents: tuple of `(batch, *latent)`, one for each level.
            context: `(batch, width)`.
        """
        del context
        return latents[0]

    def decoder_input_of(
        self, levels: Sequence[LatentLevel], context: Tensor, num_samples: int | None = None
    ) -> Tensor:
        """`decoder_input` from what `infer` returned; a hierarchy saves itself a second pass over its levels.

        Args:
            levels: list of `LatentLevel`, top first.
            context: `(rows, width)`.
            num_samples: number of samples where the draws have an axis for them, or None.
        """
        return self.decoder_input(self.rows_of(levels, num_samples), context)

    def rows_of(self, levels: Sequence[LatentLevel], num_samples: int | None = None) -> tuple[Tensor, ...]:
        """The draws of every level as rows, `(samples * batch, *latent)`, samples first.

        Args:
            levels: list of `LatentLevel`, top first.
            num_samples: number of samples where the draws have an axis for them, or None.
        """
        return tuple(self.rows(level.z, num_samples) for level in levels)

    def decoder_input_shape(self) -> Shape:
        """Shape of `decoder_input`, without the batch axis."""
        raise NotImplementedError(f"{type(self).__name__} must write `decoder_input_shape()`.")

    def root_features(self, features: Any) -> Any:
        """The features that the first posterior sees, or their shapes.

        Args:
            features: features `(batch, ...)`, a list of them, or their shapes.
        """
        return features

    def level_shapes(self) -> tuple[Shape, ...]:
        """Shapes of one example's latents, level by level, top first."""
        raise NotImplementedError(f"{type(self).__name__} must write `level_shapes()`.")

    @staticmethod
    def draw(
        q: Distribution,
        p: Distribution,
        *,
        seed: Seed = None,
        num_samples: int | None = None,
        deterministic: bool = False,
    ) -> LatentLevel:
        """A level with its draw: the density comes along where drawing gives it for free, as in flows.

        Args:
            q: the posterior, a distribution value.
            p: the prior, likewise.
            seed: an int or a `SeedGenerator`.
            num_samples: see `infer`.
            deterministic: take the posterior's mean in place of a draw.

        Returns:
            A `LatentLevel`, its `z` `(batch, *latent)`, or `(samples, batch, *latent)`.
        """
        if deterministic:
            z = q.mean()
            return LatentLevel(q, p, z if num_samples is None else ops.repeat(z[None], num_samples, axis=0))
        options = {} if num_samples is None else {"num_samples": num_samples}
        if q.samples_with_log_prob:
            return LatentLevel(q, p, *q.sample_and_log_prob(seed, **options))
        return LatentLevel(q, p, q.sample(seed, **options))

    @staticmethod
    def rows(tensor: Tensor, num_samples: int | None) -> Tensor:
        """Draws with an axis of samples, `(samples, batch, ...)`, as rows `(samples * batch, ...)`.

        Args:
            tensor: draws `(samples, batch, ...)`; `(batch, ...)` without such an axis, which are rows already.
            num_samples: number of samples, or None without such an axis.
        """
        return tensor if num_samples is None else ops.reshape(tensor, (-1, *tensor.shape[2:]))

    def get_build_config(self) -> None:
        """None: the model builds its latents from shapes that it knows."""

    def build_from_config(self, config: Config) -> None:
        # See `get_build_config`; files of version 0.1 hold a config.
        del config


def prior_of(prior: Part, context: Tensor, encode: Encode | None, prepared: Any) -> Distribution:
    """p(z | context), what was prepared handed on to those that prepared it."""
    if prepared is not None:
        return prior.distribution(context, encode=encode, prepared=prepared)
    return prior.distribution(context, encode=encode)
