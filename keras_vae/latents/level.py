"""One level of a hierarchy, described."""

from typing import Self

import keras

from keras_vae.arguments import positive_ints
from keras_vae.hints import Component, Config, Ints

__all__ = ["Level"]


@keras.saving.register_keras_serializable("keras_vae.priors")  # its name in the files of version 0.1
class Level:
    """Description of one level of latents for `Hierarchical`.

    Args:
        size: number of latent dimensions, or a shape such as `(7, 7, 8)` for spatial latents.
        prior: p(z | levels above): a name, a class or an instance.
        posterior: q(z | x, levels above), likewise; `"gaussian"` by default. The top level's must be None: it is the
            argument `posterior` of `VAE`.
        merge: layer from `[context, z]` to the context of the next level; None for the default of the
            hierarchy.

    Raises:
        ValueError: `size` is not made of positive ints.

    Example:

    >>> import keras_vae as kv
    >>> kv.latents.Level(40, prior=kv.priors.VampPrior(500)).shape
    (40,)
    """

    def __init__(
        self,
        size: Ints,
        prior: Component = "gaussian",
        posterior: Component | None = None,
        merge: keras.layers.Layer | None = None,
    ) -> None:
        self.shape = positive_ints(size, "size")
        self.prior = prior
        self.posterior = posterior
        self.merge = merge

    def get_config(self) -> Config:
        config = {"size": self.shape}
        for name in ("prior", "posterior", "merge"):
            part = getattr(self, name)
            config[name] = keras.saving.serialize_keras_object(part) if hasattr(part, "get_config") else part
        return config

    @classmethod
    def from_config(cls, config: Config) -> Self:
        parts = {
            name: keras.saving.deserialize_keras_object(part) if isinstance(part, dict) else part
            for name, part in config.items()
            if name != "size"
        }
        return cls(tuple(config["size"]), **parts)
