"""Which distributions a saved model needs, recorded when saving and named when they are missing."""

import importlib.metadata
from collections.abc import Sequence
from typing import Any

import keras

from keras_vae import registry
from keras_vae.hints import Config

__all__ = ["foreign_components", "restore"]

PARTS = ("encoder", "decoder", "prior", "posterior", "likelihood", "objective")


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
                distributions = importlib.metadata.packages_distributions()
            name = next(iter(distributions.get(module, ())), None)
            found[f"{type(layer).__module__}.{type(layer).__qualname__}"] = {
                "class": f"{type(layer).__module__}.{type(layer).__qualname__}",
                "distribution": name,
                "version": importlib.metadata.version(name) if name else None,
            }
    return [found[key] for key in sorted(found)]


def restore(config: Config) -> Config:
    """Constructor arguments from a saved config, plugins loaded first.

    Raises:
        ValueError: a part cannot be restored; the message names the distributions that the model needs.
    """
    registry.load_plugins()
    config = dict(config)
    plugins = config.pop("plugins", [])
    try:
        for part in PARTS:
            config[part] = getattr(registry, f"{part}s").get(config[part])
        if config.get("condition_encoder") is not None:
            config["condition_encoder"] = keras.saving.deserialize_keras_object(config["condition_encoder"])
    except Exception as error:
        missing = [plugin for plugin in plugins if not _installed(plugin["distribution"])]
        if not missing:
            raise
        needed = ", ".join(
            f"{plugin['class']} (distribution {plugin['distribution'] or 'unknown'}, version "
            f"{plugin['version'] or 'unknown'})"
            for plugin in missing
        )
        raise ValueError(
            f"This model was saved with components that are not installed here: {needed}. Install the distribution, or "
            f"import the module that registers the component, and load again. First failure: {error}"
        ) from error
    return config


def _installed(distribution: str | None) -> bool:
    if distribution is None:
        return False
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
