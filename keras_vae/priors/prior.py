"""The contract of a prior."""

import numbers
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Encode, Part, Shape, Tensor
from keras_vae.registry import priors

__all__ = ["Prior"]

DEFAULT_LATENT_DIM = 16
SEVERAL_LEVELS = " Several levels of latents need prior='hierarchical'."


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
    Several levels of latents, and all else that runs priors and posteriors, is the business of
    `keras_vae.latents`.

    Attributes:
        requires_encoder: True where `distribution` needs its `encode` argument.
        latent_space: where its latents live: `"reals"`, `"sphere"`, `"ball"`, `"one_hot"`, or None where that is not
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
                "'von_mises_fisher' goes with 'uniform_sphere', 'categorical' with 'uniform_categorical', 'poincare' "
                "with 'poincare', all other posteriors with all other priors."
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
            data_spec: dict that describes the data: `shape`, `support` (low and high), `categorical`,
                `condition_shape`, `features_shape`; and `seed`, an int, for choices made at random. None where there is
                no data, as in a regularizer layer.
        """
        self.context_width = int(context_shape[-1])
        self.latent_shape = tuple(latent_shape)

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        """p(z | context) as a value whose leading axis is the batch.

        Args:
            context: `(batch, width)`, of width 0 where nothing is given.
            encode: function `(x, context) -> q(z | x)`, for priors that are made of posteriors.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `distribution(context, *, encode=None)`.")

    def prepare(self, encode: Encode) -> Any:
        """Tensors that `distribution` needs and that are the same for all batches of one call.

        Inference methods such as `VAE.elbo` call it once for all batches, and hand the result to
        `distribution(context, encode=encode, prepared=...)`. None, the default, stands for nothing to prepare. It is
        called where `requires_encoder` is True.

        Args:
            encode: function `(x, context) -> q(z | x)`.

        Returns:
            A tensor or a structure of them, or None.
        """
        del encode
        return None

    def broadcast_to_batch(self, parameter: Tensor, context: Tensor) -> Tensor:
        """A parameter `(*latent,)` repeated for every row of the context: `(batch, *latent)`.

        Args:
            parameter: `(*latent,)`.
            context: `(batch, width)`.
        """
        shape = (ops.shape(context)[0], *parameter.shape)
        return ops.broadcast_to(ops.expand_dims(parameter, 0), shape)
