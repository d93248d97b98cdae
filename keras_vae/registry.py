"""Names for components: one `Registry` class and the eight families that it serves."""

import difflib
import importlib.metadata
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import keras

from keras_vae import backend as _backend  # noqa: F401  (explains a missing backend)
from keras_vae.hints import Config

__all__ = [
    "Registry",
    "decoders",
    "encoders",
    "latents",
    "likelihoods",
    "load_plugins",
    "objectives",
    "posteriors",
    "priors",
    "samplers",
]


class Registry:
    """A family of components with registered names.

    A name is registered by a decorator, or by an entry point of an installed package in the group
    `keras_vae.<family>`. Entry points are loaded when a name is first unknown, and before
    the configs of a saved model are deserialized.

    Args:
        family: the family's plural name, for example `"priors"`.

    Example:

    >>> from keras_vae.registry import Registry
    >>> import keras
    >>> shapes = Registry("shapes")
    >>> @shapes.register("circle", package="my_pkg")
    ... class Circle(keras.layers.Layer):
    ...     pass
    >>> shapes.names()
    ['circle']
    >>> type(shapes.get("circle")).__name__
    'Circle'
    """

    def __init__(self, family: str) -> None:
        self.family = family
        self.contract_class: Any = None
        self._classes: dict[str, Any] = {}
        self._origins: dict[str, str] = {}
        self._failures: dict[str, tuple[str, BaseException]] = {}
        self._plugins_loaded = False

    @property
    def singular(self) -> str:
        """The family's name for one component, for example `"prior"`: the argument of `VAE` that takes it."""
        return self.family if self.family == "latents" else self.family[:-1]

    def contract(self, cls: type) -> type:
        """Class decorator for the family's base class; every component must be a subclass of it."""
        self.contract_class = cls
        return cls

    def register(self, name: str, package: str = "Custom", *, overwrite: bool = False) -> Callable:
        """Register a class under `name`, and with Keras under `<package>.<family>><Class>`.

        Args:
            name: what users write, for example `"laplace"`.
            package: the name of your package; it distinguishes components of different packages in saved models.
            overwrite: replace the class registered under `name`, for example when a notebook cell is run again.

        Raises:
            TypeError: the class is not a subclass of the family's base class.
            ValueError: the name, or the class name within `package`, is taken by another class.
        """
        if not isinstance(name, str) or not name:
            raise TypeError(
                f"Argument `name` must be a non-empty string. Received: name={name!r}. Write "
                f'`@keras_vae.{self.family}.register("my_name", package="my_package")`.'
            )

        def decorate(cls: type) -> type:
            self._check_class(cls, f"{self.family}.register({name!r})")
            saved_as = f"{package}.{self.family}>{cls.__name__}"
            by_name = self._classes.get(name)
            by_keras = keras.saving.get_registered_object(saved_as)
            if by_name is cls:
                return cls
            if not overwrite:
                for taken, what in ((by_name, f"name {name!r}"), (by_keras, f"class name {saved_as!r}")):
                    if taken is not None and taken is not cls:
                        raise ValueError(
                            f"The {what} in {self.family} is already taken by "
                            f"{taken.__module__}.{taken.__qualname__}, so "
                            f"{cls.__module__}.{cls.__qualname__} cannot be registered under it. Choose "
                            "another, or pass overwrite=True to replace it (as when a notebook cell is "
                            "run again)."
                        )
            if by_keras is not cls:
                keras.saving.register_keras_serializable(f"{package}.{self.family}")(cls)
            self._classes[name] = cls
            return cls

        return decorate

    def has(self, name: str) -> bool:
        """Whether a name is registered already; plugins are not loaded to find out.

        Args:
            name: what users write.
        """
        return name in self._classes

    def names(self) -> list[str]:
        """Sorted list of the registered names, including those of installed plugins."""
        self.load_plugins()
        return sorted(self._classes)

    def items(self) -> list[tuple[str, type]]:
        """Sorted list of `(name, class)` pairs, including those of installed plugins."""
        self.load_plugins()
        return sorted(self._classes.items())

    def origin(self, name: str) -> str | None:
        """Name of the package whose entry point registered `name`, or None for a decorator."""
        return self._origins.get(name)

    def failures(self) -> dict[str, tuple[str, BaseException]]:
        """Plugins' components that could not be loaded: dict from name to `(distribution, error)`."""
        self.load_plugins()
        return dict(self._failures)

    def get(self, identifier: Any, **kwargs: Any) -> Any:
        """Turn `None`, a name, a config dict, a class or an instance into an instance (or None).

        Args:
            identifier: the argument of the user.
            **kwargs: constructor arguments, used if the identifier is a name or a class.

        Raises:
            ValueError: an unknown name; the message lists the names and the closest match.
            ImportError: the name belongs to a plugin that cannot be imported.
            TypeError: anything else, or an instance of the wrong family.
        """
        if identifier is None:
            return None
        if type(kwargs.get("dtype")) is keras.dtype_policies.DTypePolicy:
            # The name alone if possible: Keras writes the config of a class without get_config from such arguments.
            kwargs["dtype"] = kwargs["dtype"].name
        if isinstance(identifier, str):
            cls = self._class_named(identifier)
            self._check_needs_nothing(identifier, cls, kwargs)
            return cls(**kwargs)
        if isinstance(identifier, dict):
            return self._from_dict(identifier)
        if inspect.isclass(identifier):
            self._check_class(identifier, f"{self.family}.get")
            return identifier(**kwargs)
        if self.contract_class is None or isinstance(identifier, self.contract_class):
            return identifier
        legacy = type(identifier).__module__.startswith(("tf_keras", "tensorflow_probability"))
        hint = " Objects of tf_keras and tfp.layers do not work with Keras 3: see the guide on tfp.layers."
        raise TypeError(
            f"Expected one of the {self.family}: one of the names {self.names()}, a config dict, a subclass or an "
            f"instance of keras_vae.{self.family}.{self.contract_class.__name__}. Received: {identifier!r} "
            f"(of type {type(identifier).__name__}).{hint if legacy else ''}"
        )

    def load_plugins(self) -> None:
        """Load every entry point of `keras_vae.<family>` once. One that fails emits a warning, and is recorded."""
        if self._plugins_loaded:
            return
        self._plugins_loaded = True
        complaints = []
        for entry_point in importlib.metadata.entry_points(group=f"keras_vae.{self.family}"):
            distribution = entry_point.dist.name if entry_point.dist is not None else "unknown"
            try:
                loaded = entry_point.load()
                self.register(entry_point.name, package=distribution)(loaded)
                self._origins[entry_point.name] = distribution
            except (KeyboardInterrupt, GeneratorExit):
                self._plugins_loaded = False
                raise
            except BaseException as error:  # a plugin may raise anything, SystemExit included; the others must go on
                self._failures[entry_point.name] = (distribution, error)
                complaints.append(
                    f"The {self.singular} {entry_point.name!r} of the plugin distribution "
                    f"{distribution!r} ({entry_point.value}) could not be loaded: "
                    f"{type(error).__name__}: {error}"
                )
        # If warnings are errors, the first one ends this; by now all working plugins have been registered.
        for complaint in complaints:
            warnings.warn(complaint, stacklevel=2)

    def _class_named(self, name: str) -> Any:
        if name not in self._classes:
            self.load_plugins()
        if name in self._classes:
            return self._classes[name]
        if name in self._failures:
            distribution, error = self._failures[name]
            raise ImportError(
                f"The {self.singular} {name!r} comes from the plugin distribution {distribution!r}, which "
                f"could not be loaded: {type(error).__name__}: {error}"
            ) from error
        nearest = difflib.get_close_matches(name, self._classes, n=1, cutoff=0.5)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        broken = f" Plugins that failed to load: {sorted(self._failures)}." if self._failures else ""
        raise ValueError(f"Unknown {self.singular} {name!r}. Expected one of {self.names()}.{hint}{broken}")

    def _check_needs_nothing(self, name: str, cls: type, kwargs: dict[str, Any]) -> None:
        needed = [
            parameter.name
            for parameter in inspect.signature(cls).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            and parameter.name not in kwargs
        ]
        if needed:
            call = f"{cls.__name__}({', '.join(f'{argument}=...' for argument in needed)})"
            raise ValueError(
                f"The {self.singular} {name!r} has no default for {', '.join(needed)}: pass an instance, "
                f"{self.singular}=keras_vae.{self.family}.{call}. Received: {self.singular}={name!r}"
            )

    def _from_dict(self, config: Config) -> Any:
        class_name = config.get("class_name")
        if class_name is None:
            raise ValueError(
                f"A config of {self.family} must have the keys 'class_name' and 'config'. Received the keys "
                f"{sorted(map(str, config))}."
            )
        self.load_plugins()
        # The short form, {"class_name": "mlp", "config": {...}}; in Keras' own, a class may be called like a name here.
        if class_name in self._classes and not {"module", "registered_name"} & set(config):
            return self._classes[class_name].from_config(config.get("config", {}))
        instance = keras.saving.deserialize_keras_object(config)
        if self.family in ("encoders", "decoders") and isinstance(instance, keras.layers.Layer):
            return instance  # any Keras model is allowed here; the VAE wraps it
        return self.get(instance)

    def _check_class(self, cls: type, where: str) -> None:
        if not inspect.isclass(cls):
            raise TypeError(f"{where} expects a class. Received: {cls!r} (of type {type(cls).__name__}).")
        if self.contract_class is not None and not issubclass(cls, self.contract_class):
            raise TypeError(
                f"{where} expects a subclass of keras_vae.{self.family}.{self.contract_class.__name__}. "
                f"Received: {cls.__module__}.{cls.__qualname__}, whose bases are "
                f"{[base.__qualname__ for base in cls.__bases__]}."
            )


encoders = Registry("encoders")
decoders = Registry("decoders")
priors = Registry("priors")
posteriors = Registry("posteriors")
likelihoods = Registry("likelihoods")
objectives = Registry("objectives")
latents = Registry("latents")
samplers = Registry("samplers")


def load_plugins() -> None:
    """Load the components of every installed plugin distribution.

    `VAE` does this by itself. Call it before `keras.saving.load_model` of a model that is not a `VAE` but
    contains a layer of a plugin: Keras does not load entry points.

    >>> import keras_vae as kv
    >>> kv.load_plugins()
    """
    for family in (encoders, decoders, priors, posteriors, likelihoods, objectives, latents, samplers):
        family.load_plugins()
