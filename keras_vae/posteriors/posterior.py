"""The contract of a posterior."""

from collections.abc import Iterable
from typing import Any

import keras

from keras_vae.deprecation import warn_renamed
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Config, Part, Shape, Tensor
from keras_vae.registry import posteriors

__all__ = ["Posterior"]


@posteriors.contract
class Posterior(keras.layers.Layer):
    """q(z | x, context): a layer that projects features to a distribution.

    To write one, subclass it, create the heads in `build` (after `super().build(...)`, which sets
    `features_shape`, `context_width` and `latent_shape`), and return a distribution from `distribution`.
    `keras_vae.layers.Projection` maps features of any shape to parameters of the latents' shape:

    >>> from keras import ops
    >>> import keras_vae as kv
    >>> class UnitVariance(kv.posteriors.Posterior):
    ...     def build(self, features_shape, context_shape, latent_shape):
    ...         super().build(features_shape, context_shape, latent_shape)
    ...         self.loc = kv.layers.Projection(self.latent_shape)
    ...         self.loc.build(features_shape)
    ...
    ...     def distribution(self, features, context, *, prior=None):
    ...         loc = self.loc(features)
    ...         return kv.distributions.Gaussian(loc, ops.zeros_like(loc))
    >>> posterior = UnitVariance()
    >>> posterior.build((None, 8), (None, 0), (3,))
    >>> tuple(posterior.distribution(ops.zeros((5, 8)), ops.zeros((5, 0))).mean().shape)
    (5, 3)

    Attributes:
        latent_space: where its latents live: `"reals"`, `"sphere"`, `"ball"`, `"one_hot"`, or None if
            unknown.
        distribution_class: type that `distribution` returns, or None if it varies.
        requires_prior: True if `distribution` needs its `prior` argument.
        has_density: False if it gives points, so that there is no KL.
        requires_fields: True if it needs the features of every field of the data by itself, as `encoders.PerField`
            gives them.
        independent_draws: True if several draws for an example must not depend on each other. The model sets it, as its
            objective needs it.
    """

    latent_space: str | None = "reals"
    distribution_class: type[Distribution] | None = None
    requires_prior = False
    has_density = True
    requires_fields = False
    independent_draws = False

    def check_prior(self, prior: Part) -> None:
        """Raise an error for a prior that this posterior does not support; by default all are supported.

        Args:
            prior: the `Prior` of the same latents.
        """

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        """Create the heads.

        Args:
            features_shape: shape of the encoder's features, batch axis included (a list of shapes
                if the encoder returns several tensors).
            context_shape: `(batch, width)`; the width is 0 without a context.
            latent_shape: shape of one example's latents, without the batch axis.
        """
        self.features_shape = features_shape
        self.context_width = int(context_shape[-1])
        self.latent_shape = tuple(latent_shape)

    def build_from_config(self, config: Config) -> None:
        # By position: files of version 0.1, and plugins written for it, call the first argument `evidence_shape`.
        shapes = config.get("shapes_dict")
        super().build_from_config(config) if shapes is None else self.build(*shapes.values())

    def distribution(self, features: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        """q(z | x, context) as a distribution whose leading axis is the batch.

        Args:
            features: the encoder's features.
            context: `(batch, width)`, of width 0 without a context.
            prior: p(z | context), for posteriors parametrised relative to it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must implement `distribution(features, context, *, prior=None)`."
        )

    def __dir__(self) -> Iterable[str]:
        # Keras looks at all attributes that `dir` lists when it saves, also at old names, which warn.
        return [name for name in super().__dir__() if name != "evidence_shape"]

    @property
    def evidence_shape(self) -> Any:
        """The old name of `features_shape`."""
        warn_renamed("Posterior.evidence_shape", "Posterior.features_shape")
        return self.features_shape

    def require_single_evidence(self, evidence_shape: Any) -> Shape:
        """The old name of `require_single_features`."""
        warn_renamed("Posterior.require_single_evidence", "Posterior.require_single_features")
        return self.require_single_features(evidence_shape)

    def require_single_features(self, features_shape: Any) -> Shape:
        """The one feature shape, or an error that says how many tensors the encoder returned.

        Args:
            features_shape: shape of the encoder's features, or a list of them.

        Raises:
            ValueError: the encoder returns several feature tensors.
        """
        if isinstance(features_shape, dict):
            raise ValueError(
                f"The posterior {type(self).__name__} expects one feature tensor. Received: those of the fields "
                f"{sorted(features_shape)}, one by one. Use the encoder 'joint', which puts them side by side, or a "
                "posterior of several fields such as 'product_of_experts'."
            )
        if features_shape and isinstance(features_shape[0], (list, tuple)):
            raise ValueError(
                f"The posterior {type(self).__name__} expects one feature tensor. Received: "
                f"{len(features_shape)} of shapes {[tuple(shape) for shape in features_shape]}. Return one tensor "
                "from the encoder, or, if they are the mean and the log variance, pass "
                "posterior=keras_vae.posteriors.Gaussian(project=False); several levels of latents need "
                "a hierarchical prior."
            )
        return tuple(features_shape)
