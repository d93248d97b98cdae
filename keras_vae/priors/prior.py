"""The contract of a prior."""

import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Encode, Part, Seed, Shape, Tensor
from keras_vae.registry import priors

__all__ = ["LatentLevel", "Prior"]

DEFAULT_LATENT_DIM = 16
SEVERAL_LEVELS = " Several levels of latents need prior='hierarchical'."


class LatentLevel(NamedTuple):
    """What one level of latents contributes to the objective.

    Attributes:
        posterior: q(z | x, context), a distribution value.
        prior: p(z | context), a distribution value.
        z: a draw from the posterior (or its mean), `(batch, *latent)`, float32.
        log_q: log q(z | x, context), `(batch,)`, where the draw gave it; None where it is still to be
            computed.
        state: what the level hands to the levels below, in a hierarchy.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> q = kv.distributions.Gaussian(np.ones((5, 2)), np.zeros((5, 2)))
    >>> p = kv.distributions.Gaussian(np.zeros((5, 2)), np.zeros((5, 2)))
    >>> tuple(kv.priors.Prior.draw(q, p, deterministic=True).z.shape)
    (5, 2)
    """

    posterior: Distribution
    prior: Distribution
    z: Tensor
    log_q: Tensor | None = None
    state: Tensor | None = None


@priors.contract
class Prior(keras.layers.Layer):
    """p(z | context): a layer that owns weights and gives a distribution value.

    To write one, subclass it, create the weights in `build` (after `super().build(...)`, which sets
    `latent_shape` and `context_width`), and return a value from `distribution`:

    >>> import keras
    >>> from keras import ops
    >>> import keras_vae as kv
    >>> class Shifted(kv.priors.Prior):
    ...     def build(self, context_shape, latent_shape, data_spec=None):
    ...         super().build(context_shape, latent_shape, data_spec)
    ...         self.loc = self.add_weight(name="loc", shape=self.latent_shape, autocast=False)
    ...
    ...     def distribution(self, context, *, encode=None):
    ...         loc = self.loc + ops.zeros((ops.shape(context)[0], *self.latent_shape))
    ...         return kv.distributions.Gaussian(loc, ops.zeros_like(loc))
    >>> prior = Shifted()
    >>> prior.build((None, 0), (3,))
    >>> tuple(prior.distribution(ops.zeros((5, 0))).mean().shape)
    (5, 3)

    Create every variable that enters a density with `autocast=False`: half precision must not reach it.
    A prior of several levels of latents overrides `infer`, `generate` and `decoder_input` too, and the
    model does not notice.

    Attributes:
        requires_encoder: True where `distribution` needs its `encode` argument.
        latent_space: where its latents live: `"reals"`, `"sphere"`, `"one_hot"`, or None where that is not
            known. A posterior on another space is refused.
        distribution_class: type of the value that `distribution` gives, or None where that varies.
    """

    if TYPE_CHECKING:  # an attribute, or a property where it depends on the arguments

        @property
        def requires_encoder(self) -> bool: ...
    else:
        requires_encoder = False

    latent_space: str | None = "reals"
    distribution_class: type[Distribution] | None = None

    def check_posterior(self, posterior: Part) -> None:
        """Refuse a posterior that this prior cannot be compared with.

        Args:
            posterior: the `Posterior` beside it.

        Raises:
            ValueError: it lives on another space; the message names both sides.
        """
        spaces = {self.latent_space, posterior.latent_space}
        if None not in spaces and len(spaces) > 1:
            raise ValueError(
                f"The posterior {type(posterior).__name__} draws latents from the space {posterior.latent_space!r}, "
                f"and the prior {type(self).__name__} lives on {self.latent_space!r}: a KL between them means nothing. "
                "'von_mises_fisher' goes with 'uniform_sphere', 'categorical' with 'uniform_categorical', all other "
                "posteriors with all other priors."
            )

    def resolve_latent_shape(self, latent_dim: Any) -> Shape:
        """Shape of one example's latents from what a user passed as `latent_dim`.

        Raises:
            ValueError: not a positive int.
        """
        latent_dim = DEFAULT_LATENT_DIM if latent_dim is None else latent_dim
        several = isinstance(latent_dim, (list, tuple))
        if isinstance(latent_dim, bool) or not isinstance(latent_dim, numbers.Integral) or latent_dim < 1:
            raise ValueError(
                f"Argument `latent_dim` must be a positive int for the prior {type(self).__name__}, which has one "
                f"level of latents. Received: latent_dim={latent_dim!r}.{SEVERAL_LEVELS if several else ''}"
            )
        return (int(latent_dim),)

    def build(self, context_shape: Shape, latent_shape: Shape, data_spec: dict[str, Any] | None = None) -> None:
        """Create the weights.

        Args:
            context_shape: `(batch, width)`; the width is 0 where there is no context.
            latent_shape: shape of one example's latents, without the batch axis.
            data_spec: dict that describes the data: `shape`, `support`, `condition_shape`,
                `features_shape`. None where there is no data, as in a regularizer layer.
        """
        self.context_width = int(context_shape[-1])
        self.latent_shape = tuple(latent_shape)

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        """p(z | context) as a value whose leading axis is the batch.

        Args:
            context: `(batch, width)`, of width 0 where nothing is given.
            encode: function `(x, context) -> q(z | x)`, for priors that are made of posteriors.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `distribution(context, *, encode=None)`.")

    def infer(
        self,
        posterior: Part,
        features: Any,
        context: Tensor,
        *,
        encode: Encode | None = None,
        seed: Seed = None,
        deterministic: bool = False,
        training: bool = False,
    ) -> list[LatentLevel]:
        """Posterior, prior and latents of every level, top first.

        Args:
            posterior: the `Posterior` of the top level.
            features: the encoder's features.
            context: `(batch, width)`.
            encode: see `distribution`.
            seed: an int or a `SeedGenerator`.
            deterministic: take the posterior's mean in place of a draw.
            training: whether dropout and the like are active in the prior's own layers.

        Returns:
            List of `LatentLevel`.
        """
        p = self.distribution(context, encode=encode)
        q = posterior.distribution(features, context, prior=p)
        return [self.draw(q, p, seed=seed, deterministic=deterministic)]

    @staticmethod
    def draw(q: Distribution, p: Distribution, *, seed: Seed = None, deterministic: bool = False) -> LatentLevel:
        """A level with its draw: the density comes along where drawing gives it for free, as in flows.

        Args:
            q: the posterior, a distribution value.
            p: the prior, likewise.
            seed: an int or a `SeedGenerator`.
            deterministic: take the posterior's mean in place of a draw.

        Returns:
            A `LatentLevel`, its `z` `(batch, *latent)`.
        """
        if deterministic:
            return LatentLevel(q, p, q.mean())
        if q.samples_with_log_prob:
            z, log_q = q.sample_and_log_prob(seed)
            return LatentLevel(q, p, z, log_q)
        return LatentLevel(q, p, q.sample(seed))

    def generate(
        self, context: Tensor, *, encode: Encode | None = None, seed: Seed = None, temperature: float = 1.0
    ) -> tuple[Tensor, ...]:
        """Latents drawn from the prior, one for each row of the context, a tuple with one per level.

        Args:
            context: `(batch, width)`.
            encode: see `distribution`.
            seed: an int or a `SeedGenerator`.
            temperature: scales the spread of the draws.

        Returns:
            Tuple of `(batch, *latent)`, one for each level.
        """
        return (self.distribution(context, encode=encode).tempered(temperature).sample(seed),)

    def decoder_input(self, latents: tuple[Tensor, ...], context: Tensor) -> Tensor:
        """What the decoder sees of the latents.

        Args:
            latents: tuple of `(batch, *latent)`, one for each level.
            context: `(batch, width)`.
        """
        del context
        return latents[0]

    def decoder_input_of(self, levels: Sequence[LatentLevel], context: Tensor) -> Tensor:
        """`decoder_input` from what `infer` returned; a hierarchy saves itself a second pass over its levels.

        Args:
            levels: list of `LatentLevel`, top first.
            context: `(batch, width)`.
        """
        return self.decoder_input(tuple(level.z for level in levels), context)

    def decoder_input_shape(self) -> Shape:
        """Shape of `decoder_input`, without the batch axis."""
        return self.latent_shape

    def root_features(self, features: Any) -> Tensor:
        """The top level's part of the encoder's features, or of their shapes.

        Args:
            features: features `(batch, ...)`, a list of them, or their shapes.
        """
        return features

    def level_shapes(self) -> tuple[Shape, ...]:
        """Shapes of one example's latents, level by level, top first."""
        return (self.latent_shape,)

    def broadcast_to_batch(self, parameter: Tensor, context: Tensor) -> Tensor:
        """A parameter `(*latent,)` repeated for every row of the context: `(batch, *latent)`.

        Args:
            parameter: `(*latent,)`.
            context: `(batch, width)`.
        """
        shape = (ops.shape(context)[0], *parameter.shape)
        return ops.broadcast_to(ops.expand_dims(parameter, 0), shape)
