"""What a saved VAE holds besides its weights."""

from typing import Any, Self

import keras

from keras_vae import registry
from keras_vae.hints import Config, ModelMixin
from keras_vae.models.plugins import PARTS, foreign_components, restore
from keras_vae.serialization import can_be_found, serialize_component

__all__ = ["Saving"]


class Saving(ModelMixin):
    """Config and state of a VAE: its parts, where they come from, and the state of every noise generator."""

    def _seed_states(self) -> list[keras.Variable]:
        # `weights` leaves the generators out, `variables` has them, the users' Dropout's included.
        known = {id(variable) for variable in self.weights}
        return [
            variable
            for variable in self.variables
            if id(variable) not in known and variable.name == "seed_generator_state"
        ]

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        for index, state in enumerate(self._seed_states()):
            store[f"seed_generator_{index}"] = state

    def load_own_variables(self, store: Any) -> None:
        # The generators' states go in first, Keras' own loading does not expect them.
        states = self._seed_states()
        keys = list(store.keys())
        saved = [key for key in keys if key.startswith("seed_generator_")]
        if len(saved) == len(states):
            for index, state in enumerate(states):
                state.assign(store[f"seed_generator_{index}"])
        super().load_own_variables({key: store[key] for key in keys if key not in saved})

    def get_config(self) -> Config:
        config = {
            **super().get_config(),
            "data_shape": self.data_shape,
            "latent_dim": self.latent_dim,
            "condition_shape": self.condition_shape,
            "seed": self.seed,
            "condition_encoder": None,
        }
        parts = [getattr(self, part) for part in PARTS]
        if not all(can_be_found(type(part)) for part in parts):
            # A plugin's class that was imported directly: its entry point registers it.
            registry.load_plugins()
        for name, part in zip(PARTS, parts, strict=True):
            config[name] = serialize_component(part, name)
        if self.condition_encoder is not None:
            config["condition_encoder"] = serialize_component(self.condition_encoder, "condition_encoder")
            parts.append(self.condition_encoder)
        plugins = foreign_components(parts)
        frozen = self._frozen_layers()
        return {**config, **({"plugins": plugins} if plugins else {}), **({"frozen": frozen} if frozen else {})}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(config)
        frozen = config.pop("frozen", {})
        vae = cls(**restore(config))
        vae._freeze_layers(frozen)
        return vae

    def _frozen_layers(self) -> dict[str, list[int]]:
        """For every part with frozen layers, their positions among all of its layers.

        A part's config does not tell: it makes the layers inside it anew. Positions, because names of layers
        are neither unique nor the same in every process.
        """
        found = {}
        for name in (*PARTS, "condition_encoder"):
            part = getattr(self, name)
            layers = [] if part is None else part._flatten_layers()
            found[name] = [position for position, layer in enumerate(layers) if not layer.trainable]
        return {name: positions for name, positions in found.items() if positions}

    def _freeze_layers(self, frozen: dict[str, list[int]]) -> None:
        for name, positions in frozen.items():
            # A layer comes before those inside it, which follow its flag until they get their own.
            for position, layer in enumerate(getattr(self, name)._flatten_layers()):
                if position in positions:
                    layer.trainable = True  # TensorFlow skips assignments that change nothing
                    layer.trainable = False
                elif not layer.trainable:
                    layer.trainable = True
