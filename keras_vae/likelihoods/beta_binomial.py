"""8-bit grey levels, and bounded counts."""

from typing import Any

from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.distributions.beta_binomial import BetaBinomial as BetaBinomialDistribution
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Config, Tensor
from keras_vae.likelihoods.likelihood import Likelihood, Support
from keras_vae.registry import likelihoods

__all__ = ["BetaBinomial"]


@likelihoods.register("beta_binomial", package="keras_vae")
class BetaBinomial(Likelihood):
    """p(x | z): integers 0 to num_trials, binomial with a probability from Beta(alpha(z), beta(z)).

    Two parameters for each element determine location and spread; all mass can be at one end or
    at both, which suits grey digits (Townsend, Bird and Barber, 2019). The encoder sees the
    data `(batch, *data_shape)` divided by num_trials.

    Args:
        num_trials: largest value, 255 for 8 bits.
        project: if False, the decoder's output is used as `[log_alpha, log_beta]`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1))
    >>> vae = kv.VAE((8, 8, 1), likelihood="beta_binomial")
    >>> vae.compile("adam")
    >>> 7 < vae.fit(images, verbose=0).history["bits_per_dim"][0] < 10
    True
    """

    parameter_names = ("log_alpha", "log_beta")

    def __init__(self, num_trials: int = 255, project: bool = True, **kwargs: Any) -> None:
        super().__init__(project=project, **kwargs)
        self.num_trials = positive_int(num_trials, "num_trials")

    @property
    def support(self) -> Support:
        return Support(0.0, float(self.num_trials), integer=True)

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        return BetaBinomialDistribution(
            params["log_alpha"], params["log_beta"], self.num_trials, event_ndims=self.event_ndims, mask=mask
        )

    def to_network(self, x: Tensor) -> Tensor:
        return ops.cast(x, "float32") / self.num_trials

    def get_config(self) -> Config:
        return {**super().get_config(), "num_trials": self.num_trials}
