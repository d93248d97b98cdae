"""What a training step reads and changes: variables, and attributes in Python."""

import operator
from collections.abc import Iterable
from typing import Any

import keras

from keras_vae.backend.step_parts import HOOKS, all_optimizers, objects_of

__all__ = ["PythonState", "all_state"]


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
        # Held as they are: an object that is kept cannot lend its id to another one.
        self.parts = objects_of(model)[0]
        self.attributes = [vars(part) for part in self.parts if not isinstance(part, keras.Variable)]
        self.variables = [part for part in self.parts if isinstance(part, keras.Variable)]
        self.of_model = vars(model)
        self.hooks = [hooks for each in self.attributes for name in HOOKS if (hooks := each.get(name)) is not None]
        self.held = self._held()
        self.held_by_model = list(self.of_model.values())
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
        for each in self.variables:  # what Keras reads of them in a step
            found += (each._value, each._trainable, each._regularizer, each._constraint)
        return [*found, *map(len, self.hooks)]

    def is_current(self) -> bool:
        """Whether every attribute still holds the same object: True in most steps, and cheaper than `changes`."""
        now, of_model = self._held(), self.of_model.values()
        same_length = len(now) == len(self.held) and len(of_model) == len(self.held_by_model)
        return (
            same_length
            and all(map(operator.is_, now, self.held))
            and all(map(operator.is_, of_model, self.held_by_model))
        )

    def has_other_objects(self, other: "PythonState") -> bool:
        """Whether an attribute of a layer, a variable, a regularizer and so on was another object in another state."""
        if len(self.held) != len(other.held):
            return True
        plain = (bool, int, float, str)
        return not all(
            own is others or (isinstance(own, plain) and type(own) is type(others) and own == others)
            for own, others in zip(self.held, other.held, strict=True)
        )

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
