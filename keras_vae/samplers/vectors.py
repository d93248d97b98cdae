"""Samplers of latents as vectors."""

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from keras import ops

from keras_vae.arguments import non_negative_number, optional_seed, positive_int
from keras_vae.hints import Array, Shape
from keras_vae.samplers.sampler import Sampler

__all__ = ["VectorSampler"]


class VectorSampler(Sampler):
    """A sampler that sees the latents of all levels as one vector, standardised.

    Spatial latents are flattened, several levels concatenated, and every dimension is shifted and scaled to mean 0 and
    standard deviation 1. Draws are transformed back; those of latents on a sphere are scaled to length 1.

    Subclasses implement `fit_rows` and `draw_rows`, `log_prob_of_rows` if there is a density, and `get_state` and
    `set_state`, which add their own arrays to those of this class.

    Attributes:
        width: number of dimensions, after `build`.

    Example, which shuffles the latents within every dimension:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> class Shuffled(kv.samplers.VectorSampler):
    ...     def fit_rows(self, rows, generator, verbose):
    ...         self.rows = rows
    ...
    ...     def draw_rows(self, n, generator, temperature):
    ...         rows = generator.integers(len(self.rows), size=(n, self.width))
    ...         return temperature * np.take_along_axis(self.rows, rows, axis=0)
    >>> z = np.random.default_rng(0).normal(3.0, 1.0, (100, 2))
    >>> (draws,) = Shuffled().fit(z).sample(1000, seed=0)
    >>> draws.shape, [round(float(mean)) for mean in draws.mean(axis=0)]
    ((1000, 2), [3, 3])
    """

    width = 0

    def build(self, level_shapes: Sequence[Shape], level_spaces: Sequence[str] | None = None) -> None:
        super().build(level_shapes, level_spaces)
        self.width = sum(math.prod(shape) for shape in self.level_shapes)

    def fit(self, z: Any, *, seed: int | None = None, verbose: str | int = 0) -> Self:
        levels = self._levels(z)
        if not self.built:
            self.build([level.shape[1:] for level in levels])
        rows = self._joined(levels)
        if len(rows) < 2:
            raise ValueError(f"Argument `z` must hold at least two rows. Received: {len(rows)}")
        self.loc, spread = rows.mean(axis=0), rows.std(axis=0)
        self.scale = np.where(spread > 1e-6 * (1.0 + np.abs(self.loc)), spread, 1.0).astype("float32")
        rows = (rows - self.loc) / self.scale
        self.fit_rows(rows, np.random.default_rng(optional_seed(seed)), verbose)
        return self

    def sample(self, n: int, *, seed: int | None = None, temperature: float = 1.0) -> tuple[Array, ...]:
        self.require_fitted()
        generator = np.random.default_rng(optional_seed(seed))
        n, temperature = positive_int(n, "n"), non_negative_number(temperature, "temperature")
        rows = self.loc + self.scale * self.draw_rows(n, generator, temperature)
        levels, start = [], 0
        for shape, space in zip(self.level_shapes, self.level_spaces, strict=True):
            size = math.prod(shape)
            level = rows[:, start : start + size].reshape(n, *shape).astype("float32")
            levels.append(on_sphere(level) if space == "sphere" else level)
            start += size
        return tuple(levels)

    def log_prob(self, z: Any) -> Array:
        """Log density of latents, in nats: `(n,)`.

        Args:
            z: `(n, *latent)`, or a tuple with one array for each level.

        Raises:
            NotImplementedError: the sampler has no density, or the latents lie on a sphere.
        """
        self.require_fitted()
        if set(self.level_spaces) != {"reals"}:
            raise NotImplementedError("Draws on a sphere are scaled to length 1, and have no density in closed form.")
        rows = (self._joined(self._levels(z)) - self.loc) / self.scale
        return (self.log_prob_of_rows(rows) - np.log(self.scale).sum()).astype("float32")

    def fit_rows(self, rows: Array, generator: np.random.Generator, verbose: str | int) -> None:
        """Fit the density.

        Args:
            rows: standardised latents `(n, width)`, float32.
            generator: of whatever is random.
            verbose: as in Keras.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `fit_rows(rows, generator, verbose)`.")

    def draw_rows(self, n: int, generator: np.random.Generator, temperature: float) -> Array:
        """Standardised draws `(n, width)`.

        Args:
            n: number of draws.
            generator: of the noise.
            temperature: scales the spread.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `draw_rows(n, generator, temperature)`.")

    def log_prob_of_rows(self, rows: Array) -> Array:
        """Log density of standardised latents, in nats: `(n,)`.

        Args:
            rows: `(n, width)`.
        """
        raise NotImplementedError(f"The sampler {type(self).__name__} draws, and has no density in closed form.")

    def require_fitted(self) -> None:
        """Raise an error unless the sampler was fitted.

        Raises:
            ValueError: it was not.
        """
        if not hasattr(self, "loc"):
            raise ValueError(
                f"The sampler {type(self).__name__} must be fitted first: vae.fit_sampler(sampler, x), or fit(z)."
            )

    def get_state(self) -> dict[str, Array]:
        self.require_fitted()
        return {"loc": self.loc, "scale": self.scale}

    def set_state(self, state: dict[str, Array]) -> None:
        self.loc, self.scale = state["loc"], state["scale"]

    def _levels(self, z: Any) -> list[Array]:
        levels = [np.asarray(ops.convert_to_numpy(level), "float32") for level in (z if isinstance(z, tuple) else (z,))]
        shapes = tuple(level.shape[1:] for level in levels)
        if any(level.ndim < 2 for level in levels) or (self.built and shapes != self.level_shapes):
            expected = [("n", *shape) for shape in self.level_shapes] if self.built else "(n, latent_dim)"
            raise ValueError(
                f"Argument `z` must hold latents of shape {expected}. Received: {[level.shape for level in levels]}"
            )
        return levels

    def _joined(self, levels: Sequence[Array]) -> Array:
        rows = np.concatenate([level.reshape(len(level), -1) for level in levels], axis=1)
        if not np.isfinite(rows).all():
            raise ValueError(
                "Argument `z` must hold finite numbers. Received: NaN or infinite latents. Look for the cause in the "
                "model: callbacks.StopOnInvalid ends a training where it begins."
            )
        return rows


def on_sphere(z: Array) -> Array:
    """Vectors `(..., width)` scaled to length 1."""
    return z / np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-12)
