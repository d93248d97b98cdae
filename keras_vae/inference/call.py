"""What inference functions share: checks of arguments, and calls of the runner."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import one_of, positive_int, share
from keras_vae.data.exposure import check_exposure
from keras_vae.hints import Array, Data, Part
from keras_vae.likelihoods.categorical import Categorical

__all__ = [
    "as_tensors",
    "checked_condition",
    "checked_exposure",
    "checked_limits",
    "decoding_mode",
    "known_length",
    "over_data",
    "rows",
]

MODES = ("mean", "mode", "sample")


def over_data(
    model: Part,
    key: Any,
    function: Callable,
    x: Data,
    *,
    batch_size: int | None,
    verbose: str | int,
    seed: int | None = None,
    noisy: bool = False,
    **options: Any,
) -> Any:
    """Check data, and apply a function to them in batches.

    Args:
        model: the `VAE`.
        key: see `Runner.run`.
        function: see `Runner.run`.
        x: data in any form.
        batch_size: rows at a time.
        verbose: as in Keras.
        seed: int, for reproducible results.
        noisy: whether x is only encoded, and not a target.
        **options: as for `Runner.run`.
    """
    x = model.checks.check_data(x, noisy=noisy)
    return model.runner.run(key, function, x, batch_size=batch_size, verbose=verbose, seed=seed, **options)


def decoding_mode(
    model: Part, mode: str | None, data_temperature: float, fields: Sequence[str] | None = None
) -> str | None:
    """The checked argument `mode`; the likelihood's default for None.

    Args:
        model: the `VAE`.
        mode: the argument of the user.
        data_temperature: likewise.
        fields: names of the fields that are decoded; by default all.

    Raises:
        ValueError: an unknown mode, the mean of categories, or a temperature without draws.
    """
    mode = model.likelihood.default_mode if mode is None else one_of(mode, MODES, "mode")
    supports = model.likelihood.support
    named = supports.items() if isinstance(supports, dict) else [("", supports)]
    for name, support in named:
        if fields is not None and name not in fields:
            continue
        if mode == "mean" and getattr(support, "categorical", False):
            where = f" The field {name!r} holds categories." if name else ""
            raise ValueError(
                "Argument `mode`: categories such as tokens have no mean. Use mode='mode', the default for them, or "
                f"mode='sample'. Received: mode='mean'{where}"
            )
    if mode != "sample" and data_temperature != 1.0:
        raise ValueError(
            "Argument `data_temperature` scales the spread of samples: pass mode='sample' too. Received: "
            f"data_temperature={data_temperature!r}, mode={mode!r}"
        )
    return mode


def checked_limits(model: Part, mode: str | None, top_k: int | None, top_p: float | None) -> dict[str, Any]:
    """The checked arguments `top_k` and `top_p` of draws of categories.

    Raises:
        ValueError: other values, a mode without draws, or a likelihood without categories.
    """
    limits = {
        "top_k": None if top_k is None else positive_int(top_k, "top_k"),
        "top_p": None if top_p is None else share(top_p, "top_p"),
    }
    named = next((name for name, value in limits.items() if value is not None), None)
    if named is None:
        return limits
    if not has_categories(model.likelihood):
        raise ValueError(
            f"Argument `{named}` limits draws to the most likely categories, and the likelihood "
            f"{type(model.likelihood).__name__} has none. Expected: one with categories, such as "
            f"keras_vae.likelihoods.Categorical. Received: {named}={limits[named]}. To draw closer to the mean or the "
            "mode, pass data_temperature=... below 1."
        )
    if mode != "sample":
        raise ValueError(
            f"Argument `{named}` limits draws to the most likely categories: pass mode='sample' too. Received: "
            f"{named}={limits[named]}, mode={mode!r}"
        )
    return limits


def has_categories(likelihood: Part) -> bool:
    """Whether anything that a likelihood describes has a probability for each category."""
    members = likelihood.members() if hasattr(likelihood, "members") else {}
    own = isinstance(likelihood, Categorical) or getattr(likelihood.support, "categorical", False)
    return own or any(map(has_categories, members.values()))


def checked_condition(model: Part, condition: Any, mask: Any, n: int) -> dict[str, Array | None]:
    """A checked condition and its mask as arrays of n rows; a single condition is repeated.

    Args:
        model: the `VAE`.
        condition: `(n, *condition_shape)` or `condition_shape`, or None.
        mask: boolean `(n, length)` or `(length,)`, or None.
        n: number of rows.
    """
    if condition is not None:
        condition = np.asarray(ops.convert_to_numpy(condition))
        if model.condition_shape is not None and condition.ndim == len(model.condition_shape):
            condition = np.repeat(condition[None], n, axis=0)
    if mask is not None:
        mask = np.asarray(ops.convert_to_numpy(mask))
        mask = np.repeat(mask[None], n, axis=0) if mask.ndim == 1 else mask
    model.checks.conditions.check(condition, n, mask)
    return {"condition": condition, "condition_mask": None if mask is None else mask.astype("bool")}


def checked_exposure(model: Part, exposure: Any, n: int) -> Array | None:
    """Checked size factors as an array of n numbers; a single number is repeated."""
    if exposure is not None:
        exposure = real_numbers(exposure, "exposure")
        exposure = np.repeat(exposure[None], n) if exposure.ndim == 0 else exposure
    check_exposure(exposure, n, model.likelihood)
    return exposure


def real_numbers(values: Any, argument: str) -> Array:
    """Values as a float32 array.

    Args:
        values: anything like an array.
        argument: name of the argument.

    Raises:
        ValueError: text, complex numbers, or rows of unequal lengths.
    """
    try:
        array = np.asarray(ops.convert_to_numpy(values))
        if array.dtype.kind not in "cSU":
            return array.astype("float32")
    except (TypeError, ValueError):
        pass  # said below
    raise ValueError(f"Argument `{argument}` must be an array of real numbers. Received: {values!r:.200}")


def known_length(model: Part, length: int | None) -> int | None:
    """The checked argument `length`, for data of unknown length."""
    shapes = model.data_shape.values() if isinstance(model.data_shape, dict) else [model.data_shape]
    if length is not None and not any(None in shape for shape in shapes):
        raise ValueError(
            f"Argument `length` is for data of unknown length, but data_shape={model.data_shape} fixes it. "
            f"Received: length={length!r}. Leave it out, or build the model with None as the first axis."
        )
    return None if length is None else positive_int(length, "length")


def as_tensors(arrays: Any) -> Any:
    """Arrays, or a structure of them, as tensors of their own dtype; without its name JAX compiles a copy."""
    return keras.tree.map_structure(lambda array: ops.convert_to_tensor(array, dtype=str(array.dtype)), arrays)


def rows(n: int, **arrays: Array | None) -> dict[str, Array]:
    """Inputs of n rows for functions without data.

    Args:
        n: number of rows.
        **arrays: `(n, ...)`, or None.
    """
    given = {name: array for name, array in arrays.items() if array is not None}
    return {"rows": np.zeros((n, 1), dtype="float32"), **given}
