"""Latents as whole numbers: a grid for real ones, an index for categories, and their code on a stack."""

import dataclasses
import math
from typing import Any

import numpy as np

from keras_vae.compression.coder import (
    pop_categories,
    pop_on_grid,
    push_categories,
    push_on_grid,
)
from keras_vae.hints import Array, Shape

__all__ = ["Grid", "fitted_grid"]

MOST_POINTS = 2**17
"""Each point of a grid keeps one of 2^24 counts: so many points cost less than 0.012 bits."""

Parameters = dict[str, Array]
"""A distribution of latents for each row: `loc` and `std` or `scale`; `probabilities`; or `locs`, `stds`, `weights`."""


@dataclasses.dataclass(frozen=True)
class Grid:
    """The points on which one level of latents lies.

    Args:
        shape: shape of one example's latents.
        step: distance of the points; one number, or one for every element. Not used for categories.
        half: number of points on each side of zero.

    Example:

    >>> import numpy as np
    >>> from keras_vae.compression.grid import Grid
    >>> grid = Grid((2,), step=0.25, half=100)
    >>> [float(z) for z in grid.latents(np.array([[4, -1]]))[0]]
    [1.0, -0.25]
    """

    shape: Shape
    step: Any = 1.0
    half: int = 1

    def latents(self, symbols: Array) -> Array:
        """The latents of symbols `(rows, width)`: `(rows, *shape)`, float32."""
        if self.is_categorical:
            return np.eye(self.shape[-1], dtype="float32")[symbols]
        return (symbols.astype("float64") * self._steps).astype("float32").reshape(-1, *self.shape)

    @property
    def is_categorical(self) -> bool:
        """Whether the latents are one-hot vectors: they have no step."""
        return self.step is None

    @property
    def _steps(self) -> Array:
        return np.broadcast_to(np.asarray(self.step, "float64"), self.shape).reshape(-1)

    def _units(self, parameters: Parameters) -> tuple[Array, Array, bool]:
        """Location and spread in steps, `(rows, width)`, and whether the distribution is a Laplace."""
        spread = parameters["scale"] if "scale" in parameters else parameters["std"]
        rows = len(spread)
        loc = parameters["loc"].reshape(rows, -1).astype("float64") / self._steps
        return loc, spread.reshape(rows, -1).astype("float64") / self._steps, "scale" in parameters

    def mode(self, parameters: Parameters) -> Array:
        """The most likely symbols, `(rows, width)`, int32."""
        if self.is_categorical:
            return parameters["probabilities"].argmax(axis=-1).astype("int32")
        loc, _, _ = self._units(parameters)
        return np.clip(np.round(loc), -self.half, self.half).astype("int32")

    # Code ---------------------------------------------------------------------------------------------

    def pop(self, stack: Any, parameters: Parameters, posterior: bool = False) -> Array:
        """Take symbols `(rows, width)` from a stack; if its bits are random, these are a draw.

        Args:
            stack: a coder of `constriction`.
            parameters: the distribution of every row.
            posterior: whether it is q, under which only what is near its mean has a code.
        """
        if self.is_categorical:
            return pop_categories(stack, parameters["probabilities"])
        if "weights" not in parameters:
            return pop_on_grid(stack, self.half, *self._units(parameters), windows=posterior)
        component = pop_categories(stack, parameters["weights"][:, None, :])[:, 0]
        symbols = pop_on_grid(stack, self.half, *self._units(self._component(parameters, component)))
        push_categories(stack, component[:, None], self.responsibilities(symbols, parameters)[:, None, :])
        return symbols

    def push(self, stack: Any, symbols: Array, parameters: Parameters, posterior: bool = False) -> None:
        """Put symbols `(rows, width)` onto a stack.

        Under a mixture the component is one more latent, with bits back: it is taken from p(k | z), and put back
        under its weight, which costs -log p(z) on average.

        Args:
            stack: a coder of `constriction`.
            symbols: int32.
            parameters: the distribution of every row.
            posterior: as for `pop`.
        """
        if self.is_categorical:
            push_categories(stack, symbols, parameters["probabilities"])
        elif "weights" not in parameters:
            push_on_grid(stack, symbols, self.half, *self._units(parameters), windows=posterior)
        else:
            shares = self.responsibilities(symbols, parameters)[:, None, :]
            component = pop_categories(stack, shares)[:, 0]
            push_on_grid(stack, symbols, self.half, *self._units(self._component(parameters, component)))
            push_categories(stack, component[:, None], parameters["weights"][:, None, :])

    @staticmethod
    def _component(parameters: Parameters, index: Array) -> Parameters:
        rows = np.arange(len(index))
        return {"loc": parameters["locs"][rows, index], "std": parameters["stds"][rows, index]}

    def _joint(self, symbols: Array, parameters: Parameters) -> Array:
        """log weight_k + log N_k(z), `(rows, components)`."""
        z = self.latents(symbols).reshape(len(symbols), 1, -1).astype("float64")
        rows, count = parameters["weights"].shape
        loc, std = (parameters[name].reshape(rows, count, -1).astype("float64") for name in ("locs", "stds"))
        each = -0.5 * np.square((z - loc) / std) - np.log(std) - 0.5 * math.log(2 * math.pi)
        return np.log(np.maximum(parameters["weights"], 1e-30)) + each.sum(axis=-1)

    def responsibilities(self, symbols: Array, parameters: Parameters) -> Array:
        """p(k | z) of a mixture's components, `(rows, components)`, float32.

        Args:
            symbols: `(rows, width)`.
            parameters: `locs`, `stds` and `weights`.
        """
        joint = self._joint(symbols, parameters)
        shares = np.exp(joint - joint.max(axis=1, keepdims=True))
        return (shares / shares.sum(axis=1, keepdims=True)).astype("float32")

    # What it should cost --------------------------------------------------------------------------------

    def bits(self, symbols: Array, parameters: Parameters) -> Array:
        """-log2 of the probability of the symbols of every row, from the density at the point times the step.

        Args:
            symbols: `(rows, width)`.
            parameters: the distribution of every row.
        """
        if self.is_categorical:
            chosen = np.take_along_axis(parameters["probabilities"], symbols[..., None], axis=-1)[..., 0]
            return -np.log2(np.maximum(chosen.astype("float64"), 2.0**-24)).sum(axis=1)
        if "weights" in parameters:
            joint = self._joint(symbols, parameters)
            highest = joint.max(axis=1)
            log_density = highest + np.log(np.exp(joint - highest[:, None]).sum(axis=1))
            return -(log_density + np.log(self._steps).sum()) / math.log(2)
        loc, spread, laplace = self._units(parameters)
        distance = np.abs(symbols - loc) / spread
        if laplace:
            nats = distance + np.log(2 * spread)
        else:
            nats = 0.5 * np.square(distance) + np.log(spread) + 0.5 * math.log(2 * math.pi)
        return nats.sum(axis=1) / math.log(2)

    def entropy(self, parameters: Parameters) -> Array:
        """Bits that a draw takes from the stack, on average, for every row.

        Args:
            parameters: the distribution of every row.
        """
        if self.is_categorical:
            p = np.maximum(parameters["probabilities"].astype("float64"), 1e-30)
            return -(p * np.log2(p)).sum(axis=(-2, -1))
        _, spread, laplace = self._units(parameters)
        shift = math.log2(2 * math.e) if laplace else 0.5 * math.log2(2 * math.pi * math.e)
        return np.maximum(np.log2(spread) + shift, 0.0).sum(axis=1)


def fitted_grid(shape: Shape, posterior: Parameters, precision: float) -> Grid:
    """A grid fine enough for the posteriors of some rows, and wide enough for them.

    Args:
        shape: shape of one example's latents.
        posterior: q(z | x) of these rows.
        precision: points for each standard deviation of the narrowest posteriors; those of one in a hundred may be
            narrower.
    """
    if "probabilities" in posterior:
        return Grid(shape, step=None)
    spread = (posterior["scale"] if "scale" in posterior else posterior["std"]).astype("float64")
    step = 2.0 ** math.floor(math.log2(np.quantile(spread, 0.01) / precision))
    reach = 1.5 * float((np.abs(posterior["loc"]) + 8.0 * spread).max())
    step = max(step, 2.0 ** math.ceil(math.log2(2.0 * reach / MOST_POINTS)))
    return Grid(shape, step=step, half=max(1, math.ceil(reach / step)))
