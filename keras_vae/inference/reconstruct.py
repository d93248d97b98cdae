"""Reconstructions: from data to latents and back."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import non_negative_number
from keras_vae.data.streams import is_stream, unpack
from keras_vae.distributions.draws import other_noise
from keras_vae.hints import Array, Data, Part, Seed, Tensor
from keras_vae.inference.call import checked_limits, decoding_mode, known_length, over_data
from keras_vae.inference.prefix import prefix_of_batch, read_prefix
from keras_vae.latents.steps import check_length

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
    prefix: Any = None,
    prefix_mask: Any = None,
    seed: int | None = None,
    data_temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
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
        prefix: the first steps of the data, `(n, time, ...)` or `(time, ...)` for all rows, which are returned as they
            are and which the steps behind them follow, while the latents are those of x; or a list of them of unequal
            lengths, and for several fields a dict with some of them. With it x must be arrays, and no dataset.
        prefix_mask: boolean `(n, time)`, True where the prefix counts, for prefixes of unequal lengths; by default all
            steps that the likelihood does not take for padding.
        seed: int, for results that are reproducible on one backend, with one batch size.
        data_temperature: scales the spread of p(x|z), with `mode="sample"`; 1 is the model's own, 0 is greedy.
        top_k: number of the most likely categories that a draw of tokens is taken from, with `mode="sample"`.
        top_p: as many of the most likely categories as reach this probability, likewise: nucleus sampling.
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
    mode = decoding_mode(model, mode, data_temperature)
    options: dict[str, Any] = {
        "mode": mode,
        "length": known_length(model, length),
        "deterministic": bool(deterministic),
        **checked_limits(model, mode, top_k, top_p),
    }
    given = read_prefix(model, prefix, prefix_mask)
    run: dict[str, Any] = {
        "batch_size": batch_size,
        "verbose": verbose,
        "seed": seed,
        "temperature": (1.0, non_negative_number(data_temperature, "data_temperature")),
    }
    if options["length"] is not None and model.latents.goes_step_by_step and not is_stream(x):
        # Here too, since a compiled function may not know the number of steps.
        data = unpack(model.checks.check_data(x, noisy=True), model.spec)
        check_length(model.latents, keras.tree.flatten(data.x)[0].shape[1], options["length"])
    if given is None:
        batch = functools.partial(reconstruct_batch, **options)
        return over_data(model, ("reconstruct", *options.values()), batch, x, noisy=True, **run)
    x = model.checks.check_data(x, noisy=True)
    if is_stream(x):
        raise ValueError(
            "Argument `x` must hold arrays where there is a prefix, one for each row of them. Received: a "
            f"{type(x).__name__}. Call reconstruct once for each batch."
        )
    data = unpack(x, model.spec)
    first = keras.tree.flatten(data.x)[0]
    known = options["length"] or (None if isinstance(model.spec, dict) else first.shape[1])
    inputs = {"data": data.given(), **given.inputs(model, int(first.shape[0]), known)}
    key = ("reconstruct", *options.values(), tuple(given.values))
    return model.runner.run(key, functools.partial(continue_batch, **options), inputs, **run)


def continue_batch(model: Part, inputs: Any, **options: Any) -> Tensor:
    """Reconstructions of one batch, from `data`, that go on from a `prefix`."""
    return reconstruct_batch(model, inputs["data"], prefix=prefix_of_batch(model, inputs), **options)


def reconstruct_batch(
    model: Part,
    inputs: Any,
    seed: Seed = None,
    temperature: Any = (1.0, 1.0),
    prepared: Any = None,
    mode: str | None = None,
    deterministic: bool = True,
    length: Any = None,
    prefix: dict[str, Any] | None = None,
    **limits: Any,
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
        prefix: dict with the decoder's arguments `prefix` and `prefix_mask`, or None.
        **limits: `top_k` and `top_p`, see `reconstruct`.
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
        **(prefix or {}),
        **limits,
    )
