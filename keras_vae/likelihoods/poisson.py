"""Counts."""

from typing import Any

from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.poisson import Poisson as PoissonDistribution
from keras_vae.hints import Config, Tensor
from keras_vae.likelihoods.likelihood import Likelihood, Support, log_exposure
from keras_vae.registry import likelihoods

__all__ = ["Poisson"]


@likelihoods.register("poisson", package="keras_vae")
class Poisson(Likelihood):
    """p(x | z) = Poisson(exp(log_rate(z))): counts whose variance equals their mean.

    For data `(batch, *data_shape)`, as in Gronbech et al. (2020). The encoder sees log(1 + x). For
    overdispersed counts use `negative_binomial`.

    Args:
        project: if False, the decoder's output is used as the log rates.
        exposure: whether every example has a size factor `(batch,)`, such as the time that was counted for:
            the log rate is then its logarithm plus what the decoder says. Data are `{"x": x, "exposure": ...}`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> counts = np.random.default_rng(0).poisson(3.0, (32, 6))
    >>> vae = kv.VAE((6,), 2, likelihood="poisson")
    >>> vae.compile("adam")
    >>> _ = vae.fit(counts, verbose=0)
    >>> draws = vae.generate(3, mode="sample")
    >>> bool((draws == draws.round()).all())
    True
    """

    support = Support(0.0, integer=True)
    parameter_names = ("log_rate",)

    def __init__(self, project: bool = True, exposure: bool = False, **kwargs: Any) -> None:
        super().__init__(project=project, **kwargs)
        self.exposure = bool(exposure)

    def exposed(self, params: dict[str, Tensor], exposure: Tensor) -> dict[str, Tensor]:
        log_rate = params["log_rate"]
        return {**params, "log_rate": log_rate + log_exposure(exposure, like=log_rate)}

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        return PoissonDistribution(params["log_rate"], event_ndims=self.event_ndims, mask=mask)

    def to_network(self, x: Tensor) -> Tensor:
        # noise on the encoder's side may take x below zero
        return ops.log1p(ops.maximum(ops.cast(x, "float32"), 0.0))

    def get_config(self) -> Config:
        return {**super().get_config(), "exposure": self.exposure}
