"""The terms that an objective combines."""

import copy
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import keras
from keras import ops

from keras_vae.deprecation import warn_renamed
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import other_noise
from keras_vae.distributions.kl_divergence import (
    has_kl_divergence,
    kl_divergence,
    kl_divergence_per_dimension,
)
from keras_vae.hints import Encode, Part, Seed, Tensor

if TYPE_CHECKING:
    from keras_vae.data.batch import Batch
    from keras_vae.latents.latents import LatentLevel

__all__ = ["Terms"]


class Terms:
    """The quantities that an objective combines, such as those of the ELBO (Kingma and Welling, 2014), computed lazily.

    Each is one pass through a model over one batch, or a step of it: computed when it is first read, and only once. Log
    densities and KLs are float32 and in nats. The table of `keras_vae.objectives.Objective` lists the terms.

    Args:
        forward: the model's forward pass, `VAE.forward_pass`.
        batch: the `keras_vae.data.Batch`.
        seed: an int or a `SeedGenerator`, for the noise.
        num_samples: number of latents drawn for each example.
        training: whether layers such as dropout are active.
        deterministic: use the posterior's mean instead of a draw.
        encode: function `(x, context) -> features` for the priors; the model's encoder by default.
        prepared: what `latents.prepare` returned for the whole call, or None.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> terms = vae.terms(np.zeros((3, 4), "float32"), seed=0, num_samples=5)
    >>> tuple(terms.log_likelihood.shape), tuple(terms.kl.shape)
    ((3, 5), (3, 1))
    >>> Terms.of(kl=np.zeros((3, 1))).kl.shape  # fixed numbers, for tests
    (3, 1)
    """

    field_weights: Mapping[str, float] | None = None
    """What the log density of each field is multiplied by, see `keras_vae.objectives.FieldWeights`."""

    logged: "Terms | None" = None
    """The terms that the model logs, if these are a copy of them with weights of fields."""

    def __init__(
        self,
        forward: Part,
        batch: "Batch",
        *,
        seed: Seed = None,
        num_samples: int = 1,
        training: bool = False,
        deterministic: bool = False,
        encode: Encode | None = None,
        prepared: Any = None,
    ) -> None:
        self.forward = forward
        self.batch = batch
        self.seed = seed
        self.num_samples = num_samples
        self.training = training
        self.deterministic = deterministic
        self.encode = encode
        self.prepared = prepared

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Terms with given values, to test an objective on fixed numbers.

        Args:
            **values: terms by name.
        """
        terms = cls.__new__(cls)
        terms.__dict__.update(values)
        return terms

    def replace(self, **values: Any) -> Self:
        """A copy with some terms replaced; terms already computed from the old ones must be passed too.

        Args:
            **values: terms by name.
        """
        other = copy.copy(self)
        other.__dict__.update(values)
        return other

    def keep(self, **values: Any) -> None:
        """Take values that the objective has computed in place of those of the batch's own pass.

        An objective that sums over labels says so what the model logs: `log_likelihood` and `kl` of every row, and
        `labelled=None`, since all rows have them.

        Args:
            **values: terms by name, their log densities without weights of fields.
        """
        terms = self if self.logged is None else self.logged
        terms.__dict__.update(values)

    # The batch ----------------------------------------------------------------------------------------

    @functools.cached_property
    def x(self) -> Any:
        """The data, `(batch, *data_shape)`; a dict of fields where they have several."""
        return self.batch.x

    @functools.cached_property
    def target(self) -> Any:
        """What is reconstructed, `(batch, *data_shape)`: x, or what `fit` was given as `y`."""
        return self.batch.target

    @functools.cached_property
    def y(self) -> Any:
        """The targets `y` of `fit`, for an objective with `uses_y`; None otherwise."""
        return self.batch.y

    @functools.cached_property
    def condition(self) -> Tensor | None:
        """The condition, `(batch, *condition_shape)`, or None; zeros where a label is missing."""
        return self.batch.condition

    @functools.cached_property
    def labelled(self) -> Tensor | None:
        """Boolean `(batch,)`, False where the condition is missing; for an objective with `partly_labelled`."""
        return self.batch.labelled

    @functools.cached_property
    def mask(self) -> Any:
        """Boolean `(batch, time)`, True at valid steps; None if all are."""
        return self.batch.mask

    # The pass -----------------------------------------------------------------------------------------

    @property
    def sample_axis(self) -> int | None:
        """Number of samples if the draws have an axis for them, else None."""
        return None if self.num_samples == 1 else self.num_samples

    @functools.cached_property
    def context(self) -> Tensor:
        """The condition as a vector for each example, `(batch, width)`; of width 0 without one."""
        return self.forward.context_of(self.batch, self.training)

    @functools.cached_property
    def features(self) -> Any:
        """The encoder's output for x: `(batch, ...)`, or a list of such tensors."""
        return self.forward.features_of(self.batch, self.context, self.training)

    @functools.cached_property
    def levels(self) -> "list[LatentLevel]":
        """A `LatentLevel` for each level, top first: posterior, prior, draw, and the log density of the draw."""
        return self.forward.levels_of(self)

    @functools.cached_property
    def latents(self) -> tuple[Tensor, ...]:
        """The draws of all levels as rows, `(samples * batch, *latent)`, samples first."""
        return self.forward.latents.rows_of(self.levels, self.sample_axis)

    @functools.cached_property
    def likelihood(self) -> Distribution:
        """p(x | z), a distribution whose leading axis is `samples * batch`, samples first."""
        return self.forward.likelihood_of(self)

    @functools.cached_property
    def log_likelihood(self) -> Tensor:
        """log p(x | z) of every draw, `(batch, samples)`."""
        return self.by_example(self._log_prob(self.likelihood))

    @functools.cached_property
    def log_density(self) -> Tensor:
        """log p(x | z) of every draw, `(batch, samples)`, without the weights that fields have in an objective."""
        if self.field_weights is None:
            return self.log_likelihood
        return self.by_example(self.likelihood.log_prob(self.forward.tiled(self.target, self.sample_axis)))

    def _log_prob(self, likelihood: Any) -> Tensor:
        """log p(x | z) of the target, each field times its weight where there are any."""
        target = self.forward.tiled(self.target, self.sample_axis)
        if self.field_weights is None:
            return likelihood.log_prob(target)
        each = likelihood.log_prob_per_field(target)
        return sum(self.field_weights.get(name, 1.0) * own for name, own in each.items())

    @functools.cached_property
    def log_likelihood_per_element(self) -> Any:
        """log p(x | z) of every element, averaged over the draws, `(batch, *data_shape)`; 0 where it is left out."""
        each = self.likelihood.log_prob_per_element(self.forward.tiled(self.target, self.sample_axis))
        return keras.tree.map_structure(self._mean_of_rows, each)

    def by_example(self, values: Tensor) -> Tensor:
        """Values of all draws as `(batch, samples)`.

        Args:
            values: `(samples * batch,)` or `(samples, batch)`.
        """
        if self.num_samples == 1:
            return ops.reshape(values, (-1, 1))
        return ops.transpose(ops.reshape(values, (self.num_samples, -1)))

    @functools.cached_property
    def log_ratio(self) -> Tensor:
        """log p(z) - log q(z | x) at the draws, `(batch, samples, levels)`."""
        return ops.stack([self._log_ratio_of(index) for index in range(len(self.levels))], axis=2)

    @functools.cached_property
    def _log_ratios(self) -> dict[int, Tensor]:
        return {}

    def _log_ratio_of(self, index: int) -> Tensor:
        if index not in self._log_ratios:
            level = self.levels[index]
            log_q = level.posterior.log_prob(level.z) if level.log_q is None else level.log_q
            self._log_ratios[index] = self.by_example(level.prior.log_prob(level.z) - log_q)
        return self._log_ratios[index]

    @functools.cached_property
    def log_weights(self) -> Tensor:
        """log p(x, z) - log q(z | x) of every draw, the log importance weights, `(batch, samples)`."""
        return self.log_likelihood + ops.sum(self.log_ratio, axis=2)

    @functools.cached_property
    def kl(self) -> Tensor:
        """KL(q(z | x) || p(z)) of every level, `(batch, levels)`: in closed form, or estimated at the draws."""
        return ops.stack([self._kl_of(index) for index in range(len(self.levels))], axis=1)

    def _kl_of(self, index: int) -> Tensor:
        q, p = self.levels[index][:2]
        if has_kl_divergence(q, p):
            return self._mean_of_rows(kl_divergence(q, p))
        return -ops.mean(self._log_ratio_of(index), axis=1)

    def _mean_of_rows(self, values: Tensor) -> Tensor:
        """Mean over the samples of rows `(batch, ...)` or `(samples * batch, ...)`: `(batch, ...)`."""
        if self.num_samples == 1:
            return values
        return ops.mean(ops.reshape(values, (-1, self.batch.size, *ops.shape(values)[1:])), axis=0)

    @functools.cached_property
    def kl_per_dimension(self) -> list[Tensor]:
        """For each level the closed-form KL of every dimension, `(batch, *latent)`."""
        return [self._mean_of_rows(kl_divergence_per_dimension(q, p)) for q, p, *_ in self.levels]

    @functools.cached_property
    def z(self) -> list[Tensor]:
        """For each level the draws, `(batch, samples, *latent)`."""
        return [self._samples_inside(rows) for rows in self.latents]

    @functools.cached_property
    def prior_z(self) -> list[Tensor]:
        """For each level draws from the prior, `(batch, samples, *latent)`."""
        return [self._samples_inside(rows) for rows in self.prior_sample()]

    def _samples_inside(self, rows: Tensor) -> Tensor:
        if self.num_samples == 1:
            return ops.expand_dims(rows, 1)
        return ops.moveaxis(ops.reshape(rows, (self.num_samples, -1, *rows.shape[1:])), 0, 1)

    @functools.cached_property
    def decoder_weights(self) -> list[keras.Variable]:
        """The trained weights of decoder and likelihood, for penalties."""
        return [*self.forward.decoder.trainable_variables, *self.forward.likelihood.trainable_variables]

    @functools.cached_property
    def posterior(self) -> list[Distribution]:
        """For each level q(z | x), a distribution."""
        return [level.posterior for level in self.levels]

    # More passes --------------------------------------------------------------------------------------

    def decode(self, z: Tensor | Sequence[Tensor]) -> Distribution:
        """p(x | z) of other latents: another pass through decoder and likelihood.

        Args:
            z: `(rows, *latent)`, or a tuple with one array per level; the rows are a multiple of the batch size.

        Returns:
            A distribution.
        """
        return self.forward.decode(self, tuple(z) if isinstance(z, (list, tuple)) else (z,))

    def log_likelihood_of(self, z: Tensor | Sequence[Tensor]) -> Tensor:
        """log p(x | z) of the target at other latents, `(batch, samples)`: another pass through the decoder.

        Args:
            z: as in `decode`, with as many rows as `latents`.
        """
        return self.by_example(self._log_prob(self.decode(z)))

    def given(self, condition: Tensor) -> "Terms":
        """The terms of this batch under another condition, for objectives that sum over missing labels.

        The features are shared unless the encoder sees the condition.

        Args:
            condition: `(batch, *condition_shape)`.
        """
        return self.forward.given(self, condition)

    def given_each(self, conditions: Tensor) -> "Terms":
        """The terms of this batch under each of several conditions, in one pass of `conditions * batch` rows.

        All rows under the first condition come first. The features are shared unless the encoder sees the condition.

        Args:
            conditions: `(conditions, *condition_shape)`.
        """
        return self.forward.given_each(self, conditions)

    def over(self, batch: "Batch", **known: Any) -> "Terms":
        """The terms of another batch, such as this one with some fields left out, or under another condition.

        Args:
            batch: the other batch.
            **known: its terms that are known already, such as `features`.
        """
        other = Terms(
            self.forward,
            batch,
            seed=self.seed,
            num_samples=self.num_samples,
            training=self.training,
            deterministic=self.deterministic,
            encode=self.encode,
            prepared=self.prepared,
        )
        other.field_weights = self.field_weights
        return other.replace(**known)

    def prior_sample(self, seed: Seed = None) -> tuple[Tensor, ...]:
        """Draws from the prior, for each level `(samples * batch, *latent)`.

        Args:
            seed: an int or a `SeedGenerator`; by default that of these terms.
        """
        return self.forward.prior_sample(self, other_noise(self.seed, 1) if seed is None else seed)

    # As in version 0.1 -------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        term = type(self).__dict__.get(name)
        if isinstance(term, functools.cached_property):
            return term.func(self)  # an error of its own, which Python takes for a missing attribute
        known = sorted(key for key, value in vars(Terms).items() if isinstance(value, functools.cached_property))
        known = [key for key in known if not key.startswith("_")]
        raise AttributeError(f"There is no term {name!r}. Expected one of {known}, or a method of Terms.")

    def __getitem__(self, name: str) -> Any:
        warn_renamed(f"terms[{name!r}]", f"terms.{name}")
        return getattr(self, name)


def as_terms(terms: Terms | Mapping[str, Any]) -> Terms:
    """`Terms`, also from a dict as in version 0.1."""
    return terms if isinstance(terms, Terms) else Terms.of(**terms)
