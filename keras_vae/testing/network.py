"""The checks that encoders and decoders share."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.hints import Array, Part, Shape, Tensor
from keras_vae.testing.config import check_config
from keras_vae.testing.latents import chosen, run_checks
from keras_vae.testing.outputs import check_precision, check_rows, check_shapes
from keras_vae.testing.subject import Subject

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
        features: function `(vae, x, seen=None, **call_arguments)` that runs the component on data `x`, or on `seen`
            where that is given: a decoder of the latents of x then sees `seen` as its target.
        shape: function `vae` -> what `compute_output_shape` says.
        other_values: see `check_config`.
        checks: names from `CHECKS`, or None for all.
        extra: function of the subject with further checks of shapes.
    """

    def outputs(vae: Part, x: Tensor, **kwargs: Any) -> dict[str, Tensor]:
        return _by_name(keras.tree.flatten(features(vae, x, **kwargs)))

    def output_shapes(vae: Part) -> dict[str, Shape]:
        spec = shape(vae)
        several = isinstance(spec[0], (list, tuple))
        return _by_name([tuple(part)[1:] for part in (spec if several else [spec])])

    def shapes_and_arguments() -> None:
        vae, x = check_shapes(subject, outputs, output_shapes)
        _check_call_arguments(subject, features)
        check_rows(subject, lambda batch: outputs(vae, batch, training=False), x)
        _check_mask(subject, features)
        if extra is not None:
            extra(subject)

    run_checks(
        subject,
        chosen(checks, CHECKS),
        {
            "config": lambda: check_config(subject, other_values),
            "shapes": shapes_and_arguments,
            "precision": lambda: check_precision(subject, outputs, low_precision=True),
        },
    )


def _by_name(parts: Sequence[Any]) -> dict[str, Any]:
    """Features, or their shapes, by what errors call them."""
    return {f"call()[{i}]" if len(parts) > 1 else "call()": part for i, part in enumerate(parts)}


def _check_call_arguments(subject: Subject, features: Callable) -> None:
    vae, x = subject.perturbed
    x = ops.convert_to_tensor(x)
    mask = ops.ones((x.shape[0], x.shape[1]), dtype="bool")
    try:
        features(vae, x, mask=mask, training=True)
        first, second = (keras.tree.flatten(features(vae, x, mask=None, training=False)) for _ in range(2))
    except TypeError as error:
        subject.fail("shapes", f"call() must take the arguments `mask` and `training`: {error}", error)
    same = all(
        np.array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b)) for a, b in zip(first, second, strict=True)
    )
    subject.require(
        same, "shapes", "two results of call() with training=False differ. Pass `training` on to dropout and the like."
    )


def _check_mask(subject: Subject, features: Callable) -> None:
    """What stands at steps that the mask leaves out reaches no other step.

    A network of sequences must heed the mask: one that takes steps of features, `(batch, time, features)`, and any
    number of them. Others may ignore it, or must get it right.
    """
    vae, x = subject.perturbed
    part = subject.part(vae)
    if subject.family == "decoder" and not part.requires_target:
        return
    steps, batch = x.shape[1], ops.convert_to_tensor(x)
    hidden = steps - 1 if subject.family == "encoder" else steps // 2 - 1  # a decoder sees only what is before a step
    if hidden < 0:
        return
    mask = np.ones(x.shape[:2], dtype="bool")
    mask[:, hidden] = False
    changed = x.copy()
    changed[:, hidden] = x[::-1, hidden]

    def values(seen: Array, mask: Array | None) -> list[Array]:
        mask = None if mask is None else ops.convert_to_tensor(mask)
        parts = keras.tree.flatten(features(vae, batch, seen=ops.convert_to_tensor(seen), mask=mask, training=False))
        return [ops.convert_to_numpy(part).astype("float64") for part in parts]

    def same(one: list[Array], other: list[Array]) -> bool:
        return all(
            np.allclose(_valid(a, mask), _valid(b, mask), rtol=1e-4, atol=1e-4) for a, b in zip(one, other, strict=True)
        )

    plain, masked = values(x, None), values(x, mask)
    subject.require(
        same(plain, values(x, np.ones_like(mask))), "shapes", "call() changes with a mask that is True everywhere."
    )
    heeds = not same(plain, masked)
    if not heeds and not (subject.family == "encoder" and _takes_any_length(vae, batch, features)):
        return
    subject.require(
        heeds or same(plain, values(changed, None)),
        "shapes",
        "call() ignores `mask`, although the network takes sequences of any length: padding would be read as data. "
        "Pass the mask on to recurrent layers and attention, and leave masked steps out of means "
        "(keras_vae.layers.masked_mean, hide_padding).",
    )
    subject.require(
        same(masked, values(changed, mask)),
        "shapes",
        "call() reads what stands at steps that `mask` leaves out: other values there change the features of valid "
        "steps. Set them to zero first (keras_vae.layers.hide_padding), and leave them out of means.",
    )


def _valid(part: Array, mask: Array) -> Array:
    """The features at the steps that count, where they have steps."""
    return part[mask] if part.ndim > 2 and part.shape[:2] == mask.shape else part


def _takes_any_length(vae: Part, x: Tensor, features: Callable) -> bool:
    if len(vae.likelihood.to_network(x).shape) != 3:
        return False
    try:
        whole, shorter = (keras.tree.flatten(features(vae, part, training=False)) for part in (x, x[:, :-1]))
    except Exception:  # built for one length
        return False
    return all(part.shape[-1] == other.shape[-1] for part, other in zip(whole, shorter, strict=True))
