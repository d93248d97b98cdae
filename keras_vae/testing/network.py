"""The checks that encoders and decoders share."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.hints import Part, Shape, Tensor
from keras_vae.testing.config import check_config
from keras_vae.testing.latents import chosen
from keras_vae.testing.outputs import check_precision, check_rows, check_shapes
from keras_vae.testing.subject import Subject
from keras_vae.testing.training import check_fit, check_reload

__all__ = ["run_network_checks"]

CHECKS = ("config", "shapes", "precision", "fit", "reload")


def run_network_checks(
    subject: Subject,
    features: Callable,
    shape: Callable,
    other_values: dict[str, Any] | None,
    checks: Sequence[str] | None,
    extra: Callable | None = None,
) -> None:
    """All checks of an encoder or a decoder.

    Args:
        subject: the `Subject`.
        features: function `(vae, x, **call_arguments)` that runs the component on data `x`.
        shape: function `vae` -> what `compute_output_shape` says.
        other_values: see `check_config`.
        checks: names from `CHECKS`, or None for all.
        extra: function of the subject with further checks of shapes.
    """

    def outputs(vae: Part, x: Tensor, **kwargs: Any) -> dict[str, Tensor]:
        return {f"features_{i}": part for i, part in enumerate(keras.tree.flatten(features(vae, x, **kwargs)))}

    def output_shapes(vae: Part) -> dict[str, Shape]:
        spec = shape(vae)
        several = isinstance(spec[0], (list, tuple))
        return {f"features_{i}": tuple(part)[1:] for i, part in enumerate(spec if several else [spec])}

    checks = chosen(checks, CHECKS)
    if "config" in checks:
        check_config(subject, other_values)
    if "shapes" in checks:
        vae, x = check_shapes(subject, outputs, output_shapes)
        _check_call_arguments(subject, features)
        check_rows(subject, lambda batch: outputs(vae, batch, training=False), x)
        if extra is not None:
            extra(subject)
    if "precision" in checks:
        check_precision(subject, outputs, low_precision=True)
    if "fit" in checks:
        check_fit(subject, "mixed_float16")
    if "fit" in checks or "reload" in checks:
        vae, x = check_fit(subject)
        if "reload" in checks:
            check_reload(subject, vae, x)


def _check_call_arguments(subject: Subject, features: Callable) -> None:
    vae, x = subject.model(perturb=True)
    x = ops.convert_to_tensor(x)
    mask = ops.ones((x.shape[0], x.shape[1]), dtype="bool")
    try:
        features(vae, x, mask=mask, training=True)
        first, second = (keras.tree.flatten(features(vae, x, mask=None, training=False)) for _ in range(2))
    except TypeError as error:
        subject.require(False, "shapes", f"call must take the arguments `mask` and `training`: {error}")
    same = all(
        np.array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b)) for a, b in zip(first, second, strict=True)
    )
    subject.require(same, "shapes", "two calls with training=False differ. Pass `training` on to dropout and the like.")
