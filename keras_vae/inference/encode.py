"""From data to latents."""

import dataclasses
from typing import Any

from keras_vae.arguments import one_of
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Data, Part, Seed
from keras_vae.inference.call import as_tensors, over_data

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
    key = ("encode", mode)
    runner, function = model.runner, Encoding(mode)
    with runner.lock:  # for the distributions of the function that ran
        outputs = over_data(model, key, function, x, batch_size=batch_size, verbose=verbose, seed=seed, noisy=True)
        kinds = runner.functions[key].function.kinds
    if mode == "distribution":
        outputs = tuple(
            kind(**{**others, **as_tensors(arrays)}) for (kind, others), arrays in zip(kinds, outputs, strict=True)
        )
    return outputs[0] if len(outputs) == 1 else outputs


class Encoding:
    """The latents of one batch, and what they are made of: it is known where the function is traced, which is once.

    Args:
        mode: as for `encode`.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.kinds: list[tuple[type, dict[str, Any]]] = []

    def __call__(self, vae: Part, inputs: Any, seed: Seed, prepared: Any, **_: Any) -> Any:
        terms = vae.terms(inputs, seed=seed, deterministic=self.mode != "sample", prepared=prepared)
        if self.mode != "distribution":
            return tuple(level.z for level in terms.levels)
        posteriors = [level.posterior for level in terms.levels]
        self.kinds = [(type(posterior), arguments_beside_tensors(posterior)) for posterior in posteriors]
        return tuple(posterior.tensors() for posterior in posteriors)


def arguments_beside_tensors(value: Distribution) -> dict[str, Any]:
    """The arguments of a distribution that are no tensors."""
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
    return {name: own for name, own in fields.items() if not hasattr(own, "shape")}
