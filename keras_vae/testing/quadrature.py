"""Points and weights that integrate a density, or add up a probability, over its whole domain."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from keras_vae.hints import Array, Shape

__all__ = [
    "over_ball",
    "over_integers",
    "over_interval",
    "over_one_hot",
    "over_open_interval",
    "over_positive",
    "over_reals",
    "over_sphere",
]


def over_reals(draws: Array) -> tuple[Array, Array]:
    """A grid over R^1 or R^2, dense where the draws are, out to 45 of their spreads: `(points, weights)`.

    Args:
        draws: `(n, *event)`, from the distribution.

    Example:

    >>> import numpy as np
    >>> from keras_vae.testing import over_reals
    >>> points, weights = over_reals(np.random.default_rng(0).normal(size=(100, 1)))
    >>> density = np.exp(-0.5 * points[:, 0] ** 2) / np.sqrt(2 * np.pi)
    >>> round(float(np.sum(weights * density)), 4)
    1.0
    """
    event, flat = draws.shape[1:], draws.reshape(len(draws), -1)
    low, center, high = np.quantile(flat, [0.16, 0.5, 0.84], axis=0)
    scale = np.maximum(0.5 * (high - low), 1e-6)
    t = np.linspace(-4.5, 4.5, {1: 4001, 2: 401}.get(flat.shape[1]) or _too_many(flat.shape[1]))
    axes = [middle + spread * np.sinh(t) for middle, spread in zip(center, scale, strict=True)]
    weights = [spread * np.cosh(t) * (t[1] - t[0]) for spread in scale]
    return _product(axes, weights, event)


def over_interval(low: float, high: float) -> Callable:
    """Function for the densities on `[low, high]`, or on its square: Gauss-Legendre points.

    >>> import numpy as np
    >>> from keras_vae.testing import over_interval
    >>> points, weights = over_interval(0.0, 2.0)(np.zeros((1, 1)))
    >>> round(float(np.sum(weights * points[:, 0])), 4)
    2.0

    Args:
        low: the lower end.
        high: the upper end.
    """

    def points(draws: Array) -> tuple[Array, Array]:
        size = math.prod(draws.shape[1:])
        nodes, weights = np.polynomial.legendre.leggauss({1: 400, 2: 200}.get(size) or _too_many(size))
        nodes, weights = low + 0.5 * (high - low) * (nodes + 1.0), 0.5 * (high - low) * weights
        return _product([nodes] * size, [weights] * size, draws.shape[1:])

    return points


def over_positive(draws: Array) -> tuple[Array, Array]:
    """A grid over the positive numbers, or pairs of them, even in the logarithm: `(points, weights)`.

    Args:
        draws: `(n, *event)`, from the distribution.

    Example:

    >>> import numpy as np
    >>> from keras_vae.testing import over_positive
    >>> points, weights = over_positive(np.random.default_rng(0).exponential(size=(100, 1)))
    >>> round(float(np.sum(weights * np.exp(-points[:, 0]))), 4)
    1.0
    """
    points, weights = over_reals(np.log(draws))
    points = np.exp(np.clip(points.astype("float64"), -80.0, 80.0))
    return points.astype("float32"), weights * np.prod(points.reshape(len(points), -1), axis=-1)


def over_open_interval(low: float, high: float) -> Callable:
    """Function for the densities between `low` and `high` that may be infinite at the ends, or on the square.

    >>> import numpy as np
    >>> from keras_vae.testing import over_open_interval
    >>> points, weights = over_open_interval(0.0, 1.0)(np.zeros((1, 1)))
    >>> round(float(np.sum(weights * 0.5 / np.sqrt(points[:, 0]))), 2)
    1.0

    Args:
        low: the lower end.
        high: the upper end.
    """

    def points(draws: Array) -> tuple[Array, Array]:
        size = math.prod(draws.shape[1:])
        # even in the log odds, as far out as float32 tells a point from the upper end
        t = np.linspace(-15.0, 15.0, {1: 2001, 2: 301}.get(size) or _too_many(size))
        share = 1.0 / (1.0 + np.exp(-t))
        nodes, weights = low + (high - low) * share, (high - low) * share * (1.0 - share) * (t[1] - t[0])
        return _product([nodes] * size, [weights] * size, draws.shape[1:])

    return points


def over_integers(low: float, high: float) -> Callable:
    """Function for the probabilities of integers, `low` to `high` included, in every element.

    >>> import numpy as np
    >>> from keras_vae.testing import over_integers
    >>> over_integers(0, 1)(np.zeros((1, 2)))[0].tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]

    Args:
        low: the lower end.
        high: the upper end.
    """

    def points(draws: Array) -> tuple[Array, Array]:
        size = math.prod(draws.shape[1:])
        values = np.arange(low, high + 1.0)
        return _product([values] * size, [np.ones_like(values)] * size, draws.shape[1:])

    return points


def over_one_hot(draws: Array) -> tuple[Array, Array]:
    """All one-hot vectors along the last axis, in every combination of the axes before it.

    >>> import numpy as np
    >>> from keras_vae.testing import over_one_hot
    >>> over_one_hot(np.zeros((1, 2)))[0].tolist()
    [[1.0, 0.0], [0.0, 1.0]]

    Args:
        draws: `(n, *event)`, from the distribution; only their shape matters.
    """
    event = draws.shape[1:]
    rows = np.eye(event[-1])
    points = np.stack([np.stack(rows_) for rows_ in itertools.product(rows, repeat=math.prod(event[:-1]))])
    return points.reshape(-1, *event).astype("float32"), np.ones(len(points))


def over_sphere(draws: Array) -> tuple[Array, Array]:
    """Points on the unit circle in R^2 or the unit sphere in R^3, with weights that add up to its surface.

    >>> import numpy as np
    >>> from keras_vae.testing import over_sphere
    >>> points, weights = over_sphere(np.zeros((1, 3)))
    >>> round(float(np.sum(weights) / np.pi), 4)
    4.0

    Args:
        draws: `(n, *event)`, from the distribution; only their shape matters.

    Raises:
        ValueError: spheres of other dimensions.
    """
    angles = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    step = angles[1] - angles[0]
    if draws.shape[1:] == (2,):
        return np.stack([np.cos(angles), np.sin(angles)], -1).astype("float32"), np.full(len(angles), step)
    if draws.shape[1:] != (3,):
        raise ValueError(f"over_sphere covers latents of shape (2,) and (3,). Received: {draws.shape[1:]}")
    heights, weights = np.polynomial.legendre.leggauss(200)
    height, angle = (grid.reshape(-1) for grid in np.meshgrid(heights, angles, indexing="ij"))
    radius = np.sqrt(1.0 - height**2)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], -1)
    return points.astype("float32"), np.repeat(weights * step, len(angles))


def over_ball(curvature: float = 1.0) -> Callable:
    """Function for the densities on the Poincaré ball in one or two dimensions; weights are hyperbolic volumes.

    >>> import numpy as np
    >>> from keras_vae.distributions import WrappedNormal
    >>> from keras_vae.testing import over_ball
    >>> points, weights = over_ball(0.5)(np.zeros((1, 2)))
    >>> density = np.exp(WrappedNormal(np.zeros((1, 2)), np.zeros((1, 2)), 0.5).log_prob(points))
    >>> round(float(np.sum(weights * np.asarray(density))), 3)
    1.0

    Args:
        curvature: c above 0, that of the distribution.
    """
    root = math.sqrt(curvature)

    def points(draws: Array) -> tuple[Array, Array]:
        width = math.prod(draws.shape[1:])
        nodes, weights = np.polynomial.legendre.leggauss({1: 800, 2: 300}.get(width) or _too_many(width))
        radius, weights = 5.5 * (nodes + 1.0) / root, 5.5 * weights / root
        angles = np.linspace(0.0, 2.0 * np.pi, {1: 2, 2: 300}[width], endpoint=False)
        directions = np.stack([np.cos(angles), np.sin(angles)], -1)[:, :width]
        step = (np.tanh(0.5 * root * radius) / root)[:, None, None] * directions
        area = weights * (angles[1] if width == 2 else 1.0) * (np.sinh(root * radius) / root) ** (width - 1)
        # around the draws: a translation keeps volumes (Möbius addition)
        centre = draws.astype("float64").reshape(-1, width).mean(axis=0)
        total, here = centre + step, 1.0 - curvature * np.sum(centre**2)
        apart = curvature * np.sum(total**2, axis=-1, keepdims=True)
        there = 1.0 - curvature * np.sum(step**2, axis=-1, keepdims=True)
        moved = (here * total + apart * centre) / (apart + here * there)
        return moved.reshape(-1, *draws.shape[1:]).astype("float32"), np.repeat(area, len(angles))

    return points


def _product(axes: Sequence[Array], weights: Sequence[Array], event: Shape) -> tuple[Array, Array]:
    points = np.stack([grid.reshape(-1) for grid in np.meshgrid(*axes, indexing="ij")], -1)
    weight = np.prod(np.stack([grid.reshape(-1) for grid in np.meshgrid(*weights, indexing="ij")], -1), -1)
    return points.reshape(-1, *event).astype("float32"), weight


def _too_many(size: Any) -> NoReturn:
    raise ValueError(
        f"A density over {size} dimensions cannot be integrated on a grid. Run the check with 1 or 2 dimensions."
    )
