"""What a saved VAE holds besides its weights."""

from keras_vae.models.plugins import PARTS, foreign_components, restore
from keras_vae.serialization import serialize_component

__all__ = ["Saving"]


class Saving:
    """Config and state of a VAE: its parts, where they come from, and the state of every noise generator."""

    def _seed_states(self):
        # `weights` leaves the generators out, `variables` has them, the users' Dropout's included.
        known = {id(variable) for variable in self.weights}
        return [
            variable
            for variable in self.variables
            if id(variable) not in known and variable.name == "seed_generator_state"
        ]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for index, state in enumerate(self._seed_states()):
            store[f"seed_generator_{index}"] = state

    def load_own_variables(self, store):
        # The generators' states go in first, Keras' own loading does not expect them.
        states = self._seed_states()
        keys = list(store.keys())
        saved = [key for key in keys if key.startswith("seed_generator_")]
        if len(saved) == len(states):
            for index, state in enumerate(states):
                state.assign(store[f"seed_generator_{index}"])
        super().load_own_variables({key: store[key] for key in keys if key not in saved})

    def get_config(self):
        config = {
            **super().get_config(),
            "data_shape": self.data_shape,
            "latent_dim": self.latent_dim,
            "condition_shape": self.condition_shape,
            "seed": self.seed,
            "condition_encoder": None,
        }
        parts = [getattr(self, part) for part in PARTS]
        for name, part in zip(PARTS, parts, strict=True):
            config[name] = serialize_component(part, name)
        if self.condition_encoder is not None:
            config["condition_encoder"] = serialize_component(self.condition_encoder, "condition_encoder")
            parts.append(self.condition_encoder)
        plugins = foreign_components(parts)
        return {**config, "plugins": plugins} if plugins else config

    @classmethod
    def from_config(cls, config):
        return cls(**restore(config))
