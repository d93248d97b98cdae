"""The product of the experts of all fields, and of the prior."""

from keras_vae.distributions.gaussian import Gaussian as GaussianDistribution
from keras_vae.hints import Tensor
from keras_vae.posteriors.experts import Experts, product
from keras_vae.registry import posteriors

__all__ = ["ProductOfExperts"]


@posteriors.register("product_of_experts", package="keras_vae")
class ProductOfExperts(Experts):
    """q(z | x_1, ..., x_M) = p(z) q(z | x_1) ... q(z | x_M) / Z, a Gaussian: the MVAE of Wu and Goodman (2018).

    If the fields are independent given z, the true posterior has this form (their equation 3), so every field that is
    present sharpens it, and the KL is in closed form. An expert that is sharp outvotes the others, and alone it is
    trained only on rows where it is alone: use `keras_vae.objectives.FieldSubsets`. Latents are `(batch,
    *latent_shape)`.

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
    ...     posterior="product_of_experts", objective="field_subsets",
    ... )
    >>> vae.encode({"a": np.zeros((5, 4))}).shape  # without b
    (5, 2)
    """

    distribution_class = GaussianDistribution

    def combined(
        self, prior: GaussianDistribution, experts: list[GaussianDistribution], present: list[Tensor]
    ) -> GaussianDistribution:
        return product(prior, experts, present)
