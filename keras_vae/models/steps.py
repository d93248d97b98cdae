"""Additions to Keras' training loop: losses and metrics of a batch."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.backend import num_replicas
from keras_vae.hints import Part, Tensor
from keras_vae.models.rates import count_elements, rate_metrics
from keras_vae.objectives.terms import Terms

__all__ = ["Trackers", "check_batch_size", "loss_per_example", "metric_weights", "weighted_mean"]


class Trackers:
    """The metrics that every VAE logs.

    Args:
        levels: number of levels of latents.
        supports: the likelihood's support, or a dict of them.
    """

    def __init__(self, levels: int, supports: Any) -> None:
        self.reconstruction = keras.metrics.Mean(name="reconstruction_loss")
        self.kl = keras.metrics.Mean(name="kl_loss")
        self.levels = [keras.metrics.Mean(name=f"kl_loss_{level}") for level in range(1, levels + 1) if levels > 1]
        self.rates = rate_metrics(supports)

    def update(self, terms: Terms, mean: Callable[[Tensor], Tensor], weights: Tensor | None) -> None:
        """Add a batch.

        Args:
            terms: the terms of the batch.
            mean: weighted mean over the batch.
            weights: `(batch,)`, or None.
        """
        size = terms.batch.size
        if terms.labelled is not None:
            size, mean = of_labelled(terms.labelled, weights)
        nats, kl = -ops.mean(terms.log_likelihood, axis=1), ops.sum(terms.kl, axis=1)
        # Weighted by the batch's size, as Keras weighs `loss`, so that ragged last batches agree.
        self.reconstruction.update_state(mean(nats), sample_weight=size)
        self.kl.update_state(mean(kl), sample_weight=size)
        for level, tracker in enumerate(self.levels):
            tracker.update_state(mean(terms.kl[:, level]), sample_weight=size)
        if self.rates:
            elements = count_elements(terms.target, terms.batch.likelihood_mask())
            weights = ops.ones_like(nats) if weights is None else ops.reshape(weights, (-1,))
            if terms.labelled is not None:
                weights = weights * ops.cast(terms.labelled, weights.dtype)
            for tracker in self.rates:
                tracker.update_state(nats, kl, elements, weights)


def of_labelled(labelled: Tensor, weights: Tensor | None) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Number of the labelled rows, and the mean over them: the terms of other rows have no meaning by themselves.

    Args:
        labelled: boolean `(batch,)`.
        weights: `(batch,)`, or None.
    """
    there = ops.cast(labelled, "float32")
    size = ops.sum(there)
    factors = there if weights is None else there * ops.reshape(ops.cast(weights, "float32"), (-1,))

    def mean(values: Tensor) -> Tensor:
        return ops.sum(values * factors) / ops.maximum(size, 1.0)

    return size, mean


def weighted_mean(values: Tensor, weights: Tensor | None, size: Tensor) -> Tensor:
    """Mean over the batch of one number per example, in float32.

    Args:
        values: `(batch,)`.
        weights: `(batch,)` or `(batch, 1)`, or None.
        size: number of examples.
    """
    values = ops.cast(values, "float32")
    if weights is not None:
        values = values * ops.reshape(ops.cast(weights, "float32"), (-1,))
    # not ops.mean: under tf.distribute the last batch may leave a replica without rows
    return ops.sum(values) / ops.cast(ops.maximum(size, 1), "float32")


def metric_weights(weights: Tensor, target: Tensor) -> Tensor:
    """Weights of elements for the metrics of `compile`, which have no last axis of the data: its mean.

    Args:
        weights: `(batch, time)` and so on.
        target: `(batch, *data_shape)`.
    """
    return ops.mean(weights, axis=-1) if len(weights.shape) == len(target.shape) else weights


def loss_per_example(objective: Part, terms: Terms) -> Tensor:
    """The objective's loss of every example, `(batch,)`.

    Raises:
        ValueError: the objective returns something else.
    """
    loss = objective.loss(terms)
    shape = getattr(loss, "shape", None)
    if isinstance(loss, (int, float)) or (shape is not None and len(shape) < 2):
        return ops.broadcast_to(loss, (terms.batch.size,))
    raise ValueError(
        f"{type(objective).__name__}.loss(terms) must return one number for each example, (batch,), or a scalar. "
        f"Received: {'None' if loss is None else f'shape {tuple(shape or ())}'}. Take the mean over samples, and the "
        "sum over levels."
    )


def total_loss(model: Part, objective: Tensor) -> Tensor:
    """The objective plus all losses of the components' layers: `add_loss` and regularizers."""
    for extra in model.losses:
        objective = objective + ops.cast(ops.sum(extra), "float32")
    return objective / num_replicas()


def check_batch_size(batch_size: int | None) -> None:
    if batch_size is not None:
        positive_int(batch_size, "batch_size")
