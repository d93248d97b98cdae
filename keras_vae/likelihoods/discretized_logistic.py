"""8-bit images with independent pixels and channels."""

import math
from typing import Any

from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.distributions.discretized_logistic import NARROWEST
from keras_vae.distributions.discretized_logistic import DiscretizedLogistic as DiscretizedLogisticDistribution
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Config, Tensor
from keras_vae.likelihoods.bounds import above
from keras_vae.likelihoods.likelihood import Likelihood, Support
from keras_vae.registry import likelihoods

__all__ = ["DiscretizedLogistic", "check_levels", "narrowed"]


@likelihoods.register("discretized_logistic", package="keras_vae")
class DiscretizedLogistic(Likelihood):
    """p(x | z): a logistic density, integrated over the bin of each grey level; for 8-bit images.

    For integers 0 to num_levels - 1, of any shape; bits per dimension are then what papers report
    (Kingma et al., 2016; Salimans et al., 2017, equation 2, with one component). The encoder sees the data
    `(batch, *data_shape)` divided by num_levels - 1.

    Args:
        num_levels: number of levels, 256 for 8 bits.
        project: if False, the decoder's output is used as `[loc, log_scale]`, in units in which the levels
            span [-1, 1], and as additions to where both start.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1))
    >>> vae = kv.VAE((8, 8, 1), likelihood="discretized_logistic")
    >>> vae.compile("adam")
    >>> 7 < vae.fit(images, verbose=0).history["bits_per_dim"][0] < 10
    True
    """

    parameter_names = ("loc", "log_scale")
    zero_initialised = ("loc", "log_scale")

    def __init__(self, num_levels: int = 256, project: bool = True, **kwargs: Any) -> None:
        super().__init__(project=project, **kwargs)
        self.num_levels = check_levels(num_levels)

    @property
    def support(self) -> Support:
        return Support(0.0, self.num_levels - 1.0, integer=True)

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        # exp(0) / pi: the spread of equally likely levels
        log_scale = narrowed(params["log_scale"] - math.log(math.pi), self.num_levels)
        return DiscretizedLogisticDistribution(
            params["loc"], log_scale, self.num_levels, event_ndims=self.event_ndims, mask=mask
        )

    def to_network(self, x: Tensor) -> Tensor:
        return ops.cast(x, "float32") / (self.num_levels - 1)

    def get_config(self) -> Config:
        return {**super().get_config(), "num_levels": self.num_levels}


def check_levels(num_levels: int) -> int:
    """The argument `num_levels`, an int of at least 2."""
    if positive_int(num_levels, "num_levels") < 2:
        raise ValueError(f"Argument `num_levels` must be at least 2. Received: num_levels={num_levels}")
    return int(num_levels)


def narrowed(log_scale: Tensor, num_levels: int) -> Tensor:
    """A log scale with a smooth lower bound, so that the gradient does not vanish there."""
    return above(log_scale, math.log(2.0 * NARROWEST / (num_levels - 1)))
