"""Metrics per element of the data, in addition to nats per example."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.hints import Tensor

__all__ = ["BitsPerDim", "Perplexity", "count_elements", "rate_metrics"]


def rate_metrics(support: Any) -> list[keras.metrics.Metric]:
    """The metrics in which results on such data are usually published: a list.

    Args:
        support: the likelihood's `Support`: bits per dimension for whole numbers, perplexities for
            categories, none for densities, which depend on the unit of the data, and none for several fields.
    """
    if not hasattr(support, "low"):
        return []
    if support.categorical:
        return [Perplexity("perplexity"), Perplexity("reconstruction_perplexity", with_kl=False)]
    return [BitsPerDim("bits_per_dim")] if support.integer else []


def count_elements(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Number of valid elements of every example of `x`: float32 `(batch,)`."""
    shape = ops.shape(x)
    if mask is None:
        size = math.prod(shape[1:]) if None not in x.shape[1:] else ops.prod(ops.stack(list(shape[1:])))
        return ops.cast(size, "float32") * ops.ones((shape[0],), dtype="float32")
    inner = math.prod(x.shape[len(mask.shape) :])
    counts = ops.sum(ops.cast(mask, "float32"), axis=tuple(range(1, len(mask.shape))))
    return counts * float(inner)


class PerElement(keras.metrics.Metric):
    """Nats of all examples divided by the number of their elements, in the unit of a subclass.

    Args:
        name: name in the logs.
        with_kl: True for the negative ELBO, a bound of -log p(x), which papers report; False for the reconstruction
            loss.
    """

    def __init__(self, name: str, with_kl: bool = True, **kwargs: Any) -> None:
        super().__init__(name=name, dtype="float32", **kwargs)
        self.with_kl = with_kl
        # Means over examples, not sums: float32 cannot count beyond 2^24.
        self.nats = keras.metrics.Mean(dtype="float32")
        self.elements = keras.metrics.Mean(dtype="float32")

    def update_state(self, reconstruction: Tensor, kl: Tensor, elements: Tensor, weights: Tensor) -> None:
        """Add a batch.

        Args:
            reconstruction: nats per example, `(batch,)`.
            kl: nats per example, `(batch,)`.
            elements: number of elements of each example, `(batch,)`.
            weights: weight of each example, `(batch,)`.
        """
        self.nats.update_state(reconstruction + kl if self.with_kl else reconstruction, sample_weight=weights)
        self.elements.update_state(elements, sample_weight=weights)

    def nats_per_element(self) -> Tensor:
        elements = self.elements.result()
        return self.nats.result() / ops.maximum(elements, 1e-12)

    def reset_state(self) -> None:
        self.nats.reset_state()
        self.elements.reset_state()


class BitsPerDim(PerElement):
    """-ELBO in bits per element, as results on 8-bit images are reported."""

    def result(self) -> Tensor:
        return self.nats_per_element() / math.log(2.0)


class Perplexity(PerElement):
    """exp of the nats per token: the number of equally likely tokens that would be as uncertain."""

    def result(self) -> Tensor:
        return ops.exp(self.nats_per_element())
