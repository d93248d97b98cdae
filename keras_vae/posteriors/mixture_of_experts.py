"""The mixture of the experts of all fields."""

from keras import ops

from keras_vae.distributions.expert_mixture import ExpertMixture
from keras_vae.distributions.gaussian import Gaussian as GaussianDistribution
from keras_vae.hints import Tensor
from keras_vae.posteriors.experts import Experts
from keras_vae.registry import posteriors

__all__ = ["MixtureOfExperts"]


@posteriors.register("mixture_of_experts", package="keras_vae")
class MixtureOfExperts(Experts):
    """q(z | x_1, ..., x_M) = (1/M) (q(z | x_1) + ... + q(z | x_M)), the MMVAE of Shi et al. (2019).

    The mixture is over the fields that are present. Each expert must explain all fields by itself, so this posterior
    translates between fields without training on subsets, but what one field alone shows makes no other expert sharper.
    Several draws are stratified: as many draws as fields take one from each expert, as their bounds do, so use
    `ELBO(num_samples=M)`, or `IWAE(k * M)`. With `gradient="dreg"`, which needs them so, draws are independent. The KL
    is estimated at the draws. The latents are `(batch, *latent_shape)`.

    Args:
        fields: names of the fields whose experts take part; by default all, see `keras_vae.posteriors.Experts`.
        scale: parametrisation of every expert's scale, as in `keras_vae.posteriors.Gaussian`.
        hidden_units: width of each gated dense layer between the features of a field and its expert.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: unknown fields, a prior that is no diagonal Gaussian, or arguments of a wrong kind.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(
    ...     {"a": (4,), "b": (3,)}, 2, likelihood={"a": "gaussian", "b": "gaussian"},
    ...     posterior="mixture_of_experts", objective=kv.objectives.IWAE(4, gradient="dreg"),
    ... )
    >>> vae.encode({"b": np.zeros((5, 3))}).shape  # without a
    (5, 2)
    """

    distribution_class = ExpertMixture

    def combined(
        self, prior: GaussianDistribution, experts: list[GaussianDistribution], present: list[Tensor]
    ) -> ExpertMixture:
        rows = ops.concatenate([ops.reshape(own, (-1, 1)) for own in present], axis=1)
        nothing = ops.logical_not(ops.any(rows, axis=1, keepdims=True))
        counted = ops.concatenate([nothing, rows], axis=1)
        return ExpertMixture.of([prior, *experts], counted, stratified=not self.independent_draws)
