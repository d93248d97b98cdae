"""The KL term of the ELBO as a layer."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import keras
from keras import ops

from keras_vae.arguments import non_negative_number, optional_seed, positive_int
from keras_vae.backend import SeedGenerator
from keras_vae.distributions.distribution import Distribution, Independent
from keras_vae.distributions.from_tfp import from_tfp, is_tfp
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.distributions.kl_divergence import has_kl_divergence, kl_divergence
from keras_vae.hints import Component, Config, Shape, Tensor
from keras_vae.layers.sampling import require_one_shape, split_mean_and_log_var
from keras_vae.registry import priors

__all__ = ["KLDivergenceRegularizer"]


@keras.saving.register_keras_serializable("keras_vae.layers")
class KLDivergenceRegularizer(keras.layers.Layer):
    """Passes `[z_mean, z_log_var]` through and adds `weight * KL(q || p)` to the model's loss, once.

    The KL of q = N(z_mean, exp(z_log_var)) is summed over the latent axes and averaged over the batch,
    in float32, so it is in nats per example and depends neither on the batch size nor on how Keras
    scales activity regularizers.

    `weight` is a variable: `layer.weight.assign(0.5)` takes effect in the next step, without
    recompilation, on every backend.

    Args:
        prior: a registered name, a `keras_vae.priors.Prior` that needs no encoder, a distribution
            from `keras_vae.distributions`, or, on TensorFlow, a `tfp.distributions` object.
        weight: factor of the KL (the beta of Higgins et al., 2017).
        use_exact_kl: use the closed form; with False, the average of log q(z) - log p(z) over
            `num_samples` draws.
        num_samples: number of draws of the estimate; used if `use_exact_kl` is False.
        seed: seed of those draws.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Call arguments:
        inputs: list of two tensors `(batch, ...)`: `[z_mean, z_log_var]`.

    Returns:
        The same two tensors, in a list, or in a tuple if they were passed in one.

    Raises:
        ValueError: bad arguments, a prior of another shape, or `use_exact_kl=True` where there is no
            closed form.

    Example:

    >>> import numpy as np
    >>> from keras_vae import KLDivergenceRegularizer
    >>> layer = KLDivergenceRegularizer(weight=2.0)
    >>> _ = layer([np.ones((4, 3), "float32"), np.zeros((4, 3), "float32")])
    >>> [float(loss) for loss in layer.losses]
    [3.0]
    """

    def __init__(
        self,
        prior: Component | Distribution = "standard",
        weight: float = 1.0,
        use_exact_kl: bool = True,
        num_samples: int = 1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        # autocast=False: the inputs pass through untouched, whatever the policy.
        super().__init__(autocast=False, **kwargs)
        self.initial_weight = non_negative_number(weight, "weight")
        self.num_samples = positive_int(num_samples, "num_samples")
        if prior is None:
            raise ValueError("Argument `prior` must be a name, a Prior or a distribution. Received: None")
        prior = from_tfp(prior) if is_tfp(prior) else prior
        self.prior = prior if isinstance(prior, Distribution) else priors.get(prior)
        if getattr(self.prior, "requires_encoder", False):
            raise ValueError(
                f"Argument `prior`: {type(self.prior).__name__} needs an encoder to evaluate its density, which a "
                "regularizer layer does not have. Use it as the prior of a keras_vae.VAE."
            )
        if not isinstance(use_exact_kl, bool):
            raise ValueError(f"Argument `use_exact_kl` must be True or False. Received: use_exact_kl={use_exact_kl!r}")
        self.use_exact_kl = use_exact_kl
        self.seed = optional_seed(seed)
        self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True
        self.weight = self.add_weight(
            name="weight",
            shape=(),
            initializer=keras.initializers.Constant(self.initial_weight),
            dtype="float32",
            trainable=False,
            autocast=False,
        )

    def build(self, input_shape: Sequence[Shape]) -> None:
        z_shape = require_one_shape(input_shape, self)
        if isinstance(self.prior, Distribution):
            prior_shape = tuple(self.prior.mean().shape)
            event = prior_shape[len(prior_shape) - len(z_shape) + 1 :]
            if len(prior_shape) < len(z_shape) - 1 or event != z_shape[1:]:
                raise ValueError(
                    f"The prior {type(self.prior).__name__} has shape {prior_shape}, which does not match latents "
                    f"of shape {z_shape[1:]} for each example."
                )
        elif not self.prior.built:
            self.prior.build((None, 0), z_shape[1:])

    def call(self, inputs: Sequence[Tensor], mask: Any = None) -> Sequence[Tensor]:
        z_mean, z_log_var = split_mean_and_log_var(inputs, self)
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        q = Gaussian(z_mean, z_log_var, event_ndims=len(z_mean.shape) - 1, mask=mask)
        divergence = mean_over_batch(self._divergence(q, self._prior_distribution(q)))
        # Whole, on every replica: Keras divides what layers add by the number of replicas.
        self.add_loss(self.weight * divergence)
        return inputs if isinstance(inputs, tuple) else [z_mean, z_log_var]

    def _prior_distribution(self, q: Gaussian) -> Distribution:
        if isinstance(self.prior, Distribution):
            p = self.prior
        else:
            p = self.prior.distribution(ops.zeros((ops.shape(q.loc)[0], 0)))
        if q.mask is not None and not isinstance(p, Independent):
            raise ValueError(
                f"The latents have a mask, and the prior {type(p).__name__} has no density for a subset of them. Use a "
                "prior whose dimensions are independent, such as 'standard' or 'gaussian'."
            )
        # The same event on both sides: p is masked and summed over the same axes as q.
        return dataclasses.replace(p, event_ndims=q.event_ndims, mask=q.mask) if isinstance(p, Independent) else p

    def _divergence(self, q: Distribution, p: Distribution) -> Tensor:
        if not self.use_exact_kl:
            draws = [q.sample_and_log_prob(self.seed_generator) for _ in range(self.num_samples)]
            return sum(log_q - p.log_prob(z) for z, log_q in draws) / self.num_samples
        if not has_kl_divergence(q, p):
            raise ValueError(
                f"KL({type(q).__name__} || {type(p).__name__}) has no closed form. Pass use_exact_kl=False to "
                "estimate it from samples (num_samples of them)."
            )
        return kl_divergence(q, p)

    def compute_mask(self, inputs: Sequence[Tensor], mask: Any = None) -> Any:
        return mask

    def compute_output_spec(self, inputs: Sequence[Tensor], mask: Any = None) -> Any:
        # Explicit, because Keras would report the compute dtype, while the inputs keep theirs.
        return keras.tree.map_structure(lambda tensor: keras.KerasTensor(tensor.shape, dtype=tensor.dtype), inputs)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Sequence[Shape]:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "prior": keras.saving.serialize_keras_object(self.prior),
            "weight": self.initial_weight,
            "use_exact_kl": self.use_exact_kl,
            "num_samples": self.num_samples,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        prior = config["prior"]
        if isinstance(prior, dict):
            priors.load_plugins()
            prior = keras.saving.deserialize_keras_object(prior)
        return cls(**{**config, "prior": prior})


def mean_over_batch(values: Tensor) -> Tensor:
    """Mean of `(batch,)`; 0 for an empty batch, which a `tf.distribute` replica may get."""
    rows = ops.cast(ops.maximum(ops.shape(values)[0], 1), values.dtype)
    return ops.sum(values) / rows
