"""A spike-and-slab prior, for latents that are on or off in each example."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_number
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.spike_and_slab import SpikeAndSlab as SpikeAndSlabDistribution
from keras_vae.hints import Config, Encode, Shape, Tensor
from keras_vae.priors.prior import Prior
from keras_vae.registry import priors

__all__ = ["SpikeAndSlab"]


@priors.register("spike_and_slab", package="keras_vae")
class SpikeAndSlab(Prior):
    """p(z) = product of w N(0, slab_scale^2) + (1 - w) N(0, spike_scale^2) over the dimensions.

    The continuous form of George and McCulloch (1993): every dimension of every example is off, in the
    narrow spike, or on, in the wide slab. The KL to a Gaussian is integrated numerically, to 1e-4
    nats in each dimension, without sampling. It ignores the context. Draws are `(batch, *latent_shape)`.

    Args:
        slab_weight: probability w that a dimension is on, between 0 and 1.
        spike_scale: standard deviation of the spike.
        slab_scale: standard deviation of the slab, larger than the spike's.
        learn_weight: learn a weight for every dimension, starting at `slab_weight`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: a weight outside (0, 1), or a spike that is not narrower than the slab.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> prior = kv.priors.SpikeAndSlab(slab_weight=0.2)
    >>> prior.build((None, 0), (2,))
    >>> p = prior.distribution(ops.zeros((1, 0)))
    >>> [round(float(value), 2) for value in p.slab_probability(ops.array([[0.0, 1.0]]))[0]]
    [0.02, 1.0]
    """

    distribution_class = SpikeAndSlabDistribution

    def __init__(
        self,
        slab_weight: float = 0.2,
        spike_scale: float = 0.1,
        slab_scale: float = 1.0,
        learn_weight: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.slab_weight = positive_number(slab_weight, "slab_weight")
        self.spike_scale = positive_number(spike_scale, "spike_scale")
        self.slab_scale = positive_number(slab_scale, "slab_scale")
        if self.slab_weight >= 1.0:
            raise ValueError(
                f"Argument `slab_weight` must be between 0 and 1, both excluded. Received: slab_weight={slab_weight!r}"
            )
        if self.spike_scale >= self.slab_scale:
            raise ValueError(
                "Argument `spike_scale` must be smaller than `slab_scale`. Received: "
                f"spike_scale={spike_scale!r}, slab_scale={slab_scale!r}"
            )
        self.learn_weight = learn_weight

    def build(self, context_shape: Shape, latent_shape: Shape, data_spec: dict[str, Any] | None = None) -> None:
        super().build(context_shape, latent_shape, data_spec)
        self.logits = self.add_weight(
            name="logits",
            shape=self.latent_shape,
            initializer=keras.initializers.Constant(math.log(self.slab_weight) - math.log1p(-self.slab_weight)),
            trainable=self.learn_weight,
            autocast=False,
        )

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        logits = self.broadcast_to_batch(self.logits, context)
        spike, slab = (ops.full_like(logits, 2.0 * math.log(scale)) for scale in (self.spike_scale, self.slab_scale))
        return SpikeAndSlabDistribution(logits, spike, slab, event_ndims=len(self.latent_shape))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "slab_weight": self.slab_weight,
            "spike_scale": self.spike_scale,
            "slab_scale": self.slab_scale,
            "learn_weight": self.learn_weight,
        }
