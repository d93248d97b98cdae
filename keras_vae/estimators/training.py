"""Training of the model inside of an estimator: one default for a hundred rows and for a million."""

from typing import Any

import keras
import numpy as np

from keras_vae.arguments import non_negative_number, positive_int, positive_number
from keras_vae.hints import Array, Part

__all__ = ["check_training", "train"]

STEPS_OF_AN_EPOCH = 50
"""Fewer steps would be small beside what Keras spends on the start, the end and the validation of an epoch."""
FEWEST_HELD_OUT = 10
MOST_SINGLE_STEPS = 200


def train(
    vae: Any,
    x: Array,
    *,
    steps: int,
    batch_size: int,
    patience: int,
    validation_fraction: float,
    generator: np.random.Generator,
    learning_rate: float = 1e-3,
    verbose: str | int = 0,
    held_out: Array | None = None,
) -> dict[str, list[float]]:
    """Compile and fit a model, and keep the weights that are best on held-out rows.

    Few rows are repeated until an epoch has 50 steps: Keras' own work at the start and the end of an epoch, and the
    validation, took nine tenths of the time for a hundred rows. So `patience` counts rounds of 50 steps or more.

    Args:
        vae: a `keras_vae.VAE`, which is compiled with Adam, and gradients clipped to a norm of 10. One that is
            compiled keeps its optimizer, which starts again, and its compiled steps: to train the same model from
            other weights, set these and call it again.
        x: rows `(n, *data_shape)`.
        steps: batches to train on at most.
        batch_size: rows of a batch.
        patience: epochs of at least 50 steps without a better loss of the held-out rows, after which it ends.
        validation_fraction: share of the rows that are held out; none are where this makes fewer than 10.
        generator: chooses the rows that are held out.
        learning_rate: of Adam.
        verbose: as in Keras' `fit`.
        held_out: boolean `(n,)`, which becomes True at the rows that are held out; None if nobody asks.

    Returns:
        What Keras' `fit` logs, by name, a number for each epoch, in nats per row.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> from keras_vae.estimators import train
    >>> rng = np.random.default_rng(0)
    >>> vae = kv.VAE(data_shape=(3,), latent_dim=2, likelihood="gaussian", seed=0)
    >>> x = rng.normal(size=(40, 3)).astype("float32")
    >>> options = {"batch_size": 16, "patience": 3, "validation_fraction": 0.25}
    >>> history = train(vae, x, steps=100, generator=rng, **options)
    >>> len(history["val_loss"])
    2
    """
    order = generator.permutation(len(x))
    count = int(validation_fraction * len(x))
    if count < FEWEST_HELD_OUT:
        count = 0
    aside, rows = x[order[:count]], x[order[count:]]
    if held_out is not None:
        held_out[order[:count]] = True
    batch_size = min(batch_size, len(rows))
    repeats = -(-min(STEPS_OF_AN_EPOCH, steps) * batch_size // len(rows))
    if repeats > 1:
        rows = np.concatenate([rows[generator.permutation(len(rows))] for _ in range(repeats)])
        rows = rows[: len(rows) // batch_size * batch_size]  # a last batch of another size is compiled by itself
    per_epoch = -(-len(rows) // batch_size)
    # Steps that run many at a time take seconds to compile, which so few do not make up for.
    start_optimizer(vae, learning_rate, "auto" if steps > MOST_SINGLE_STEPS else 1)
    callbacks: list[Any] = []
    options: dict[str, Any] = {}
    if count:
        options["validation_data"] = aside
        options["validation_batch_size"] = 1024
        callbacks.append(keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True))
    history = vae.fit(
        rows,
        batch_size=batch_size,
        epochs=max(1, -(-steps // per_epoch)),
        callbacks=callbacks,
        # They are in an order of `generator`: with a seeded model, the same training wherever it runs again.
        shuffle=False,
        verbose=verbose,
        **options,
    )
    return history.history


def check_training(estimator: Part) -> None:
    """Check the arguments of an estimator that its training depends on.

    Args:
        estimator: has `num_samples`, and the arguments of `train`; of these `steps` is called `max_steps`.

    Raises:
        ValueError: one of them is wrong.

    Example:

    >>> from types import SimpleNamespace
    >>> from keras_vae.estimators import check_training
    >>> sizes = {"num_samples": 1, "max_steps": 1, "batch_size": 1, "patience": 1}
    >>> check_training(SimpleNamespace(**sizes, learning_rate=1e-3, validation_fraction=0.1))
    """
    for name in ("num_samples", "max_steps", "batch_size", "patience"):
        positive_int(getattr(estimator, name), name)
    positive_number(estimator.learning_rate, "learning_rate")
    if non_negative_number(estimator.validation_fraction, "validation_fraction") >= 1:
        raise ValueError(
            "Argument `validation_fraction` must be below 1: rows are needed to train on. Received: "
            f"validation_fraction={estimator.validation_fraction!r}"
        )


def start_optimizer(vae: Any, learning_rate: float, steps_per_execution: str | int) -> None:
    """Compile a model; of one that is compiled, only start the optimizer again, and keep the compiled steps.

    Compiling the steps takes longer than training on a hundred rows.
    """
    optimizer = getattr(vae, "optimizer", None)
    if optimizer is None:
        vae.compile(keras.optimizers.Adam(learning_rate, global_clipnorm=10.0), steps_per_execution=steps_per_execution)
        return
    for variable in optimizer.variables:
        variable.assign(np.zeros(variable.shape, variable.dtype))
    optimizer.learning_rate = learning_rate
