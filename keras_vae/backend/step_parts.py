"""torch: all objects that the Python of a training step may read, and whether all of them are known."""

import types
from collections.abc import Iterator
from typing import Any

import keras

__all__ = ["HOOKS", "all_known", "all_optimizers", "objects_of"]

OURS = ("keras", "keras_vae")
OTHERS = ("builtins", "collections", "inspect", "numpy", "torch", "_thread", "threading", "weakref", "ml_dtypes")
"""Where the types of attributes may be from that no step calls."""
CONTAINERS = (list, tuple, set, frozenset, dict)
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _root(value: Any) -> str:
    return str(getattr(value, "__module__", None)).partition(".")[0]


def _values(holder: Any) -> Iterator[Any]:
    """The attributes of an object, the elements of a list, the values of a dict."""
    if isinstance(holder, dict):
        yield from holder.values()
    elif isinstance(holder, CONTAINERS):
        yield from holder
    elif hasattr(holder, "__dict__"):
        yield from vars(holder).values()


def all_optimizers(model: Any) -> list[Any]:
    """The optimizer of `compile` and its inner one, and those that a user's `train_step` has as attributes."""
    found = [value for value in vars(model).values() if isinstance(value, keras.optimizers.Optimizer)]
    return found + [each.inner_optimizer for each in found if hasattr(each, "inner_optimizer")]


def objects_of(model: Any) -> tuple[list[Any], list[Any]]:
    """The objects of Keras and of this package that a step may read, and whatever else is among their attributes.

    Args:
        model: the model, compiled; of its own attributes only functions are looked at, since it holds data too.
    """
    import torch

    plain = (type(None), bool, int, float, complex, str, bytes, torch.Tensor)
    skipped = (keras.KerasTensor, keras.src.ops.node.Node, keras.src.utils.tracking.Tracker)
    ours, foreign = [], []
    waiting = [*model._flatten_layers(include_self=False), *all_optimizers(model), *model.metrics]
    waiting += [value for value in vars(model).values() if isinstance(value, types.FunctionType | types.MethodType)]
    seen = {id(model)}
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, (*plain, *skipped)):
            continue
        seen.add(id(value))
        if isinstance(value, types.MethodType):
            waiting.append(value.__self__)
            value = value.__func__
        if isinstance(value, types.FunctionType):
            if _root(value) not in OURS:
                foreign.append(value)
        elif isinstance(value, type):
            continue
        elif isinstance(value, CONTAINERS) or _root(type(value)) in OURS:
            waiting += _values(value)
            if hasattr(value, "__dict__") and not isinstance(value, (*CONTAINERS, keras.initializers.Initializer)):
                ours.append(value)
        elif _root(type(value)) not in OTHERS:
            foreign.append(value)
    return ours, foreign


def all_known(model: Any) -> bool:
    """Whether nothing in a model's step is a user's own, nor hooks of torch.

    Args:
        model: the model, compiled.
    """
    ours, foreign = objects_of(model)
    values = [each.value for each in ours if isinstance(each, keras.Variable)]
    hooked = any(vars(layer).get(hooks) for layer in [model, *ours] for hooks in HOOKS)
    hooked = hooked or any(getattr(value, "_backward_hooks", None) for value in values)
    own_code = any(isinstance(each, keras.layers.Lambda) for each in ours) or _root(type(model)) not in OURS
    return not (foreign or hooked or own_code)
