"""From data to latents."""

import dataclasses
from typing import Any

from keras_vae.arguments import one_of
from keras_vae.hints import Data, Part, Seed
from keras_vae.inference.call import over_data

__all__ = ["encode"]

MODES = ("distribution", "mean", "sample")


def encode(
    model: Part,
    x: Data,
    mode: str = "mean",
    *,
    seed: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> Any:
    """Latents of data.

    Args:
        model: the `VAE`.
        x: as for `predict`.
        mode: the `"mean"` of the posterior, a `"sample"` from it, or the `"distribution"` itself, from
            `keras_vae.distributions`, with one row for each example.
        seed: int, for results that are reproducible on one backend, with one batch size.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        `(n, latent_dim)`; a tuple of arrays if there are several levels or groups of latents.

    Raises:
        ValueError: arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.encode(np.zeros((3, 4))).shape
    (3, 2)
    >>> type(vae.encode(np.zeros((3, 4)), mode="distribution")).__name__
    'Gaussian'
    """
    one_of(mode, MODES, "mode")
    values: list[Any] = []

    def encode_batch(vae: Part, inputs: Any, seed: Seed, prepared: Any, **_: Any) -> Any:
        terms = vae.terms(inputs, seed=seed, deterministic=mode != "sample", prepared=prepared)
        values[:] = [level.posterior for level in terms.levels]
        if mode == "distribution":
            return tuple(level.posterior.tensors() for level in terms.levels)
        return tuple(level.z for level in terms.levels)

    # The distributions are rebuilt from those of the traced function, so it is traced in every call.
    key = ("encode", mode)
    if mode == "distribution":
        model.runner.functions.pop(key, None)
    outputs = over_data(model, key, encode_batch, x, batch_size=batch_size, verbose=verbose, seed=seed, noisy=True)
    if mode == "distribution":
        outputs = tuple(
            dataclasses.replace(value, mask=tensors.pop("mask", None), **tensors)
            if hasattr(value, "mask")
            else dataclasses.replace(value, **tensors)
            for value, tensors in zip(values, outputs, strict=True)
        )
    return outputs[0] if len(outputs) == 1 else outputs
