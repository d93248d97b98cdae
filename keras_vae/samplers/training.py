"""Training of a sampler's own network on latents."""

from typing import Any

import keras
import numpy as np

from keras_vae.arguments import positive_int, positive_number
from keras_vae.hints import Array, Config
from keras_vae.samplers.vectors import VectorSampler

__all__ = ["TrainedSampler", "train"]

HELD_OUT = 0.1
FEWEST_HELD_OUT = 20


class TrainedSampler(VectorSampler):
    """The base of samplers with a Keras model of their own, `self.model`, which `build` makes.

    Args:
        epochs: most passes over the latents, `(n, width)`.
        batch_size: rows at a time.
        learning_rate: of Adam.
        patience: epochs without a better result on the held-out rows, after which the training ends.
    """

    _loss: Any = None
    """The Keras loss of the rows as targets; None for a model that needs no targets."""
    model: Any

    def __init__(self, epochs: int, batch_size: int, learning_rate: float, patience: int) -> None:
        self.epochs = positive_int(epochs, "epochs")
        self.batch_size = positive_int(batch_size, "batch_size")
        self.learning_rate = positive_number(learning_rate, "learning_rate")
        self.patience = positive_int(patience, "patience")

    def fit_rows(self, rows: Array, generator: np.random.Generator, verbose: str | int) -> None:
        targets = type(self)._loss is not None
        self.model.compile(keras.optimizers.Adam(self.learning_rate), **({"loss": type(self)._loss} if targets else {}))
        train(
            self.model,
            rows,
            generator,
            targets=targets,
            epochs=self.epochs,
            batch_size=self.batch_size,
            patience=self.patience,
            verbose=verbose,
        )

    def get_state(self) -> dict[str, Array]:
        weights = {f"weight_{index}": np.asarray(weight) for index, weight in enumerate(self.model.get_weights())}
        return {**super().get_state(), **weights}

    def set_state(self, state: dict[str, Array]) -> None:
        super().set_state(state)
        self.model.set_weights([state[f"weight_{index}"] for index in range(len(self.model.weights))])

    def get_config(self) -> Config:
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "patience": self.patience,
        }


def train(
    model: keras.Model,
    rows: Array,
    generator: np.random.Generator,
    *,
    targets: bool,
    epochs: int,
    batch_size: int,
    patience: int,
    verbose: str | int,
) -> None:
    """Fit a compiled model to latents, and keep the weights that are best on a tenth of the rows.

    Args:
        model: the model.
        rows: `(n, width)`.
        generator: chooses the rows that are held out.
        targets: whether `fit` needs the rows as targets too.
        epochs: most passes.
        batch_size: rows at a time.
        patience: epochs without a better result, after which it ends.
        verbose: 0 is silent, 1 and `"auto"` show one bar of the epochs, 2 a line for each.
    """
    rows = rows[generator.permutation(len(rows))]
    count = int(HELD_OUT * len(rows))
    callbacks: list[Any] = []
    options: dict[str, Any] = {}
    if count >= FEWEST_HELD_OUT:
        held_out, rows = rows[:count], rows[count:]
        options["validation_data"] = (held_out, held_out) if targets else held_out
        callbacks.append(keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True))
    if verbose in ("auto", 1):
        callbacks.append(EpochBar())
    options["y"] = rows if targets else None
    model.fit(
        rows,
        epochs=epochs,
        batch_size=min(batch_size, len(rows)),
        callbacks=callbacks,
        verbose=2 if verbose == 2 else 0,
        **options,
    )


class EpochBar(keras.callbacks.Callback):
    """Keras' progress bar, one for all epochs."""

    def on_train_begin(self, logs: Any = None) -> None:
        self.epochs = 0
        self.bar = keras.utils.Progbar(self.params["epochs"], unit_name="epoch", stateful_metrics=["loss", "val_loss"])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs = epoch + 1
        losses = [(name, value) for name, value in (logs or {}).items() if name in ("loss", "val_loss")]
        self.bar.update(self.epochs, losses, finalize=False)

    def on_train_end(self, logs: Any = None) -> None:
        self.bar.update(self.epochs, finalize=True)  # it may have ended early
