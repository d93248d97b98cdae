"""Predictions of a target by the objective."""

from typing import Any

from keras_vae.hints import Array, Data, Part, Seed, Tensor
from keras_vae.inference.call import over_data
from keras_vae.objectives.combined import part_with

__all__ = ["predict_target"]


def predict_target(model: Part, x: Data, *, batch_size: int | None = None, verbose: str | int = "auto") -> Array:
    """Predictions of y from the latents, at the posterior's mean: `(n, ...)`, the shape of the objective's head.

    Args:
        model: the `VAE`, whose objective predicts a target, such as `keras_vae.objectives.Supervised`.
        x: as for `predict`.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Raises:
        ValueError: an objective that predicts nothing, or arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective="supervised")
    >>> vae.predict_target(np.zeros((3, 4))).shape
    (3, 1)
    """
    if part_with(model.objective, "predict_target") is None:
        raise ValueError(
            f"predict_target needs an objective that predicts y. Received: a model whose objective is "
            f"{type(model.objective).__name__}. Build it with objective=keras_vae.objectives.Supervised(...), and "
            "train it with fit(x, y)."
        )
    return over_data(model, "predict_target", predict_batch, x, batch_size=batch_size, verbose=verbose, noisy=True)


def predict_batch(model: Part, inputs: Any, seed: Seed = None, prepared: Any = None, **_: Any) -> Tensor:
    """Predictions for one batch, without checks or progress: `(batch, ...)`.

    Args:
        model: the `VAE`.
        inputs: a batch of tensors.
        seed: an int or a `SeedGenerator`.
        prepared: what `latents.prepare` returned for the whole call, or None.
    """
    terms = model.terms(inputs, seed=seed, deterministic=True, prepared=prepared)
    return part_with(model.objective, "predict_target").predict_target(terms)
