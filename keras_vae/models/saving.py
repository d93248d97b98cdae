"""The contents of a saved VAE besides its weights."""

from typing import Any

import keras

from keras_vae import registry
from keras_vae.data.field import Field
from keras_vae.hints import Config, Part
from keras_vae.latents.single import Single
from keras_vae.models.plugins import foreign_components
from keras_vae.serialization import can_be_found, serialize_component

__all__ = ["config_of", "freeze_layers", "load_seed_states", "quantize_layers", "save_seed_states"]


def seed_states(model: Part) -> list[keras.Variable]:
    """The state of every noise generator below a model."""
    # `variables` has the generators, also those of the user's own Dropout layers; `weights` does not.
    known = {id(variable) for variable in model.weights}
    return [
        variable
        for variable in model.variables
        if id(variable) not in known and variable.name == "seed_generator_state"
    ]


def save_seed_states(model: Part, store: Any) -> None:
    """Save the states of the generators, which Keras leaves out."""
    for index, state in enumerate(seed_states(model)):
        store[f"seed_generator_{index}"] = state


def load_seed_states(model: Part, store: Any) -> dict[str, Any]:
    """Restore the states of the generators, and return the rest of the store for Keras, which does not expect them."""
    states = seed_states(model)
    keys = list(store.keys())
    saved = [key for key in keys if key.startswith("seed_generator_")]
    if len(saved) == len(states):
        for index, state in enumerate(states):
            state.assign(store[f"seed_generator_{index}"])
    return {key: store[key] for key in keys if key not in saved}


def components_of(model: Part) -> dict[str, Any]:
    """The components of a model, by the name of their argument."""
    latents = model.latents
    found = {name: getattr(model, name) for name in ("encoder", "decoder", "likelihood", "objective")}
    if isinstance(latents, Single):
        return {**found, "prior": latents.prior, "posterior": latents.posterior}
    return {**found, "latents": latents, **({} if model.posterior is None else {"posterior": model.posterior})}


def config_of(model: Part) -> Config:
    """Config of a VAE: its components, and where they come from."""
    components = components_of(model)
    if not all(can_be_found(type(component)) for component in components.values()):
        # A plugin's class that was imported directly is registered by its entry point.
        registry.load_plugins()
    spec = model.spec
    plain = isinstance(spec, Field) and spec == Field(spec.shape)
    config: dict[str, Any] = {
        "data_shape": spec.shape if plain else keras.tree.map_structure(keras.saving.serialize_keras_object, spec),
        # A `Single` saves only its prior and its posterior, so its own size is saved here.
        "latent_dim": getattr(model.latents, "latent_dim", None) if model.latent_dim is None else model.latent_dim,
        "condition_shape": model.condition_shape,
        "condition_to": model.condition_to,
        "seed": model.seed,
        "condition_encoder": None,
        "prior": "standard",
        "posterior": "gaussian",
    }
    for name, component in components.items():
        config[name] = serialize_component(component, name)
    named = {**components}
    if model.condition_encoder is not None:
        config["condition_encoder"] = serialize_component(model.condition_encoder, "condition_encoder")
        named["condition_encoder"] = model.condition_encoder
    plugins = foreign_components(list(named.values()))
    changed = {"plugins": plugins, "frozen": frozen_layers(named), "quantized": quantized_layers(named)}
    return {**config, **{name: value for name, value in changed.items() if value}}


def frozen_layers(components: dict[str, Any]) -> dict[str, list[int]]:
    """For every component with frozen layers, their positions among all of its layers.

    A component's config does not say, since it creates its layers anew. Positions are used because names of layers
    are neither unique nor the same in every process.
    """
    found = {}
    for name, component in components.items():
        layers = component._flatten_layers()
        found[name] = [position for position, layer in enumerate(layers) if not layer.trainable]
    return {name: positions for name, positions in found.items() if positions}


def freeze_layers(model: Part, frozen: dict[str, list[int]]) -> None:
    """Freeze the layers that were frozen when the model was saved.

    Args:
        model: the `VAE`.
        frozen: the result of `frozen_layers`.

    Raises:
        ValueError: layers that the model does not have.
    """
    for name, positions in frozen.items():
        # A layer precedes its sublayers, which first inherit its flag and then get their own.
        component = getattr(model, name, None)
        layers = [] if component is None else list(component._flatten_layers())
        unknown = [position for position in positions if position not in range(len(layers))]
        if unknown:
            raise ValueError(
                f"The config of this model freezes layers of its {name!r} that it does not have, so it does not belong "
                f"to these components. Expected positions in `frozen` below {len(layers)}. Received: {unknown}. Pass "
                "the components that the model was saved with."
            )
        for position, layer in enumerate(layers):
            if position in positions:
                layer.trainable = True  # TensorFlow skips assignments that change nothing
                layer.trainable = False
            elif not layer.trainable:
                layer.trainable = True


def quantized_layers(components: dict[str, Any]) -> dict[str, list[list[Any]]]:
    """For every component with quantized layers: their positions, the modes, and the configs of the quantization."""
    found = {}
    for name, component in components.items():
        layers = enumerate(component._flatten_layers())
        found[name] = [
            [position, layer.quantization_mode, keras.saving.serialize_keras_object(layer.quantization_config)]
            for position, layer in layers
            if layer.quantization_mode is not None and hasattr(layer, "quantization_config")
        ]
    return {name: quantized for name, quantized in found.items() if quantized}


def quantize_layers(model: Part, quantized: dict[str, list[list[Any]]]) -> None:
    """Quantize the layers that were quantized when the model was saved, so that they have the same weights.

    Args:
        model: the `VAE`.
        quantized: the result of `quantized_layers`.
    """
    for name, changes in quantized.items():
        layers = getattr(model, name)._flatten_layers()
        for position, mode, config in changes:
            # The layers of a user's own Keras model are quantized by their own configs.
            if layers[position].quantization_mode is None:
                layers[position].quantize(mode, config=keras.saving.deserialize_keras_object(config))
