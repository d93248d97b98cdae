"""Does every constructor argument survive saving?"""

import inspect
import json
from typing import Any

import keras
import numpy as np

from keras_vae.hints import Config
from keras_vae.testing.subject import Subject

__all__ = ["check_config", "constructor_arguments"]

CHECK = "config"
LAYER_ARGUMENTS = ("name", "dtype", "trainable", "autocast")


def check_config(subject: Subject, other_values: dict[str, Any] | None = None) -> None:
    """Every `__init__` argument is in the config, and a different value of it is restored.

    Args:
        subject: the `Subject`.
        other_values: by the constructor argument's name, a value other than the one the subject is made with, such
            as `{"activation": "tanh"}`. Bools, ints, floats, tuples of ints and `seed` may be left out: they are
            varied automatically. For any other argument that is left out the check asks for a value.
    """
    other_values = dict(other_values or {})
    component = subject.make()
    cls = type(component)
    registered = keras.saving.get_registered_object(keras.saving.get_registered_name(cls))
    subject.require(
        registered is cls,
        CHECK,
        f"{cls.__name__} is not registered, so a saved model could not find it. Put "
        f'@keras_vae.{subject.registry_name}.register("my_name", package="my_package") above the class.',
    )
    config = component.get_config()
    defaults = constructor_arguments(cls)
    arguments = [name for name, default in defaults.items() if name in config or _is_taken(cls, config, name, default)]
    unknown = sorted(set(other_values) - set(arguments))
    subject.require(
        not unknown, CHECK, f"other_values names {unknown}, which __init__ does not take. It takes {arguments}."
    )
    for name in arguments:
        subject.require(
            name in config,
            CHECK,
            f"get_config() leaves out the constructor argument {name!r}. Return "
            f'{{**super().get_config(), "{name}": self.{name}}} from it.',
        )
    _check_round_trip(subject, component, config)
    for name in arguments:
        _check_other_value(subject, component, config, name, other_values)


def constructor_arguments(cls: Any) -> dict[str, Any]:
    """Names and defaults of the arguments of `cls.__init__`, including its bases, without those of every Keras layer.

    >>> import keras_vae as kv
    >>> from keras_vae.testing.config import constructor_arguments
    >>> constructor_arguments(kv.likelihoods.Gaussian)
    {'scale': 'learned', 'min_scale': 0.001, 'project': True, 'min_relative_scale': 0.2}
    """
    found = {}
    for base in cls.__mro__:
        if base is keras.layers.Layer:
            break
        if "__init__" not in vars(base):
            continue
        parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        found.update({item.name: item.default for item in parameters if item.kind in named and item.name not in found})
        if not any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters):
            break
    return {name: default for name, default in found.items() if name not in LAYER_ARGUMENTS}


def _is_taken(cls: Any, config: Config, name: str, default: Any) -> bool:
    """Whether the constructor takes an argument that the config leaves out: a subclass may have fixed it."""
    if default is inspect.Parameter.empty:
        return True
    try:
        cls.from_config({**config, name: default})
    except TypeError:
        return False
    return True


def _check_round_trip(subject: Subject, component: Any, config: Config) -> None:
    cls = type(component)
    try:
        text = json.dumps(keras.saving.serialize_keras_object(component))
    except (TypeError, ValueError) as error:
        subject.fail(CHECK, f"the config cannot be written as JSON: {error}", error)
    for how, restore in (
        ("from_config(get_config())", lambda: cls.from_config(config)),
        ("loading the serialised component", lambda: keras.saving.deserialize_keras_object(json.loads(text))),
    ):
        try:
            restored = restore()
        except Exception as error:
            subject.fail(CHECK, f"{how} raises {type(error).__name__}: {error}", error)
        subject.require(type(restored) is cls, CHECK, f"{how} returns a {type(restored).__name__}.")
        before, after = plain(config), plain(restored.get_config())
        changed = sorted(key for key in before if before[key] != after.get(key))
        subject.require(
            not changed,
            CHECK,
            f"{how} changes {changed}: from {[before[key] for key in changed]} to "
            f"{[after.get(key) for key in changed]}.",
        )


def _check_other_value(
    subject: Subject, component: Any, config: Config, name: str, other_values: dict[str, Any]
) -> None:
    cls = type(component)
    given = name in other_values
    value = other_values[name] if given else _vary(name, config[name])
    ask = f"Pass other_values={{{name!r}: ...}} with a value that differs from the factory's."
    subject.require(given or value is not None, CHECK, f"no other value of the argument {name!r} is known. {ask}")
    written = keras.saving.serialize_keras_object(value) if not _is_plain(value) else value
    try:
        varied = cls.from_config({**config, name: written})
    except Exception as error:
        advice = "" if given else f" {ask}"
        subject.fail(CHECK, f"{name}={value!r} cannot be restored: {type(error).__name__}: {error}.{advice}", error)
    after = varied.get_config()
    subject.require(
        plain(after.get(name)) != plain(config[name]),
        CHECK,
        f"the argument {name!r} is not saved: created with {value!r}, get_config() still returns "
        f"{after.get(name)!r}. Store the value passed to the constructor, and return it.",
    )
    # A config may write the names inside a nested value out in full.
    if given and not _has_dicts(value) and _is_plain(value):
        subject.require(
            plain(after.get(name)) == plain(value),
            CHECK,
            f"the argument {name!r} changes: created with {value!r}, get_config() returns {after.get(name)!r}.",
        )
    again = plain(cls.from_config(after).get_config())
    subject.require(
        again == plain(after), CHECK, f"the config with {name}={value!r} cannot be serialized and restored."
    )


def _vary(name: str, value: Any) -> Any:
    """Another value of the same kind, or None if none can be guessed."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 0.5 * value if value else 0.25
    if name == "seed":
        return 7
    if isinstance(value, (list, tuple)) and value and all(type(item) is int for item in value):
        return type(value)(item + 1 for item in value)
    return None


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(_is_plain(item) for item in value.values())
    return value is None or isinstance(value, (str, int, float))


def _has_dicts(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, (list, tuple)) and any(_has_dicts(item) for item in value))


def plain(value: Any) -> Any:
    """`value` with tuples as lists and arrays as nested lists, so that configs can be compared."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value if _is_plain(value) else plain(keras.saving.serialize_keras_object(value))
