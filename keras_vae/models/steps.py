"""Additions to Keras' training loop: losses and metrics of a batch."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.backend import data_shards, num_replicas
from keras_vae.data.rows import count_rows
from keras_vae.data.sparse import SparseRows, has_sparse
from keras_vae.data.streams import is_stream
from keras_vae.hints import Data, Part, Tensor
from keras_vae.models.rates import count_elements, rate_metrics
from keras_vae.objectives.terms import Terms

__all__ = [
    "Trackers",
    "check_batch_size",
    "check_class_weight",
    "check_division",
    "dense_by_batch",
    "loss_per_example",
    "weighted_mean",
]


class Trackers:
    """The metrics that every VAE logs.

    Args:
        latents: the latent structure.
        supports: the likelihood's support, or a dict of them.
    """

    def __init__(self, latents: Part, supports: Any) -> None:
        self.reconstruction = keras.metrics.Mean(name="reconstruction_loss")
        levels = len(latents.level_shapes())
        # Points have no KL, and without one there is no bound on the number of bits.
        has_kl = latents.has_density
        self.kl = keras.metrics.Mean(name="kl_loss") if has_kl else None
        named = range(1, levels + 1) if has_kl and levels > 1 else ()
        self.levels = [keras.metrics.Mean(name=f"kl_loss_{level}") for level in named]
        self.rates = rate_metrics(supports) if has_kl else []

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
        nats = -ops.mean(terms.log_likelihood, axis=1)
        # Weighted by the batch's size, as Keras weighs `loss`, so that ragged last batches agree.
        self.reconstruction.update_state(mean(nats), sample_weight=size)
        if self.kl is None:
            return
        kl = ops.sum(terms.kl, axis=1)
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


def check_class_weight(class_weight: Any, objective: Part) -> None:
    """Refuse weights of classes without labels, or of classes that there are not.

    Args:
        class_weight: dict from a class to its weight, as in `keras.Model.fit`, or None.
        objective: the objective, which may use labels as `y`.

    Raises:
        ValueError: as above.
    """
    if class_weight is None:
        return
    support = objective.y_support if objective.uses_y else None
    if support is None:
        raise ValueError(
            "Argument `class_weight` needs class labels `y`, and the objective "
            f"{type(objective).__name__} has none. Use `sample_weight` to weight the examples, or "
            "objective=keras_vae.objectives.Supervised(..., loss='sparse_categorical_crossentropy')."
        )
    unknown = [key for key in class_weight if key not in range(int(support.high) + 1)]
    if support.categorical and unknown:
        raise ValueError(
            f"Argument `class_weight` must be a dict from classes to weights. Expected the classes 0 to "
            f"{support.high:g}. Received: {unknown}"
        )


def check_division(x: Data, batch_size: int | None, argument: str = "x", split: float | None = None) -> None:
    """Refuse arrays with a batch that the devices of `keras.distribution` cannot divide evenly.

    Args:
        x: arrays `(n, ...)`, or a dataset, whose batches are checked when they are used.
        batch_size: rows at a time; None for the default of Keras.
        argument: name of the argument.
        split: the fraction of the rows that `fit` holds out for validation, or None.
    """
    shards = data_shards()
    if shards == 1 or x is None or is_stream(x):
        return
    rows, size = count_rows(x), batch_size or 32
    trained = int(rows * (1.0 - (split or 0.0)))
    for part in (trained, rows - trained):
        for batch in (min(part, size), part % size):
            if batch % shards:
                raise ValueError(
                    f"Argument `{argument}`: keras.distribution divides every batch among {shards} devices. Expected "
                    f"batches whose number of rows is a multiple of {shards}, the last one too. Received: a batch of "
                    f"{batch} rows, from {part} rows in batches of {size}. Take a batch_size that is a multiple of "
                    f"{shards}, and leave out the rows that remain, as in x[:{part - part % shards}]."
                )


def dense_by_batch(arguments: dict[str, Any], validation_size: int | None) -> None:
    """Change the arguments of `fit` so that sparse rows are made dense batch by batch.

    Args:
        arguments: the arguments of `fit`, with checked data.
        validation_size: rows of a batch of `validation_data`.
    """
    if has_sparse(arguments["validation_data"]):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(arguments["validation_data"])
        arguments["validation_data"] = SparseRows(x, y, sample_weight, validation_size)
    x, y, sample_weight = arguments["x"], arguments["y"], arguments.get("sample_weight")
    if not has_sparse((x, y)):
        return
    rows = np.arange(count_rows(x))
    split = arguments.pop("validation_split", None)
    if split and arguments["validation_data"] is None:
        # The last rows, as in Keras, which splits arrays only.
        first = int(len(rows) * (1.0 - split))
        arguments["validation_data"] = SparseRows(x, y, sample_weight, validation_size, rows=rows[first:])
        rows = rows[:first]
    size, shuffle = arguments.pop("batch_size", None), arguments.pop("shuffle", True)
    data = SparseRows(x, y, sample_weight, size, shuffle, rows)
    # It shuffles the rows itself; Keras would shuffle the batches.
    arguments.update(x=data, y=None, sample_weight=None, shuffle=False)
