"""Serialization of user-defined objects, with errors for those that cannot be saved."""

import warnings
from collections.abc import Iterator
from typing import Any

import keras

from keras_vae.hints import Config

__all__ = ["Untracked", "can_be_found", "serialize_component", "serialize_function"]


def serialize_function(function: Any, argument: str) -> Any:
    """Config of a function such as an activation, or an error that says how to fix it.

    Raises:
        ValueError: a lambda, or a function that Keras could not find again when loading.
    """
    if function is None or isinstance(function, keras.layers.Layer):
        return keras.saving.serialize_keras_object(function)
    if getattr(function, "__module__", "").split(".")[0] == "keras":
        return function.__name__
    name = keras.saving.get_registered_name(function)
    if keras.saving.get_registered_object(name) is not function:
        raise ValueError(
            f"Argument `{argument}`: the function {getattr(function, '__qualname__', function)} trains, but cannot "
            "be saved, because loading could not find it again. Write it as a named function under the decorator "
            '@keras.saving.register_keras_serializable("my_package").'
        )
    return keras.saving.serialize_keras_object(function)


def serialize_component(component: Any, argument: str) -> Config:
    """Config of a component of a model, or an error that says how to fix it.

    Raises:
        ValueError: the component, or something inside it, is registered neither with Keras nor with a
            family, or is a lambda.
    """
    cls = type(component)
    if not can_be_found(cls):
        plural = argument if argument == "latents" else f"{argument}s"
        family = f'@keras_vae.{plural}.register("my_name", package="my_package") above a component, or '
        raise ValueError(
            f"Argument `{argument}`: {cls.__module__}.{cls.__qualname__} trains, but cannot be saved, because loading "
            f"could not find it again. Put {'' if argument == 'condition_encoder' else family}"
            '@keras.saving.register_keras_serializable("my_package") above a Keras model.'
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        config = keras.saving.serialize_keras_object(component)
    # Keras only warns of a lambda, and a lambda as activation cannot be recognised in the config.
    lambdas = [warning for warning in caught if "includes a `lambda`" in str(warning.message)]
    for warning in caught:
        if warning not in lambdas:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    lost = "a lambda" if lambdas else next(_cannot_be_found(config), None)
    if lost is not None:
        raise ValueError(
            f"Argument `{argument}`: {cls.__name__} holds {lost}, which trains, but cannot be saved, because loading "
            "could not find it again. Write it as a named class or function under the decorator "
            '@keras.saving.register_keras_serializable("my_package").'
        )
    return config


def can_be_found(cls: type) -> bool:
    """Whether loading could find a class again: it is Keras' own, or registered with Keras."""
    if cls.__module__.split(".")[0] == "keras":
        return True
    return keras.saving.get_registered_object(keras.saving.get_registered_name(cls)) is cls


def _cannot_be_found(config: Any) -> Iterator[str]:
    """Names of the objects in a config that loading would not find."""
    if isinstance(config, (list, tuple)):
        for item in config:
            yield from _cannot_be_found(item)
    elif isinstance(config, dict):
        name = config.get("class_name")
        if name == "__lambda__":
            yield "a lambda"
        if "registered_name" in config and str(config.get("module")).split(".")[0] != "keras":
            # for a function, the name takes the place of a class's config
            registered = config["config"] if name == "function" else config["registered_name"]
            own = name == "function" and any(hasattr(module, registered) for module in (keras.activations, keras.ops))
            if registered is not None and not own and keras.saving.get_registered_object(registered) is None:
                yield f"{config.get('module')}.{config['config'] if name == 'function' else name}"
        for item in config.values():
            yield from _cannot_be_found(item)


class Untracked:
    """Holds Python objects that Keras should neither track nor copy."""

    def __init__(self, items: Any) -> None:
        self.items = items
