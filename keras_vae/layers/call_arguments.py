"""Which optional arguments a plain Keras model takes, and how it gets a mask."""

import inspect
from collections.abc import Sequence
from typing import Any

import keras

from keras_vae.arguments import check_fields
from keras_vae.backend import without_mask
from keras_vae.hints import Part, Tensor
from keras_vae.layers.sequence import hide_padding, step_mask

__all__ = ["accepted_arguments", "call_model", "passes_masks_on"]


def accepted_arguments(model: Any, names: Sequence[str]) -> set[str]:
    """The subset of `names` that `model.call` takes as our contracts mean them.

    Functional and Sequential models have a `mask` argument too, but it is Keras' implicit mask of
    every input, so they receive none of these; `keras_vae.encoders.FromModel` passes it to them.

    Args:
        model: a Keras model or layer.
        names: names of arguments of `call`.

    Example:

    >>> import keras
    >>> from keras_vae.layers import accepted_arguments
    >>> accepted_arguments(keras.layers.GRU(3), ("mask", "target"))
    {'mask'}
    >>> accepted_arguments(keras.Sequential([keras.layers.GRU(3)]), ("mask", "target"))
    set()
    """
    return set() if passes_masks_on(model) else set(inspect.signature(model.call).parameters) & set(names)


def passes_masks_on(model: Any) -> bool:
    """Whether a model is Functional or Sequential, which hands the mask of its input on from layer to layer."""
    return _defined_in(model, "keras.src.models")


def _defined_in(model: Any, package: str) -> bool:
    # A class made in a namespace without __name__ has no module.
    return (type(model).call.__module__ or "").startswith(package)


def call_model(model: Part, x: Any, mask: Any, in_time: bool = True, **options: Any) -> Any:
    """The result of a Keras model that was passed as a network, for data with a mask.

    A model whose `call` takes `mask` gets the data and the mask as they are. Any other sees zeros at padded steps, so
    that it cannot read the padding. Functional and Sequential models, and layers of Keras, also get the mask of the
    steps, as Keras defines it.

    Args:
        model: the model or layer.
        x: `(batch, ...)`, or a dict of fields.
        mask: boolean `(batch, time)`, or with an entry for each element; a dict of them for fields; or None.
        in_time: whether the second axis of x is time.
        **options: other arguments of the model.
    """
    takes = passes_masks_on(model) or "mask" in accepted_arguments(model, ("mask",))
    if takes and not _defined_in(model, "keras.src"):
        return model(x, **options, **({} if mask is None else {"mask": mask}))
    if isinstance(x, dict):
        x, mask = _fields(model, x, mask or {}, in_time)
    else:
        x, mask = _masked(x, mask, in_time)
    if takes and any(steps is not None for steps in keras.tree.flatten(mask)):
        options["mask"] = mask
    return without_mask(model(x, **options))


def _masked(x: Tensor, mask: Tensor | None, in_time: bool) -> tuple[Tensor, Tensor | None]:
    """x with zeros at padded steps, and the mask as Keras defines it: `(batch, time)`, or None."""
    if mask is None or not in_time:
        return x, None
    if len(x.shape) < 3:
        # Without features, a step is an element. A table may be wider than its mask; its missing elements are zero.
        return (hide_padding(x, mask) if tuple(x.shape[1:]) == tuple(mask.shape[1:]) else x), None
    steps = step_mask(mask)
    # Keras has no masks of the elements of images.
    return hide_padding(x, steps), steps if len(mask.shape) == 2 or len(x.shape) == 3 else None


def _fields(model: Part, x: dict[str, Any], masks: dict[str, Any], in_time: bool) -> tuple[Any, Any]:
    """The fields that the model has as inputs, and their masks in the same order."""
    inputs = getattr(model, "input", None) if passes_masks_on(model) else None
    names = list(x) if inputs is None else [own.name for own in keras.tree.flatten(inputs)]
    if isinstance(inputs, dict):
        names = list(inputs)
    check_fields(x, names, "x")
    pairs = {name: _masked(x[name], masks.get(name), in_time) for name in names}
    steps = {name: pair[1] for name, pair in pairs.items()}
    in_order = inputs is None or isinstance(inputs, dict)
    return {name: pair[0] for name, pair in pairs.items()}, steps if in_order else list(steps.values())
