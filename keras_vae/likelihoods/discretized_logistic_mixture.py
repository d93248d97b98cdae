"""8-bit colour images."""

import math
from typing import Any

import numpy as np
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.distributions.discretized_logistic_mixture import DiscretizedLogisticMixture as MixtureDistribution
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Config, Shape, Tensor
from keras_vae.likelihoods.discretized_logistic import check_levels, narrowed
from keras_vae.likelihoods.likelihood import Likelihood, Support
from keras_vae.registry import likelihoods

__all__ = ["DiscretizedLogisticMixture"]


@likelihoods.register("discretized_logistic_mixture", package="keras_vae")
class DiscretizedLogisticMixture(Likelihood):
    """p(x | z): for each pixel a mixture of discretised logistics with dependent channels; for 8-bit images.

    The likelihood of PixelCNN++ (Salimans et al., 2017): the channels of a pixel share the component, and
    the location of each depends on the earlier channels. For images `(height, width, channels)`, any number of
    channels. The components are initialised across the levels, so the first loss is about 8 bits per
    dimension.

    Args:
        components: number of components.
        num_levels: number of levels, 256 for 8 bits.
        project: if False, the decoder's output is used as the list of the parameters in `parameter_names`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, or data that are not images.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3))
    >>> vae = kv.VAE((8, 8, 3), likelihood=kv.likelihoods.DiscretizedLogisticMixture(components=5))
    >>> vae.compile("adam")
    >>> 7 < vae.fit(images, verbose=0).history["bits_per_dim"][0] < 10
    True
    """

    # The locations too: a component is narrow, and an error of a few widths costs several bits for each pixel.
    zero_initialised = ("loc", "log_scale", "coefficients")
    undivided_axes = 1

    def __init__(self, components: int = 10, num_levels: int = 256, project: bool = True, **kwargs: Any) -> None:
        super().__init__(project=project, **kwargs)
        self.components = positive_int(components, "components")
        self.num_levels = check_levels(num_levels)

    @property
    def support(self) -> Support:
        return Support(0.0, self.num_levels - 1.0, integer=True)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        names = ("mixture_logits", "loc", "log_scale")
        # known once the layer is built; before that, the longest list
        shape = getattr(self, "data_shape", (None,))
        return names if shape[-1] == 1 else (*names, "coefficients")

    def build(self, features_shape: Shape, data_shape: Shape | None = None) -> None:
        if data_shape is not None and (len(data_shape) != 3 or data_shape[-1] is None):
            raise ValueError(
                "The likelihood 'discretized_logistic_mixture' is for images of shape (height, width, channels). "
                f"Received: data of shape {tuple(data_shape)}. Add a channel axis, or use "
                "'discretized_logistic', which takes any shape."
            )
        super().build(features_shape, data_shape)

    def parameter_shape(self, name: str) -> Shape:
        *pixels, channels = self.data_shape
        counts = {"mixture_logits": 1, "coefficients": channels * (channels - 1) // 2}
        return (*pixels, counts.get(name, channels) * self.components)

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        channels = self.data_shape[-1]

        def split(name: str, rows: int) -> Tensor:
            values = params[name]
            return ops.reshape(values, (*ops.shape(values)[:-1], rows, self.components))

        # Component k starts in the middle of its own K-th part of the levels, about as wide as that part. Of several
        # channels it has the same part of each, and must reach pixels of which one is dark and another bright.
        starts = ops.convert_to_tensor((2 * np.arange(self.components) + 1) / self.components - 1, dtype="float32")
        width = -math.log(math.pi) + (math.log(2.0 / self.components) if channels == 1 else 0.0)
        coefficients = None
        if channels > 1:
            coefficients = ops.tanh(split("coefficients", channels * (channels - 1) // 2))
        return MixtureDistribution(
            params["mixture_logits"],
            split("loc", channels) + starts,
            narrowed(split("log_scale", channels) + width, self.num_levels),
            coefficients,
            self.num_levels,
            event_ndims=self.event_ndims,
            mask=mask,
        )

    def to_network(self, x: Tensor) -> Tensor:
        return ops.cast(x, "float32") / (self.num_levels - 1)

    def get_config(self) -> Config:
        return {**super().get_config(), "components": self.components, "num_levels": self.num_levels}
