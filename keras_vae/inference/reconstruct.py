"""Reconstructions: from data to latents and back."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import non_negative_number
from keras_vae.distributions.draws import other_noise
from keras_vae.hints import Array, Data, Part, Seed, Tensor
from keras_vae.inference.call import decoding_mode, known_length, over_data

__all__ = ["predict", "reconstruct", "reconstruct_batch"]


def predict(
    model: Part,
    x: Data,
    batch_size: int | None = None,
    verbose: str | int = "auto",
    steps: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] | None = None,
) -> Array:
    """Reconstructions: the mean of p(x|z) at the posterior's mean, or the mode for tokens; `(n, *data_shape)`.

    Args:
        model: the `VAE`.
        x: arrays, `[x, condition]`, a dict of them, or a dataset.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.
        steps: number of batches to read from a dataset; all by default.
        callbacks: as in `keras.Model.predict`.

    Raises:
        ValueError: arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.predict(np.zeros((3, 4))).shape
    (3, 4)
    """
    return over_data(
        model,
        "predict",
        reconstruct_batch,
        x,
        batch_size=batch_size,
        verbose=verbose,
        steps=steps,
        callbacks=callbacks,
        noisy=True,
    )


def reconstruct(
    model: Part,
    x: Data,
    mode: str | None = None,
    deterministic: bool = True,
    *,
    seed: int | None = None,
    data_temperature: float = 1.0,
    length: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> Array:
    """Encode and decode again: `(n, *data_shape)`.

    Args:
        model: the `VAE`.
        x: as for `predict`.
        mode: `"mean"` or `"mode"` of p(x|z), or a `"sample"` from it; by default the mean, and the mode for
            tokens, which have no mean.
        deterministic: True to decode the posterior's mean, False to draw the latents from it.
        seed: int, for results that are reproducible on one backend, with one batch size.
        data_temperature: scales the spread of p(x|z), with `mode="sample"`; 1 is the model's own, 0 is greedy.
        length: number of steps, if `data_shape` does not fix it. By default that of x.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Raises:
        ValueError: arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> draws = vae.reconstruct(np.zeros((3, 4)), mode="sample", seed=0)
    >>> draws.shape, bool(np.isin(draws, (0.0, 1.0)).all())
    ((3, 4), True)
    """
    options: dict[str, Any] = {
        "mode": decoding_mode(model, mode, data_temperature),
        "length": known_length(model, length),
        "deterministic": bool(deterministic),
    }
    return over_data(
        model,
        ("reconstruct", *options.values()),
        functools.partial(reconstruct_batch, **options),
        x,
        batch_size=batch_size,
        verbose=verbose,
        seed=seed,
        noisy=True,
        temperature=(1.0, non_negative_number(data_temperature, "data_temperature")),
    )


def reconstruct_batch(
    model: Part,
    inputs: Any,
    seed: Seed = None,
    temperature: Any = (1.0, 1.0),
    prepared: Any = None,
    mode: str | None = None,
    deterministic: bool = True,
    length: Any = None,
) -> Tensor:
    """Reconstructions of one batch, without checks or progress: `(batch, *data_shape)`.

    Args:
        model: the `VAE`.
        inputs: a batch of tensors.
        seed: an int or a `SeedGenerator`.
        temperature: temperatures of the prior and of the likelihood.
        prepared: what `latents.prepare` returned for the whole call, or None.
        mode: see `reconstruct`.
        deterministic: see `reconstruct`.
        length: number of steps, if `data_shape` does not fix it; by default that of x.
    """
    terms = model.terms(inputs, seed=seed, deterministic=deterministic, prepared=prepared)
    if length is None and not isinstance(model.data_shape, dict) and model.data_shape[0] is None:
        length = ops.shape(terms.x)[1]
    return model.forward_pass.decode_latents(
        terms.latents,
        terms.context,
        exposure=terms.batch.exposure,
        seed=other_noise(seed, 2),
        mode=mode,
        temperature=temperature[1],
        length=length,
    )
