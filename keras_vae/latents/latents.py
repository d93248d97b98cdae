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
    """One level of latents as the objective sees it.

    Attributes:
        posterior: q(z | x, context), a distribution.
        prior: p(z | context), a distribution.
        z: a draw from the posterior, or its mean, `(batch, *latent)`, float32. With several samples
            `(samples, batch, *latent)`. Below a level with several samples z, posterior and prior have
            `samples * batch` rows.
        log_q: log q(z | x, context), with the leading axes of z, if drawing computed it, else None.
        state: context of the levels below, in a hierarchy; or what a step keeps beside z, in a `Recurrent`.

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
    """The latents of a model: how many there are, and what each depends on.

    A prior is p(z | context), a posterior q(z | x, context). A latent structure owns one or several of each, and runs
    them in order: `Single`, `Hierarchical`, `Product`, `Markov`, `Recurrent`. To write one, subclass it, and implement
    `pairs`, `resolve_latent_shape`, `build`, `infer`, `generate`, `level_shapes`, `decoder_input` and
    `decoder_input_shape`.

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2)
    >>> type(vae.latents).__name__
    'Single'

    Attributes:
        requires_encoder: True if a prior needs the encoder, as a VampPrior does.
        independent_levels: True if no level or group depends on the draw of another one.
        has_time_axis: True if there is a latent for each time step, `(batch, time, width)`.
        goes_step_by_step: True if it has the methods of one step, `start`, `advance`, `told`, `prior_at`,
            `posterior_at` and `seen`, as `Markov` does: particle filters, and models that `sees_data`, run them.
        sees_data: True if the latents of a step depend on the data of earlier steps. `infer`, `generate` and
            `decoder_input` then take these `data`, and new data are drawn together with the latents, step by step.
        pairs: list of `(prior, posterior)`, one for each level or group in order.
    """

    requires_encoder = False
    has_time_axis = False
    goes_step_by_step = False
    sees_data = False
    independent_levels = False

    @property
    def pairs(self) -> list[tuple[Part, Part]]:
        """List of `(prior, posterior)`, one for each level or group in order."""
        raise NotImplementedError(f"{type(self).__name__} must implement `pairs`, a list of (prior, posterior).")

    @property
    def has_density(self) -> bool:
        """Whether every posterior has a density, without which there is no KL and no ELBO."""
        return all(posterior.has_density for _, posterior in self.pairs)

    @property
    def roots(self) -> tuple[int, ...]:
        """Indices of the levels that depend on no other: samplers fitted after training replace their priors."""
        return tuple(range(len(self.level_shapes())))

    def resolve_latent_shape(self, latent_dim: Any, data_shape: Any = None) -> Any:
        """Shape of one example's latents for the user's `latent_dim`; a tuple of shapes for several levels.

        Args:
            latent_dim: as for `keras_vae.VAE`.
            data_shape: shape of one example, for structures with a time axis.

        Raises:
            ValueError: it does not fit the structure.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `resolve_latent_shape(latent_dim, ...)`.")

    def build(
        self, features_shape: Any, context_shape: Shape, latent_shape: Any, data_spec: dict[str, Any] | None = None
    ) -> None:
        """Create the weights of all priors and posteriors.

        Args:
            features_shape: shape of the encoder's features, batch axis included, or a list of them.
            context_shape: `(batch, width)`; the width is 0 without a condition.
            latent_shape: result of `resolve_latent_shape`.
            data_spec: dict that describes the data, see `keras_vae.priors.Prior.build`.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `build(features_shape, context_shape, ...)`.")

    def check(self) -> None:
        """Refuse pairs of prior and posterior without a meaningful KL.

        Raises:
            ValueError: there is such a pair.
        """
        for prior, posterior in self.pairs:
            posterior.check_prior(prior)
            prior.check_posterior(posterior)

    def prepare(self, encode: Encode) -> Any:
        """Tensors that the priors need and that are the same for all batches of a call; None if there are none.

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
        given: Sequence[Any] | None = None,
    ) -> list[LatentLevel]:
        """Posterior, prior and draw of every level, top first.

        Args:
            features: the encoder's features, `(batch, ...)`, or a list of them.
            context: `(batch, width)`, the encoded condition for the posteriors.
            encode: function `(x, context) -> features`, for priors that are made of posteriors.
            prepared: result of `prepare`, or None.
            seed: an int or a `SeedGenerator`.
            num_samples: number of draws for each example, on an additional first axis; None for one without that axis.
            deterministic: use the posterior's `point_estimate`, its mean, instead of a draw.
            training: whether layers such as dropout are active.
            mask: boolean `(batch, time)`, True at valid steps, or None.
            prior_context: the encoded condition for the priors; by default `context`.
            given: for each level a value in the place of its draw, `(batch, *latent)`, or None to draw it.

        Returns:
            List of `LatentLevel`.

        A structure that `sees_data` has one more argument, `data`, `(batch, time, features)`: x as the networks see
        it, zeros at padded steps.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `infer(features, context, ...)`.")

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
        """Draws from the prior, one for each row of the context.

        Args:
            context: `(batch, width)`.
            encode: see `infer`.
            prepared: result of `prepare`, or None.
            seed: an int or a `SeedGenerator`.
            temperature: scales the spread of the draws.
            length: number of steps, for latents with a time axis.
            given: for each level a fixed value, `(batch, *latent)`, or None to draw it.

        Returns:
            Tuple of `(batch, *latent)`, one for each level.

        A structure that `sees_data` has one more argument, `data`, as in `infer`: the draws are those of the latents
        given the data of earlier steps.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `generate(context, ...)`.")

    def continue_from(
        self,
        latents: tuple[Tensor, ...],
        mask: Tensor,
        context: Tensor,
        *,
        encode: Encode | None = None,
        prepared: Any = None,
        seed: Seed = None,
        temperature: float = 1.0,
        length: Any = None,
    ) -> tuple[Tensor, ...]:
        """Latents of whole sequences whose first steps were inferred: those of later steps are drawn from the prior.

        Latents without a time axis are those of the whole sequence already, and are returned as they are. A structure
        with `has_time_axis` overrides it. The inferred latents stay as they are where `mask` is True, and each row goes
        on from its own last step that counts, so that the rows of a batch may have prefixes of unequal lengths.

        Args:
            latents: for each level `(batch, *latent)`, draws from q(z | prefix); with a time axis
                `(batch, time, width)`, of which the steps outside of `mask` mean nothing.
            mask: boolean `(batch, time)`, True for the first steps of every row, those of its prefix.
            context: `(batch, width)`, the encoded condition for the priors.
            encode: see `infer`.
            prepared: result of `prepare`, or None.
            seed: an int or a `SeedGenerator`.
            temperature: scales the spread of the draws of later steps.
            length: number of steps of the whole sequence; by default `time`.

        Returns:
            Tuple of `(batch, *latent)`, with a time axis `(batch, length, width)`.
        """
        del mask, context, encode, prepared, seed, temperature, length
        if self.has_time_axis:
            raise NotImplementedError(
                f"{type(self).__name__} must implement `continue_from(latents, mask, context, ...)`, since it has a "
                "latent for each time step, and those behind a prefix are not inferred from it."
            )
        return latents

    def decoder_input(self, latents: tuple[Tensor, ...], context: Tensor) -> Tensor:
        """Input of the decoder for given latents; a structure that `sees_data` takes `data` too, as in `infer`.

        Args:
            latents: tuple of `(batch, *latent)`, one for each level.
            context: `(batch, width)`.
        """
        del context
        return latents[0]

    def decoder_input_of(
        self, levels: Sequence[LatentLevel], context: Tensor, num_samples: int | None = None
    ) -> Tensor:
        """`decoder_input` for the result of `infer`, so that a hierarchy need not run its merges again.

        Args:
            levels: list of `LatentLevel`, top first.
            context: `(rows, width)`.
            num_samples: number of samples if the draws have an axis for them, or None.
        """
        return self.decoder_input(self.rows_of(levels, num_samples), context)

    def rows_of(self, levels: Sequence[LatentLevel], num_samples: int | None = None) -> tuple[Tensor, ...]:
        """The draws of every level as rows, `(samples * batch, *latent)`, samples first.

        Args:
            levels: list of `LatentLevel`, top first.
            num_samples: number of samples if the draws have an axis for them, or None.
        """
        return tuple(self.rows(level.z, num_samples) for level in levels)

    def decoder_input_shape(self) -> Shape:
        """Shape of `decoder_input`, without the batch axis."""
        raise NotImplementedError(f"{type(self).__name__} must implement `decoder_input_shape()`.")

    def root_features(self, features: Any) -> Any:
        """The features, or shape, that the first posterior sees.

        Args:
            features: features `(batch, ...)`, a list of them, or their shapes.
        """
        return features

    def level_shapes(self) -> tuple[Shape, ...]:
        """Shapes of one example's latents, level by level, top first."""
        raise NotImplementedError(f"{type(self).__name__} must implement `level_shapes()`.")

    @staticmethod
    def draw(
        q: Distribution,
        p: Distribution,
        *,
        seed: Seed = None,
        num_samples: int | None = None,
        deterministic: bool = False,
        given: Tensor | None = None,
    ) -> LatentLevel:
        """A level with its draw, and with the log density if drawing computes it, as in flows.

        Args:
            q: the posterior, a distribution.
            p: the prior, likewise.
            seed: an int or a `SeedGenerator`.
            num_samples: see `infer`.
            deterministic: use the posterior's mean instead of a draw.
            given: a value in the place of the draw, of its shape, or None.

        Returns:
            A `LatentLevel`, its `z` `(batch, *latent)`, or `(samples, batch, *latent)`.
        """
        if given is not None:
            return LatentLevel(q, p, given)
        if deterministic:
            z = q.point_estimate()
            return LatentLevel(q, p, z if num_samples is None else ops.repeat(z[None], num_samples, axis=0))
        options = {} if num_samples is None else {"num_samples": num_samples}
        if q.samples_with_log_prob:
            return LatentLevel(q, p, *q.sample_and_log_prob(seed, **options))
        return LatentLevel(q, p, q.sample(seed, **options))

    @staticmethod
    def rows(tensor: Tensor, num_samples: int | None) -> Tensor:
        """Draws with an axis of samples, `(samples, batch, ...)`, as rows `(samples * batch, ...)`.

        Args:
            tensor: draws `(samples, batch, ...)`, or `(batch, ...)` without an axis of samples.
            num_samples: number of samples, or None without such an axis.
        """
        return tensor if num_samples is None else ops.reshape(tensor, (-1, *tensor.shape[2:]))

    def get_build_config(self) -> None:
        """None: the model knows the shapes, and builds its latents."""

    def build_from_config(self, config: Config) -> None:
        # See `get_build_config`; files of version 0.1 hold a config.
        del config


def prior_of(prior: Part, context: Tensor, encode: Encode | None, prepared: Any) -> Distribution:
    """p(z | context), from what the prior prepared if it did."""
    if prepared is not None:
        return prior.distribution(context, encode=encode, prepared=prepared)
    return prior.distribution(context, encode=encode)
