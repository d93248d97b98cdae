"""Reconstructions that are compared as a viewer would."""

from typing import Any

from keras import metrics, ops

from keras_vae.arguments import non_negative_number, positive_number
from keras_vae.hints import Component, Config, Tensor
from keras_vae.objectives.combined import Combined, parts_of
from keras_vae.objectives.structural_similarity import multiscale_similarity
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["MSSSIM"]


@objectives.register("ms_ssim", package="keras_vae")
class MSSSIM(Combined):
    """Another objective, with weight (1 - MS-SSIM) in place of -log p(x|z) (Snell et al., 2017).

    The multiscale structural similarity (Wang, Simoncelli and Bovik, 2003) compares means, contrasts and structure of
    windows, at several scales, between an image and the mean of p(x|z). It is at most 1, so `weight` says how many nats
    it is worth, and takes the part that beta has otherwise. The loss is no bound of log p(x). Logged as `ms_ssim`.

    Args:
        objective: the other objective, a name or an instance.
        weight: nats for an image that is not similar at all.
        likelihood_weight: factor of -log p(x|z), which is added (Zhao et al., 2017, mix both); 0 leaves it out, and
            parameters of the likelihood besides its mean are not trained.
        max_value: difference between the largest and the smallest value of a pixel.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, an objective made of importance weights, or data that are not images.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(16, 16, 1), latent_dim=2, objective=kv.objectives.MSSSIM(weight=200.0))
    """

    def __init__(
        self,
        objective: Component = "elbo",
        weight: float = 100.0,
        likelihood_weight: float = 0.0,
        max_value: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(objective, **kwargs)
        self.weight = positive_number(weight, "weight")
        self.likelihood_weight = non_negative_number(likelihood_weight, "likelihood_weight")
        self.max_value = positive_number(max_value, "max_value")
        self.tracker = metrics.Mean(name="ms_ssim")
        for part in parts_of(self.objective):
            if part.needs_densities:
                raise ValueError(
                    f"Argument `objective`: {type(part).__name__} is made of densities, and a similarity is none. "
                    f"Received: objective={self.objective!r}. Use 'elbo', or one with a KL."
                )

    def build(self, spec: dict[str, Any]) -> None:
        super().build(spec)
        shape = spec["data_shape"]
        if not isinstance(shape, tuple) or len(shape) != 3 or None in shape:
            raise ValueError(
                "The objective 'ms_ssim' compares images. Expected data of shape (height, width, channels). Received: "
                f"data_shape={shape!r}"
            )

    def loss(self, terms: Terms) -> Tensor:
        if terms.batch.likelihood_mask() is not None:
            raise ValueError(
                "The objective 'ms_ssim' compares windows of whole images. Expected data without masks, missing values "
                "and weights of elements. Received: one of these. Use the likelihood alone, objective='elbo'."
            )
        mean = terms.likelihood.mean()
        target = terms.forward.tiled(ops.cast(terms.target, "float32"), terms.sample_axis)
        similarity = terms.by_example(multiscale_similarity(target, mean, self.max_value))
        self.tracker.update_state(similarity)
        reconstruction = self.weight * (similarity - 1.0)
        if self.likelihood_weight:
            reconstruction = reconstruction + self.likelihood_weight * terms.log_likelihood
        return self.objective.loss(terms.replace(log_likelihood=reconstruction))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "weight": self.weight,
            "likelihood_weight": self.likelihood_weight,
            "max_value": self.max_value,
        }
