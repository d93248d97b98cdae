"""Saving what a user passed, or saying why it cannot be saved."""

import keras

__all__ = ["serialize_component", "serialize_function"]


def serialize_function(function, argument):
    """Config of a function such as an activation, or an error that holds the mend.

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


def serialize_component(component, argument):
    """Config of a component of a model, or an error that holds the mend.

    Raises:
        ValueError: the component's class is registered neither with Keras nor with a family.
    """
    cls = type(component)
    builtin = cls.__module__.split(".")[0] == "keras"
    if not builtin and keras.saving.get_registered_object(keras.saving.get_registered_name(cls)) is not cls:
        raise ValueError(
            f"Argument `{argument}`: {cls.__module__}.{cls.__qualname__} trains, but cannot be saved, because loading "
            f'could not find it again. Put @keras_vae.{argument}s.register("my_name", package="my_package") '
            'above a component, or @keras.saving.register_keras_serializable("my_package") above a Keras model.'
        )
    return keras.saving.serialize_keras_object(component)
