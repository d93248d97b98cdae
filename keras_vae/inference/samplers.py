"""Densities of the latents that are fitted after training, and draws from them."""

import math
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import registry
from keras_vae.arguments import optional_seed
from keras_vae.data.streams import is_stream, peek, to_numpy, unpack
from keras_vae.hints import Array, Data, Part
from keras_vae.inference.encode import encode

__all__ = ["fit_sampler", "latents_of_sampler", "sampled_levels"]


def fit_sampler(
    model: Part,
    sampler: Any,
    x: Data,
    *,
    name: str | None = None,
    seed: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> Part:
    """Fit a density to the latents of data, for `generate(sampler=...)`; the model itself does not change.

    The data are encoded, and the sampler is fitted to one draw of q(z | x) for each row: what the decoder has seen in
    training. It is saved with the weights of the model. Training the model further makes it stale: fit it again.

    Of a hierarchy it replaces the prior of the top level, and the levels below are drawn from their own, which are
    conditional and learned; of groups side by side it replaces all of them, jointly. In a conditional model there is a
    sampler for each condition, of which there may be 100.

    Args:
        model: the `VAE`.
        sampler: a name, such as `"mixture"`, or an instance from `keras_vae.samplers`, such as `Mixture(20)`.
        x: as for `predict`, `(n, *data_shape)`: the training data, or some thousand rows of them.
        name: what `generate` calls it, by default the name under which its class is registered.
        seed: int, of the draws, and of whatever else is random in the sampler.
        batch_size: rows at a time that are encoded, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        The fitted sampler, a `keras_vae.samplers.Sampler`, which is also in `vae.samplers`.

    Raises:
        ValueError: arguments or data that do not fit the model, or latents that the sampler cannot describe.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> x = np.random.default_rng(0).random((100, 4))
    >>> _ = vae.fit_sampler(kv.samplers.Mixture(3), x, seed=0)
    >>> vae.generate(8, sampler="mixture", seed=0).shape
    (8, 4)
    """
    sampler = registry.samplers.get(sampler)
    if sampler is None:
        raise ValueError(
            f"Argument `sampler` must be one of the names {registry.samplers.names()}, or an instance from "
            "keras_vae.samplers. Received: sampler=None"
        )
    name = name_of(sampler) if name is None else name
    if not isinstance(name, str) or not name:
        raise ValueError(f"Argument `name` must be a non-empty string. Received: name={name!r}")
    if model.condition_shape is not None and not sampler.takes_condition:
        sampler = registry.samplers.get("per_condition", sampler=sampler)
    if model.condition_shape is None and sampler.takes_condition:
        raise ValueError(
            f"The sampler {type(sampler).__name__} needs conditions, and the model has none. Use the sampler within it."
        )
    if model.condition_shape is not None and None in model.condition_shape:
        raise ValueError(
            "A sampler of a conditional model is fitted for each condition. Expected: conditions that repeat, such as "
            f"labels. Received: conditions of shape {model.condition_shape}, whose length varies. Draw from the prior."
        )
    seed = drawn_seed(model, seed)
    levels = sampled_levels(model)
    sampler.build(*levels_of(model, levels))
    given = {}
    if sampler.takes_condition:
        if is_stream(x):
            x = list(x) if hasattr(x, "__next__") else x  # a generator can be read only once
            x = peek(x, math.inf, model.spec)[0].given()
        condition = unpack(x, model.spec).condition
        given["condition"] = None if condition is None else to_numpy(condition)
    try:
        z = encode(model, x, sampler.encodes, seed=seed, batch_size=batch_size, verbose=verbose)
    except NotImplementedError as error:
        raise ValueError(
            f"The sampler {name!r} stores the parameters of posteriors, and those of this model have none: {error} Use "
            "'manifold', which stores draws."
        ) from error
    z = z if isinstance(z, tuple) else (z,)
    sampler.fit(tuple(z[index] for index in levels), seed=seed, verbose=verbose, **given)
    sampler.stale = False
    model.samplers[name] = sampler
    return sampler


def latents_of_sampler(
    model: Part, name: Any, n: int, condition: Array | None, seed: int | None, temperature: float
) -> dict[int, Array]:
    """Draws of a fitted sampler: arrays `(n, *latent)` by the index of their level.

    Args:
        model: the `VAE`.
        name: of the sampler.
        n: number of draws.
        condition: `(n, *condition_shape)`, or None.
        seed: int, or None.
        temperature: scales the spread.

    Raises:
        ValueError: there is no sampler of this name.
    """
    if not isinstance(name, str) or name not in model.samplers:
        known = f"one of {sorted(model.samplers)}" if model.samplers else "and there is none"
        shown = repr(name) if isinstance(name, str) else f"an object of type {type(name).__name__}"
        raise ValueError(
            f"Argument `sampler` must be the name of a fitted sampler, {known}. Received: sampler={shown}. Fit "
            'it first: vae.fit_sampler("mixture", x).'
        )
    sampler = model.samplers[name]
    if sampler.stale:
        warnings.warn(
            f"The sampler {name!r} was fitted before the last training of the model, to latents that are others now. "
            f"Fit it again: vae.fit_sampler({name!r}, x).",
            stacklevel=3,
        )
    given = {"condition": condition} if sampler.takes_condition else {}
    draws = sampler.sample(n, seed=drawn_seed(model, seed), temperature=temperature, **given)
    return dict(zip(sampled_levels(model), draws, strict=True))


def sampled_levels(model: Part) -> tuple[int, ...]:
    """The levels whose prior a sampler replaces: those that depend on no other level."""
    return model.latents.roots


def levels_of(model: Part, levels: tuple[int, ...]) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """Shapes of one example's latents, and the spaces where they lie, of some levels.

    Args:
        model: the `VAE`.
        levels: their indices.
    """
    shapes, pairs = model.latents.level_shapes(), model.latents.pairs
    return tuple(tuple(shapes[index]) for index in levels), tuple(pairs[index][0].latent_space for index in levels)


def drawn_seed(model: Part, seed: int | None) -> int:
    """The seed, or one from the stream of the model's inference, which `VAE(seed=...)` fixes."""
    seed = optional_seed(seed)
    if seed is not None:
        return seed
    with model.runner.lock:
        drawn = keras.random.randint((), 0, 2**31 - 1, seed=model.runner.seed_generator)
    return int(np.asarray(ops.convert_to_numpy(drawn)))


def name_of(sampler: Part) -> str:
    """The name under which the class of a sampler is registered.

    Raises:
        ValueError: it is not registered.
    """
    for name, cls in registry.samplers.items():
        if cls is type(sampler):
            return name
    raise ValueError(
        f"Argument `name` must be given, since {type(sampler).__name__} is not registered: "
        f'@keras_vae.samplers.register("my_name", package="my_package").'
    )
