"""Overdispersed counts: reads, clicks, visits."""

from typing import Any

from keras import ops

from keras_vae.arguments import one_of
from keras_vae.distributions.distribution import Independent
from keras_vae.distributions.negative_binomial import NegativeBinomial as NegativeBinomialDistribution
from keras_vae.hints import Config, Shape, Tensor
from keras_vae.likelihoods.likelihood import Likelihood, Support, log_exposure
from keras_vae.registry import likelihoods

__all__ = ["NegativeBinomial"]


@likelihoods.register("negative_binomial", package="keras_vae")
class NegativeBinomial(Likelihood):
    """p(x | z): counts with mean m(z) and variance m + m^2 / r, as in scVI (Lopez et al., 2018).

    For data `(batch, *data_shape)`. The encoder sees log(1 + x).

    Args:
        dispersion: `"learned"`, one r for each feature, that is, for each index of the data's last axis; or
            `"predicted"`, one for every element, from the decoder's features.
        project: if False, the decoder's output is used as the log means, or `[log_mean,
            log_inverse_dispersion]` where the dispersion is predicted.
        exposure: whether every example has a size factor `(batch,)`, such as a cell's number of reads: log m is then
            its logarithm plus what the decoder says, as in scVI. Data are `{"x": x, "exposure": ...}`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: an unknown dispersion.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> counts = np.random.default_rng(0).negative_binomial(2, 0.3, (32, 6))
    >>> vae = kv.VAE((6,), 2, likelihood="negative_binomial")
    >>> vae.compile("adam")
    >>> sorted(vae.fit(counts, verbose=0).history)
    ['bits_per_dim', 'kl_loss', 'loss', 'reconstruction_loss']
    """

    support = Support(0.0, integer=True)
    zero_initialised = ("log_inverse_dispersion", "zero_logits")

    def __init__(
        self, dispersion: str = "learned", project: bool = True, exposure: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(project=project, **kwargs)
        self.exposure = bool(exposure)
        self.dispersion = one_of(dispersion, ("learned", "predicted"), "dispersion")

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return ("log_mean", "log_inverse_dispersion") if self.dispersion == "predicted" else ("log_mean",)

    def build(self, features_shape: Shape, data_shape: Shape | None = None) -> None:
        super().build(features_shape, data_shape)
        if self.dispersion == "learned":
            width = self.data_shape[-1]
            self.log_inverse_dispersion = self.add_weight(
                name="log_inverse_dispersion",
                shape=() if width is None else (width,),
                initializer="zeros",
                autocast=False,
            )

    def exposed(self, params: dict[str, Tensor], exposure: Tensor) -> dict[str, Tensor]:
        log_mean = params["log_mean"]
        return {**params, "log_mean": log_mean + log_exposure(exposure, like=log_mean)}

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Independent:
        if self.dispersion == "predicted":
            log_r = params["log_inverse_dispersion"]
        else:
            log_r = ops.convert_to_tensor(self.log_inverse_dispersion)
        return NegativeBinomialDistribution(params["log_mean"], log_r, event_ndims=self.event_ndims, mask=mask)

    def to_network(self, x: Tensor) -> Tensor:
        # noise on the encoder's side may take x below zero
        return ops.log1p(ops.maximum(ops.cast(x, "float32"), 0.0))

    def get_config(self) -> Config:
        return {**super().get_config(), "dispersion": self.dispersion, "exposure": self.exposure}
