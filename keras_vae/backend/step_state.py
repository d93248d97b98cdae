"""What a training step reads and changes: variables, and attributes in Python."""

import operator
from collections.abc import Iterable
from typing import Any

import keras

__all__ = ["PythonState", "all_state"]


def all_optimizers(model: Any) -> list[Any]:
    """The optimizer of `compile` and its inner one, and those that a user's `train_step` has as attributes."""
    found = [value for value in vars(model).values() if isinstance(value, keras.optimizers.Optimizer)]
    return found + [each.inner_optimizer for each in found if hasattr(each, "inner_optimizer")]


def all_state(model: Any) -> list[Any]:
    """The variables that a training step may change; some optimizers, such as Nadam, list not all of theirs."""
    variables = [*model.variables, *model.metrics_variables]
    for optimizer in all_optimizers(model):
        variables += [*optimizer.variables, *(v for v in vars(optimizer).values() if isinstance(v, keras.Variable))]
    variables.append(keras.src.random.seed_generator.global_seed_generator().state)
    return list({id(variable): variable for variable in variables}.values())


class PythonState:
    """What Python code of a step may read, and a record would hold as it was: attributes of layers and optimizers.

    Args:
        model: the model, compiled, on the torch backend.
    """

    # Keras' own, which no step reads.
    IGNORED = ("stop_training", "stop_evaluating", "stop_predicting", "steps_per_execution", "_initial_epoch")

    def __init__(self, model: Any) -> None:
        import torch

        schedule = keras.optimizers.schedules.LearningRateSchedule
        kept = (bool, int, float, str, type(None), keras.Variable, torch.Tensor, schedule)
        owners = [*model._flatten_layers(), *all_optimizers(model)]
        self.attributes, self.variables = [vars(owner) for owner in owners], model.variables
        self.held = self._held()
        self.values = {
            (id(owner), name): (owner, value)
            for owner in owners
            for name, value in vars(owner).items()
            if isinstance(value, kept) and name not in self.IGNORED
        }
        self.tensors = [value for _, value in self.values.values() if isinstance(value, torch.Tensor)]
        self.trainable = [id(variable) for variable in model.trainable_variables]

    def _held(self) -> list[Any]:
        found = [value for attributes in self.attributes for value in attributes.values()]
        return found + [variable.trainable for variable in self.variables]

    def is_current(self) -> bool:
        """Whether every attribute still holds the same object: True in most steps, and cheaper than `changes`."""
        now = self._held()
        return len(now) == len(self.held) and all(map(operator.is_, now, self.held))

    def changes(self, other: "PythonState") -> dict[tuple, str]:
        """The attributes that have other values in another state, and how they are called."""
        names = {}
        for key in self.values.keys() | other.values.keys():
            owner, value = self.values.get(key, (None, self))
            other_owner, other_value = other.values.get(key, (None, other))
            plain = isinstance(value, bool | int | float | str) and type(value) is type(other_value)
            if value is not other_value and not (plain and value == other_value):
                names[key] = f"{type(owner or other_owner).__name__}.{key[1]}"
        if self.trainable != other.trainable:
            names[0, "trainable"] = "trainable"
        return names

    def restore(self, keys: Iterable[tuple], since: "PythonState") -> None:
        """Set attributes back to what they are in this state; those that only a later one has are deleted."""
        for key in keys:
            if key in self.values:
                owner, value = self.values[key]
                owner.__dict__[key[1]] = value
            elif key in since.values:
                since.values[key][0].__dict__.pop(key[1], None)
