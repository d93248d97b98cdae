"""Predictions of the label of data by the objective's classifier."""

from typing import Any

import keras
import numpy as np

from keras_vae.data.absent import completed
from keras_vae.data.forms import as_arrays
from keras_vae.data.streams import is_array, is_stream, unpack
from keras_vae.hints import Array, Data, Part, Seed, Tensor
from keras_vae.objectives.combined import part_with

__all__ = ["predict_label"]


def predict_label(model: Part, x: Data, *, batch_size: int | None = None, verbose: str | int = "auto") -> Array:
    """q(y | x), the probability of every label, `(n, num_classes)`; the labels are its `argmax(axis=1)`.

    Args:
        model: the `VAE`, whose objective has a classifier: `keras_vae.objectives.SemiSupervised`.
        x: `(n, *data_shape)`, or as for `predict`; a label is not needed, and ignored.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Raises:
        ValueError: an objective without a classifier, or arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE((4,), latent_dim=2, condition_shape=(3,), objective="semi_supervised")
    >>> probabilities = vae.predict_label(np.zeros((5, 4)))
    >>> probabilities.shape, probabilities.argmax(axis=1).shape
    ((5, 3), (5,))
    """
    if part_with(model.objective, "predict_label") is None:
        raise ValueError(
            "predict_label needs an objective with a classifier. Received: a model whose objective is "
            f"{type(model.objective).__name__}. Build it with objective=keras_vae.objectives.SemiSupervised(...), and "
            "train it with fit({'x': x, 'label': labels})."
        )
    if not is_stream(x):
        x = without_labels(model, completed(as_arrays(x, "x"), model.spec, model.checks.optional_fields))
    # As in training, where labels may be missing: the batches of a dataset have them or not.
    x = model.checks.check_data(x, noisy=True, training=True)
    return model.runner.run("predict_label", predict_batch, x, batch_size=batch_size, verbose=verbose)


def without_labels(model: Part, x: Data) -> dict[str, Any]:
    """Arrays as a dict of inputs, with missing labels, which the classifier does not see."""
    given = unpack(x, model.spec)
    first = keras.tree.flatten(given.x)[0]
    rows = len(first) if is_array(first) else 1  # the checks say what else is wrong
    labels = np.full((rows, *model.condition_shape), np.nan, "float32") if model.condition_shape else np.full(rows, -1)
    return given._replace(condition=labels).given()


def predict_batch(model: Part, inputs: Any, seed: Seed = None, prepared: Any = None, **_: Any) -> Tensor:
    """q(y | x) for one batch, without checks or progress: `(batch, num_classes)`.

    Args:
        model: the `VAE`.
        inputs: a batch of tensors.
        seed: an int or a `SeedGenerator`.
        prepared: what `latents.prepare` returned for the whole call, or None.
    """
    terms = model.terms(inputs, seed=seed, deterministic=True, prepared=prepared)
    return part_with(model.objective, "predict_label").predict_label(terms)
