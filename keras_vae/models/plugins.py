"""The Python packages that a saved model needs: recorded when saving, and named in errors when they are missing."""

import importlib.metadata
import sys
from collections.abc import Sequence
from typing import Any

import keras

from keras_vae import registry
from keras_vae.hints import Config
from keras_vae.models.assembly import names_latents

__all__ = ["distribution_of", "foreign_components", "restore"]

PARTS = ("encoder", "decoder", "prior", "posterior", "likelihood", "objective")
FAMILIES = (*(f"{part}s" for part in PARTS), "latents", "samplers")


def foreign_components(parts: Sequence[keras.layers.Layer]) -> list[dict[str, Any]]:
    """List of dicts with the class, distribution and version of every layer from another package."""
    distributions = None
    found = {}
    for part in parts:
        for layer in (part, *part._flatten_layers(include_self=False)):
            module = type(layer).__module__.split(".")[0]
            if module in ("keras", "keras_vae", "builtins"):
                continue
            if distributions is None:
                distributions = _distributions()
            name = distributions.get(module)
            found[f"{type(layer).__module__}.{type(layer).__qualname__}"] = {
                "class": f"{type(layer).__module__}.{type(layer).__qualname__}",
                "distribution": name,
                "version": importlib.metadata.version(name) if name else None,
            }
    return [found[key] for key in sorted(found)]


def distribution_of(cls: type) -> str | None:
    """Name of the distribution of a class from another package, or None if that is unknown."""
    module = cls.__module__.split(".")[0]
    return None if module in ("keras", "keras_vae", "builtins") else _distributions().get(module)


def _distributions() -> dict[str, str]:
    """Distributions by top-level module; also by entry point, since an editable install may list no modules."""
    found = {module: names[0] for module, names in importlib.metadata.packages_distributions().items()}
    for family in FAMILIES:
        for entry_point in importlib.metadata.entry_points(group=f"keras_vae.{family}"):
            if entry_point.dist is not None:
                found.setdefault(entry_point.value.split(":")[0].split(".")[0], entry_point.dist.name)
    return found


def restore(config: Config) -> Config:
    """Constructor arguments from a saved config, after loading plugins.

    Raises:
        ValueError: a component cannot be restored; the message names the distributions that the model needs.
    """
    registry.load_plugins()
    config = dict(config)
    plugins = config.pop("plugins", [])
    try:
        for part in PARTS:
            if not isinstance(config[part], str) and not (part == "prior" and names_latents(config[part])):
                config[part] = getattr(registry, f"{part}s").get(config[part])
        if config.get("latents") is not None:
            config["latents"] = registry.latents.get(config["latents"])
        if config.get("condition_encoder") is not None:
            config["condition_encoder"] = keras.saving.deserialize_keras_object(config["condition_encoder"])
    except Exception as error:
        reasons = [reason for reason in map(_reason, plugins) if reason is not None]
        if not reasons:
            raise
        # The messages of Keras end in the whole config.
        first = str(error).split("\n", 1)[0][:200]
        raise ValueError(
            "This model was saved with components that are not installed here, or that do not load: "
            f"{'; '.join(reasons)}. First failure: {first}"
        ) from error
    return config


def _reason(plugin: dict[str, Any]) -> str | None:
    """Why a component of a saved model is not available, and how to fix it; None if it is."""
    cls, distribution = plugin["class"], plugin["distribution"]
    if distribution is None:
        if _defined(cls):
            return None
        if cls.startswith("__main__."):
            return f"{cls}, defined in a script or notebook: define it again before loading, or move it to a module"
        return f"{cls} (distribution unknown): import the module that registers it"
    from_where = f"{cls} (distribution {distribution}, version {plugin['version'] or 'unknown'})"
    if not _installed(distribution):
        return f"{from_where}: install the distribution, or import the module that registers the component"
    for family in FAMILIES:
        for broken, error in getattr(registry, family).failures().values():
            if _canonical(broken) == _canonical(distribution):
                return f"{from_where}: it is installed, and could not be loaded: {type(error).__name__}: {error}"
    return None


def _defined(cls: str) -> bool:
    """Whether an imported module has a class of this full name."""
    names = cls.split(".")
    for end in range(len(names) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(names[:end]))
        if found is not None:
            return all((found := getattr(found, name, None)) is not None for name in names[end:])
    return False


def _canonical(distribution: str) -> str:
    return distribution.lower().replace("_", "-").replace(".", "-")


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
