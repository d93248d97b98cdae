"""The contract of a sampler."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from keras_vae.hints import Array, Config, Shape
from keras_vae.registry import samplers

__all__ = ["Sampler"]


@samplers.contract
class Sampler:
    """A density of the latents of a trained model, from which `generate` draws in place of the prior.

    What the decoder has seen in training are draws of the aggregated posterior, q(z) = mean over the data of q(z | x),
    and the prior is close to it only if the training made it so. A sampler is fitted to q(z) afterwards:
    `vae.fit_sampler("mixture", x)`, then `vae.generate(8, sampler="mixture")`. The model is not changed.

    A sampler is no Keras layer: it is used on the host, and what it has learned is a dict of NumPy arrays, saved with
    the weights of the model. To write one for latents as vectors, subclass `VectorSampler`. Otherwise subclass this
    class, register it, and implement `fit`, `sample`, `get_state`, `set_state`, and `get_config` for the arguments of
    the constructor. `keras_vae.testing.check_sampler` checks it.

    Attributes:
        encodes: the `mode` of `encode` whose results `fit` gets: `"sample"`, or `"distribution"`.
        spaces: the spaces of latents that it can describe: any of `"reals"`, `"sphere"` and `"one_hot"`.
        takes_condition: whether `fit` and `sample` take the conditions of the rows.
        stale: whether the model was trained after the sampler was fitted.
        level_shapes: after `build`, the shapes of one example's latents, level by level, such as `((16,),)`.
        level_spaces: after `build`, their spaces.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> sampler = vae.fit_sampler("mixture", np.random.default_rng(0).random((50, 4)))
    >>> isinstance(sampler, kv.samplers.Sampler), list(vae.samplers)
    (True, ['mixture'])
    """

    encodes: ClassVar[str] = "sample"
    spaces: ClassVar[tuple[str, ...]] = ("reals",)
    takes_condition: ClassVar[bool] = False
    stale = False
    level_shapes: tuple[Shape, ...] = ()
    level_spaces: tuple[str, ...] = ()

    @property
    def built(self) -> bool:
        """Whether the shapes of the latents are known."""
        return bool(self.level_shapes)

    def build(self, level_shapes: Sequence[Shape], level_spaces: Sequence[str] | None = None) -> None:
        """Take the shapes of the latents; `fit_sampler` and loading call it.

        Args:
            level_shapes: shapes of one example's latents, level by level.
            level_spaces: their spaces, by default all `"reals"`.

        Raises:
            ValueError: latents that the sampler cannot describe.
        """
        level_shapes = tuple(tuple(shape) for shape in level_shapes)
        level_spaces = tuple(level_spaces or ["reals"] * len(level_shapes))
        name = type(self).__name__
        if any(axis is None for shape in level_shapes for axis in shape):
            raise ValueError(
                f"The sampler {name} needs latents of one size. Received: latents of shape {level_shapes}, whose "
                "length varies. Draw from the prior, which is made of steps: generate(length=...)."
            )
        for index, space in enumerate(level_spaces):
            if space not in self.spaces:
                raise ValueError(
                    f"The sampler {name} describes latents on {' or '.join(map(repr, self.spaces))}. Received: latents "
                    f"on {space!r} (level or group {index}). Use 'aggregated', which draws from posteriors of data."
                )
        self.level_shapes, self.level_spaces = level_shapes, level_spaces

    def fit(self, z: Any, *, seed: int | None = None, verbose: str | int = 0) -> Self:
        """Fit the density, and return the sampler itself.

        Args:
            z: a tuple with one value for each level: draws `(n, *latent)`, or distributions of n rows, as `encodes`
                says. With `takes_condition` there is an argument `condition`, `(n, *condition_shape)`.
            seed: int, of whatever is random.
            verbose: as in Keras.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `fit(z, *, seed, verbose)`, returning itself.")

    def sample(self, n: int, *, seed: int | None = None, temperature: float = 1.0) -> tuple[Array, ...]:
        """Draws of the latents: a tuple of NumPy arrays `(n, *latent)`, float32, one for each level.

        Args:
            n: number of draws.
            seed: int, for the same draws in every call.
            temperature: scales the spread of the draws; 1 is the fitted density.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `sample(n, *, seed, temperature)`.")

    def get_state(self) -> dict[str, Array]:
        """What was learned: NumPy arrays by name, such as `means` `(components, width)`, saved with the model."""
        raise NotImplementedError(f"{type(self).__name__} must implement `get_state()`, a dict of NumPy arrays.")

    def set_state(self, state: dict[str, Array]) -> None:
        """Take what another sampler of the same arguments has learned, after `build`.

        Args:
            state: the result of `get_state`, such as `means` `(components, width)`.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `set_state(state)`.")

    def get_config(self) -> Config:
        """The arguments of the constructor."""
        return {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.get_config()}>"

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)
