"""The Poincaré ball: hyperbolic space of curvature -c as the points x with sqrt(c) |x| < 1.

Formulas of Ganea, Bécigneul and Hofmann (2018) and Mathieu et al. (2019). Tangent vectors are in an orthonormal frame:
the length of `v` is the distance that it leads. All take and return `(..., d)`, float32.
"""

import math

from keras import ops

from keras_vae.hints import Tensor

__all__ = ["distance", "exponential_map", "geodesic", "inside_ball", "logarithm_map", "mobius_add"]

LIMIT = 1.0 - 1e-5
"""Points lie at most this far out, at a distance of 12 / sqrt(c): float32 does not tell those beyond apart."""
TINY = 1e-12


def _squared(x: Tensor) -> Tensor:
    return ops.sum(ops.square(x), axis=-1, keepdims=True)


def _conformal(x: Tensor, curvature: float) -> Tensor:
    """1 - c |x|^2, twice the inverse of the factor by which the metric lengthens vectors at x."""
    return ops.maximum(1.0 - curvature * _squared(x), 1.0 - LIMIT)


def inside_ball(x: Tensor, curvature: float) -> Tensor:
    """The points `(..., d)`, those at the boundary or beyond moved inside.

    >>> from keras_vae.distributions.poincare_ball import inside_ball
    >>> float(inside_ball([[2.0]], 1.0)[0, 0]) < 1.0
    True
    """
    x = ops.cast(x, "float32")
    farthest = LIMIT / math.sqrt(curvature)
    return x * ops.minimum(1.0, farthest / ops.sqrt(_squared(x) + TINY))


def mobius_add(x: Tensor, y: Tensor, curvature: float) -> Tensor:
    """x ⊕ y: y moved by the translation of hyperbolic space that takes the origin to x.

    In a form without cancellation where x is close to -y, and both to the boundary.

    Args:
        x: `(..., d)`.
        y: `(..., d)`.
        curvature: c above 0; the curvature of the space is -c.

    >>> from keras_vae.distributions.poincare_ball import mobius_add
    >>> round(float(mobius_add([[0.5]], [[0.5]], 1.0)[0, 0]), 4)
    0.8
    """
    x, y = ops.cast(x, "float32"), ops.cast(y, "float32")
    total = x + y
    here, apart = _conformal(x, curvature), curvature * _squared(total)
    return (here * total + apart * x) / (apart + here * _conformal(y, curvature))


def exponential_map(x: Tensor, v: Tensor, curvature: float) -> Tensor:
    """Where the geodesic from x along v ends, |v| away.

    Args:
        x: the start, `(..., d)`.
        v: the tangent vector, `(..., d)`.
        curvature: c above 0.

    >>> from keras_vae.distributions.poincare_ball import exponential_map
    >>> round(float(exponential_map([[0.0]], [[2.0]], 1.0)[0, 0]), 4)
    0.7616
    """
    v = ops.cast(v, "float32")
    half = 0.5 * ops.sqrt(curvature * _squared(v) + TINY)
    return inside_ball(mobius_add(x, 0.5 * ops.tanh(half) / half * v, curvature), curvature)


def logarithm_map(x: Tensor, y: Tensor, curvature: float) -> Tensor:
    """The tangent vector at x that leads to y: the inverse of `exponential_map`.

    Args:
        x: the start, `(..., d)`.
        y: the end, `(..., d)`.
        curvature: c above 0.

    >>> from keras_vae.distributions.poincare_ball import logarithm_map
    >>> round(float(logarithm_map([[0.0]], [[0.76159416]], 1.0)[0, 0]), 3)
    2.0
    """
    x, y = ops.cast(x, "float32"), ops.cast(y, "float32")
    between = y - x
    here = _conformal(x, curvature)
    both = here * _conformal(y, curvature)
    apart = curvature * _squared(between)
    # sinh of half the distance, by the difference of the points: exact where they are close
    sinh = ops.sqrt(apart / both + TINY)
    direction = (here * between - apart * x) / ops.sqrt(both * (apart + both))
    return 2.0 * ops.arcsinh(sinh) / sinh * direction


def distance(x: Tensor, y: Tensor, curvature: float) -> Tensor:
    """Length of the shortest path from x to y, `(...)`.

    Args:
        x: `(..., d)`.
        y: `(..., d)`.
        curvature: c above 0.

    >>> from keras_vae.distributions.poincare_ball import distance
    >>> round(float(distance([[0.0]], [[0.5]], 1.0)[0]), 4)
    1.0986
    """
    return ops.sqrt(_squared(logarithm_map(x, y, curvature)) + TINY)[..., 0]


def geodesic(x: Tensor, y: Tensor, share: Tensor | float, curvature: float) -> Tensor:
    """The point on the shortest path from x to y, after a share of its length.

    Args:
        x: `(..., d)`.
        y: `(..., d)`.
        share: from 0 to 1, broadcastable.
        curvature: c above 0.

    >>> from keras_vae.distributions.poincare_ball import geodesic
    >>> round(float(geodesic([[0.0]], [[0.8]], 0.5, 1.0)[0, 0]), 4)
    0.5
    """
    return exponential_map(x, ops.cast(share, "float32") * logarithm_map(x, y, curvature), curvature)
