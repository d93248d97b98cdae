"""Samplers in saved models: they belong to the weights that they were fitted to, and are saved with them."""

import json
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import registry
from keras_vae.hints import Part
from keras_vae.inference.samplers import levels_of, sampled_levels
from keras_vae.models.plugins import distribution_of
from keras_vae.serialization import serialize_component

__all__ = ["load_samplers", "save_samplers"]

LIST = "samplers"


def save_samplers(model: Part, store: Any) -> None:
    """Write the fitted samplers: their configs as JSON in an array of bytes, and their arrays.

    Args:
        model: the `VAE`.
        store: what Keras gives `save_own_variables`.
    """
    if not model.samplers:
        return
    listed = []
    for index, (name, sampler) in enumerate(model.samplers.items()):
        listed.append(
            {
                "name": name,
                "sampler": serialize_component(sampler, "sampler"),
                "stale": sampler.stale,
                "distribution": distribution_of(type(sampler)),
            }
        )
        for key, array in sampler.get_state().items():
            store[f"sampler_{index}.{key}"] = np.asarray(array)
    store[LIST] = np.frombuffer(json.dumps(listed).encode(), dtype="uint8")


def load_samplers(model: Part, store: dict[str, Any]) -> dict[str, Any]:
    """Restore the samplers in place of those that the model has, and return the rest of the store for Keras.

    A sampler that cannot be restored is left out, with a warning: the model is whole without it.

    Args:
        model: the `VAE`.
        store: arrays by name.
    """
    model.samplers.clear()
    rest = {key: value for key, value in store.items() if key != LIST and not key.startswith("sampler_")}
    if LIST not in store:
        return rest
    registry.load_plugins()
    for index, item in enumerate(json.loads(array_of(store[LIST]).astype("uint8").tobytes().decode())):
        prefix = f"sampler_{index}."
        state = {key.removeprefix(prefix): array_of(value) for key, value in store.items() if key.startswith(prefix)}
        try:
            sampler = keras.saving.deserialize_keras_object(item["sampler"])
            sampler.build(*levels_of(model, sampled_levels(model)))
            sampler.set_state(state)
        except Exception as error:
            where = f" It comes from the distribution {item['distribution']!r}." if item["distribution"] else ""
            warnings.warn(
                f"The sampler {item['name']!r} of this file could not be restored, and the model is loaded without it: "
                f"{str(error).splitlines()[0]:.200}.{where} Fit it again: vae.fit_sampler(...).",
                stacklevel=2,
            )
            continue
        sampler.stale = item["stale"]
        model.samplers[item["name"]] = sampler
    return rest


def array_of(value: Any) -> np.ndarray:
    """A stored value as a NumPy array."""
    return np.asarray(value if hasattr(value, "dtype") else ops.convert_to_numpy(value))
