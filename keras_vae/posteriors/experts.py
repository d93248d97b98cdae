"""The base of posteriors that combine an expert of every field."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import Gaussian as GaussianDistribution
from keras_vae.hints import Config, Ints, Part, Shape, Tensor
from keras_vae.posteriors.gaussian import Gaussian
from keras_vae.posteriors.posterior import Posterior

__all__ = ["Experts", "product"]

ALONE = "x"
"""The name of the one expert of data that are no dict."""


class Experts(Posterior):
    """Posteriors q(z | x_1, ..., x_M) made of a diagonal Gaussian expert for each field (Wu and Goodman, 2018).

    The base of `ProductOfExperts`, `MixtureOfExperts` and `MixtureOfProducts`, which implement
    `combined(prior, experts, present)`. The features come from `encoders.PerField`, with the rows that have each field:
    the expert of an absent field is left out, and where nothing is present, q(z) is the prior. Latents are `(batch,
    *latent_shape)`. Data of one field have one expert.

    Args:
        fields: names of the fields whose experts take part; by default all. With some of them it is the posterior of
            what these fields alone decide, such as the style of an image beside its content, see
            `keras_vae.latents.Product`.
        scale: parametrisation of every expert's scale, as in `keras_vae.posteriors.Gaussian`.
        hidden_units: width of each gated dense layer between the features of a field and its expert.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: unknown fields, a prior that is no diagonal Gaussian, or arguments of a wrong kind.

    Example:

    >>> import keras_vae as kv
    >>> posterior = kv.posteriors.ProductOfExperts(fields=["image"])
    >>> isinstance(posterior, kv.posteriors.Experts), posterior.fields
    (True, ('image',))
    """

    requires_prior = True
    requires_fields = True

    def __init__(
        self, fields: Sequence[str] | None = None, scale: str = "exp", hidden_units: Ints = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if fields is not None and (
            not isinstance(fields, (list, tuple))
            or not fields
            or not all(isinstance(name, str) for name in fields)
            or len(set(fields)) < len(fields)
        ):
            raise ValueError(
                "Argument `fields` must be None, for all of them, or a list of different names of fields. Received: "
                f"fields={fields!r}"
            )
        self.fields = None if fields is None else tuple(fields)
        self.scale = scale
        self.hidden_units = Gaussian(scale=scale, hidden_units=hidden_units).hidden_units  # which checks both

    def check_prior(self, prior: Part) -> None:
        if prior.distribution_class is not GaussianDistribution:
            raise ValueError(
                f"The posterior {type(self).__name__} needs a diagonal Gaussian prior such as 'standard' or "
                "'gaussian': it is what is left where no field is present, and an expert of the product. Received: "
                f"the prior {type(prior).__name__}"
            )

    def build(self, features_shape: Any, context_shape: Shape, latent_shape: Shape) -> None:
        super().build(features_shape, context_shape, latent_shape)
        if isinstance(features_shape, dict):
            shapes = {name: tuple(pair[0]) for name, pair in features_shape.items()}
        else:
            shapes = {ALONE: self.require_single_features(features_shape)}
        unknown = [name for name in self.fields or () if name not in shapes]
        if unknown:
            raise ValueError(
                f"Argument `fields` of {type(self).__name__} must hold fields that have an encoder, of "
                f"{sorted(shapes)}. Received: {unknown}."
            )
        self.experts: dict[str, Any] = {}
        for name in self.fields or shapes:
            expert = Gaussian(scale=self.scale, hidden_units=self.hidden_units, dtype=self.dtype_policy)
            expert.build(shapes[name], context_shape, self.latent_shape)
            self.experts[name] = expert

    def distribution(self, features: Any, context: Tensor, *, prior: Part = None) -> Distribution:
        # A dict from a field's name to its features and a boolean `(batch,)`, or the features of the only field.
        if not isinstance(features, dict):
            features = {ALONE: (features, None)}
        experts, present = [], []
        for name, expert in self.experts.items():
            own, rows = features[name]
            experts.append(expert.distribution(own, context))
            rows = ops.ones((ops.shape(own)[0],), dtype="bool") if rows is None else rows
            present.append(ops.reshape(rows, (-1, *([1] * len(self.latent_shape)))))
        return self.combined(prior, experts, present)

    def combined(
        self, prior: GaussianDistribution, experts: list[GaussianDistribution], present: list[Tensor]
    ) -> Distribution:
        """q(z | x) of the experts.

        Args:
            prior: p(z), `(batch, *latent_shape)`.
            experts: for every field its expert, likewise.
            present: for every field boolean `(batch, 1, ...)`, with as many axes as the latents.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `combined(prior, experts, present)`.")

    def get_config(self) -> Config:
        return {**super().get_config(), "fields": self.fields, "scale": self.scale, "hidden_units": self.hidden_units}


def product(
    prior: GaussianDistribution, experts: Sequence[GaussianDistribution], present: Sequence[Tensor]
) -> GaussianDistribution:
    """The normalised product of a Gaussian prior with the Gaussian experts of what is present.

    Precisions add up, and the mean is that of the locations weighted by them.

    >>> import numpy as np
    >>> from keras_vae.distributions import Gaussian
    >>> q = product(Gaussian(np.zeros((1, 1)), np.zeros((1, 1))), [Gaussian(np.ones((1, 1)), np.zeros((1, 1)))], [True])
    >>> float(q.loc[0, 0]), round(float(q.variance()[0, 0]), 3)
    (0.5, 0.5)
    """
    precision = ops.exp(-prior.log_var) + ops.zeros_like(prior.loc)
    weighted = precision * prior.loc
    for expert, rows in zip(experts, present, strict=True):
        own = ops.where(rows, ops.exp(-expert.log_var), 0.0)
        precision = precision + own
        weighted = weighted + own * expert.loc
    return GaussianDistribution(weighted / precision, -ops.log(precision), event_ndims=prior.event_ndims)
