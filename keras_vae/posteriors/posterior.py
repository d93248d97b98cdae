"""The contract of a posterior."""

from typing import Any

import keras

from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Part, Shape, Tensor
from keras_vae.registry import posteriors

__all__ = ["Posterior"]


@posteriors.contract
class Posterior(keras.layers.Layer):
    """q(z | x, context): a layer that projects features to a distribution value.

    To write one, subclass it, create the heads in `build` (after `super().build(...)`, which sets
    `evidence_shape`, `context_width` and `latent_shape`), and return a value from `distribution`.
    `keras_vae.layers.Projection` maps features of any shape to parameters of the latents' shape:

    >>> from keras import ops
    >>> import keras_vae as kv
    >>> class UnitVariance(kv.posteriors.Posterior):
    ...     def build(self, evidence_shape, context_shape, latent_shape):
    ...         super().build(evidence_shape, context_shape, latent_shape)
    ...         self.loc = kv.layers.Projection(self.latent_shape)
    ...         self.loc.build(evidence_shape)
    ...
    ...     def distribution(self, evidence, context, *, prior=None):
    ...         loc = self.loc(evidence)
    ...         return kv.distributions.Gaussian(loc, ops.zeros_like(loc))
    >>> posterior = UnitVariance()
    >>> posterior.build((None, 8), (None, 0), (3,))
    >>> tuple(posterior.distribution(ops.zeros((5, 8)), ops.zeros((5, 0))).mean().shape)
    (5, 3)

    Attributes:
        latent_space: where its latents live: `"reals"`, `"sphere"`, `"one_hot"`, or None where that is not
            known.
        distribution_class: type of the value that `distribution` gives, or None where that varies.
        requires_prior: True where `distribution` needs its `prior` argument.
    """

    latent_space: str | None = "reals"
    distribution_class: type[Distribution] | None = None
    requires_prior = False

    def check_prior(self, prior: Part) -> None:
        """Refuse a prior that this posterior cannot be written relative to; by default none is.

        Args:
            prior: the `Prior` beside it.
        """

    def build(self, evidence_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        """Create the heads.

        Args:
            evidence_shape: shape of the encoder's features, batch axis included (a list of shapes
                where the encoder gives several tensors).
            context_shape: `(batch, width)`; the width is 0 where there is no context.
            latent_shape: shape of one example's latents, without the batch axis.
        """
        self.evidence_shape = evidence_shape
        self.context_width = int(context_shape[-1])
        self.latent_shape = tuple(latent_shape)

    def distribution(self, evidence: Tensor, context: Tensor, *, prior: Part = None) -> Distribution:
        """q(z | x, context) as a value whose leading axis is the batch.

        Args:
            evidence: the encoder's features.
            context: `(batch, width)`, of width 0 where nothing is given.
            prior: p(z | context), for posteriors that are written relative to it.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `distribution(evidence, context, *, prior=None)`.")

    def require_single_evidence(self, evidence_shape: Any) -> Shape:
        """The one feature shape, or an error that says how many tensors the encoder gave.

        Args:
            evidence_shape: shape of the encoder's features, or a list of them.

        Raises:
            ValueError: the encoder gives several feature tensors.
        """
        if evidence_shape and isinstance(evidence_shape[0], (list, tuple)):
            raise ValueError(
                f"The posterior {type(self).__name__} expects one feature tensor, and the encoder gives "
                f"{len(evidence_shape)} of shapes {[tuple(shape) for shape in evidence_shape]}. Return one tensor "
                "from the encoder, or, if they are the mean and the log variance, pass "
                "posterior=keras_vae.posteriors.Gaussian(project=False); several levels of latents need "
                "a hierarchical prior."
            )
        return tuple(evidence_shape)
