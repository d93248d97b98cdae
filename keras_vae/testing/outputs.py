"""Does a component keep its shapes and its precision, for every batch size and every policy?"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.backend import compiles_each_size
from keras_vae.hints import Array, Part, Shape, Tensor
from keras_vae.testing.subject import POLICIES, ROWS, Subject, compiled, variables_of

__all__ = ["check_own_variables", "check_precision", "check_rows", "check_shapes", "distinct_rows"]

EAGER_ROWS = 6
"""As many as the data drawn for other checks have: for another number JAX would compile every operation anew."""
ROW_TOLERANCE = 1e-4
"""Relative tolerance of float32 results between batch sizes."""


def check_shapes(subject: Subject, compute: Callable, shapes: Callable) -> tuple[Any, Array]:
    """Shapes with 6 rows, and compiled with an unknown number of rows: with 3 and with 4, where the backend has that.

    Args:
        subject: the `Subject`.
        compute: function `(vae, x) -> dict of tensors` by the method that gives them, each with the batch axis first.
        shapes: function `vae -> dict` of the shapes without the batch axis.

    Returns:
        The model and its data, for checks that need nothing else.
    """
    vae, x = subject.perturbed
    expected = shapes(vae)
    eager = compute(vae, ops.convert_to_tensor(x[:EAGER_ROWS]))
    _compare_shapes(subject, eager, expected, EAGER_ROWS, f"{EAGER_ROWS} rows")
    predict = subject.compiled(compute)
    for rows in (ROWS,) if compiles_each_size() else (ROWS, ROWS + 1):
        when = f"{rows} rows, in a compiled function that does not know their number"
        _compare_shapes(subject, predict(x[:rows]), expected, rows, when)
    return vae, x


def check_rows(subject: Subject, compute: Callable, x: Array, *more: Array) -> None:
    """The results of a row do not depend on the other rows of the batch.

    Args:
        subject: the `Subject`.
        compute: function of `x` and `more` -> dict of tensors by method, each with the batch axis first; those of
            `sample` are random, and not compared.
        x: data.
        *more: other inputs, such as a condition, with as many rows as `x`.
    """
    picked = np.resize(distinct_rows(x), EAGER_ROWS)
    batch = [part[picked] for part in (x, *more)]
    together = _as_numpy(compute(*map(ops.convert_to_tensor, batch)))
    for row in range(len(np.unique(picked))):
        copies = [ops.convert_to_tensor(np.repeat(part[row : row + 1], EAGER_ROWS, axis=0)) for part in batch]
        for name, value in _as_numpy(compute(*copies)).items():
            if is_random(name):
                continue
            value, here = value[row : row + 1], together[name][row : row + 1]
            allowed = ROW_TOLERANCE * (1.0 + float(np.max(np.abs(value), initial=0.0)))
            subject.require(
                here.shape == value.shape and np.allclose(here, value, rtol=0.0, atol=allowed, equal_nan=True),
                "shapes",
                f"{name} mixes the rows of a batch: the result of one example depends on the other examples. "
                "Do not sum, average or take a softmax over axis 0, and do not use batch statistics with "
                "training=False.",
            )


def is_random(name: str) -> bool:
    """Whether a method's result, by its name in the results of a check, is a draw."""
    return "sample(" in name


def distinct_rows(x: Array) -> Array:
    """Indices of the first rows, 3 at most, that differ from each other."""
    return np.sort(np.unique(x.reshape(len(x), -1), axis=0, return_index=True)[1])[:ROWS]


def _as_numpy(results: dict[str, Tensor]) -> dict[str, Array]:
    return {name: ops.convert_to_numpy(value).astype("float64") for name, value in results.items()}


def check_precision(
    subject: Subject, compute: Callable, *, low_precision: bool = False, own_variables: bool = False
) -> None:
    """Finite results under every policy, float32 unless they are features, and near those of float32.

    Args:
        subject: the `Subject`.
        compute: see `check_shapes`; the results of `sample` are random.
        low_precision: the results may be in the compute dtype, as features are.
        own_variables: look at the component's variables too.
    """
    vae, x = subject.perturbed
    reference = subject.compiled(compute)(x[:ROWS])
    for policy in POLICIES[1:]:
        half, x = subject.model(policy, like=vae)
        try:
            results = compiled(half, compute)(x[:ROWS])
        except Exception as error:
            subject.fail(
                "precision",
                f"it raises under {policy}. Cast what enters a density to float32. {type(error).__name__}: {error}",
                error,
            )
        for name, value in results.items():
            dtype = keras.backend.standardize_dtype(value.dtype)
            subject.require(
                low_precision or dtype == "float32" or not keras.backend.is_float_dtype(dtype),
                "precision",
                f"{name} is {dtype} under {policy}, and must be float32: half precision overflows in a density. Cast "
                "what enters it with keras.ops.cast(..., 'float32').",
            )
            value = value.astype("float32")
            subject.require(np.all(np.isfinite(value)), "precision", f"{name} is not finite under {policy}.")
            # The networks run in half precision, so the results agree to a few per cent.
            largest = np.max(np.abs(reference[name]))
            difference = np.max(np.abs(value - reference[name]))
            subject.require(
                is_random(name) or difference <= 0.1 * (largest + 1.0),
                "precision",
                f"{name} under {policy} differs from float32 by {difference:.4f}, with values up to {largest:.4f}.",
            )
        if own_variables and policy == "mixed_float16":
            check_own_variables(subject, half)


def check_own_variables(subject: Subject, vae: Part) -> None:
    """The component's own variables stay float32 inside a model of half precision."""
    variables = [variable for variable in variables_of(subject.part(vae)) if "float" in str(variable.dtype)]
    found = {}

    class Reader(keras.layers.Layer):
        def call(self, inputs: Tensor) -> Tensor:
            for variable in variables:
                found[variable.name] = keras.backend.standardize_dtype(ops.convert_to_tensor(variable).dtype)
            return inputs

    Reader(dtype="mixed_float16")(np.zeros((1, 1), dtype="float32"))
    rounded = sorted(name for name, dtype in found.items() if dtype != "float32")
    subject.require(
        not rounded,
        "precision",
        f"the variables {rounded} are rounded to half precision inside a mixed_float16 model before they enter a "
        "density. Create them with add_weight(..., dtype='float32', autocast=False).",
    )


def _compare_shapes(
    subject: Subject, results: dict[str, Any], expected: dict[str, Shape], rows: int, when: str
) -> None:
    for name, shape in expected.items():
        found = tuple(results[name].shape)
        wanted = (rows, *shape)
        same = len(found) == len(wanted) and all(b in (None, a) for a, b in zip(found, wanted, strict=True))
        subject.require(same, "shapes", f"{name} has shape {found} for {when}. Expected {wanted}.")
