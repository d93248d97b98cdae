"""Fields that some rows lack, or all."""

from collections.abc import Set
from typing import Any

import numpy as np
from keras import ops

from keras_vae.data.arrays import check_is_array
from keras_vae.data.field import Spec
from keras_vae.data.masks import check_mask
from keras_vae.data.streams import Inputs, is_array, to_numpy
from keras_vae.hints import Data

__all__ = ["completed", "rows_with_fields"]


def completed(inputs: Data, spec: Spec, optional_fields: Set[str]) -> Data:
    """Inputs with fields that were left out of the dict, as absent in every row; all others unchanged.

    They are zeros, and `present` says of every field which rows have it, so that functions are compiled once for
    all subsets of the fields.

    Args:
        inputs: x, `[x, condition]`, or a dict with `x` and so on.
        spec: a `Field`, or a dict of them.
        optional_fields: names of the fields that may be left out.

    Raises:
        ValueError: a field that is no array, or `present` says that rows have one that was left out.
    """
    if not isinstance(spec, dict):
        return inputs
    bare = isinstance(inputs, dict) and "x" not in inputs
    pair = isinstance(inputs, (list, tuple)) and len(inputs) in (1, 2)
    x = inputs if bare else inputs["x"] if isinstance(inputs, dict) else inputs[0] if pair else None
    if not isinstance(x, dict) or not x or not set(x) < set(spec):
        return inputs
    left_out = set(spec) - set(x)
    if not left_out <= optional_fields:
        return inputs  # refused, with its reason, by the checks that follow
    for name, own in x.items():
        if not is_array(own):
            check_is_array(own, f"x[{name!r}]", spec[name].shape)
    given = Inputs(x) if bare else Inputs(**inputs) if isinstance(inputs, dict) else Inputs(*inputs)
    first = next(iter(x.values()))
    static = isinstance(first.shape[0], int)
    make = np if static else ops
    rows = first.shape[0] if static else ops.shape(first)[0]
    present = dict(given.present or {})
    for name in sorted(left_out & set(present)):
        if isinstance(present[name], (np.ndarray, list)) and np.asarray(present[name]).astype("bool").any():
            raise ValueError(
                f"Argument `present[{name!r}]` says that rows have the field, and x lacks it. Received: x with the "
                f"fields {sorted(x)}. Pass x[{name!r}], or leave the field out of `present` too."
            )
    for name in spec:
        absent = name in left_out
        present[name] = (
            make.zeros((rows,), dtype="bool") if absent else present.get(name, make.ones((rows,), dtype="bool"))
        )
    shapes = {name: tuple(1 if axis is None else axis for axis in spec[name].shape) for name in left_out}
    full = {name: make.zeros((rows, *shapes[name]), dtype="float32") if name in left_out else x[name] for name in spec}
    return given._replace(x=full, present=present).given()


def rows_with_fields(present: Any, x: Any, spec: Spec, argument: str) -> dict[str, Any]:
    """The rows that have each field, boolean `(n,)` by name, for the fields that some rows lack.

    Args:
        present: what was given, or None.
        x: the data beside it.
        spec: a `Field`, or a dict of them.
        argument: name of the argument that holds x.

    Raises:
        ValueError: unknown fields, or anything but a boolean for each row.
    """
    if present is None:
        return {}
    if not isinstance(spec, dict) or not isinstance(present, dict) or not set(present) <= set(spec):
        received = f"the keys {sorted(present)}" if isinstance(present, dict) else f"a {type(present).__name__}"
        expected = f"the fields {sorted(spec)}" if isinstance(spec, dict) else "data of several fields"
        raise ValueError(
            f"Argument `present` must be a dict from some of the fields of data_shape to booleans, one for each "
            f"row. Expected {expected}. Received: {received}."
        )
    found = {}
    for name, rows in present.items():
        check_is_array(rows, f"present[{name!r}]", ())
        count = x[name].shape[0] if isinstance(x, dict) and name in x and is_array(x[name]) else None
        if tuple(rows.shape) != (count,) and count is not None:
            raise ValueError(
                f"Argument `present[{name!r}]` must hold a boolean for every row of {argument}[{name!r}], shape "
                f"{(count,)}. Received: shape {tuple(rows.shape)}."
            )
        check_mask(rows, f"present[{name!r}]")
        kept = np.asarray(to_numpy(rows)).astype("bool")
        if not kept.all():
            found[name] = kept
    return found
