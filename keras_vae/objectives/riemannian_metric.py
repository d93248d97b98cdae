"""A metric on the space of latents, learned from data."""

import dataclasses
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.hints import Ints, Shape, Tensor
from keras_vae.layers.dense_stack import DenseStack
from keras_vae.layers.projection import Projection

__all__ = ["Metric", "MetricNetwork"]

LOG_RANGE = (-6.0, 6.0)
"""Of the diagonal of a factor's logarithm: G and its inverse stay finite in float32."""


@dataclasses.dataclass(frozen=True, eq=False)
class Metric:
    """G(z) with G(z)^-1 = sum_i M_i exp(-|z - c_i|^2 / T^2) + lambda I (Chadebec et al., 2020, equation 4).

    Args:
        centroids: c, `(n, d)`.
        matrices: M, positive semidefinite, `(n, d, d)`.
        temperature: T.
        regularization: lambda.
    """

    centroids: Tensor
    matrices: Tensor
    temperature: float
    regularization: float

    def weights(self, z: Tensor) -> Tensor:
        """How near z `(rows, d)` is to each centroid, `(rows, n)`."""
        z = ops.convert_to_tensor(z)
        squared = ops.sum(ops.square(z[:, None] - self.centroids), axis=-1)
        return ops.exp(-squared / self.temperature**2)

    def inverse(self, z: Tensor) -> Tensor:
        """G(z)^-1, `(rows, d, d)`."""
        identity = ops.eye(self.centroids.shape[-1])
        return ops.einsum("rn,nij->rij", self.weights(z), self.matrices) + self.regularization * identity

    def root(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse R of the Cholesky factor of G(z)^-1, so that G = R' R, and log det G(z).

        Args:
            z: `(rows, d)`.

        Returns:
            `(rows, d, d)` and `(rows,)`.
        """
        inverse = self.inverse(z)
        factor = ops.cholesky(inverse)
        root = ops.solve_triangular(factor, ops.broadcast_to(ops.eye(z.shape[-1]), ops.shape(inverse)), lower=True)
        return root, 2.0 * ops.sum(ops.log(ops.diagonal(root, axis1=-2, axis2=-1)), axis=-1)

    def lengths(self, z: Tensor, momentum: Tensor) -> Tensor:
        """Squared length r' G(z)^-1 r of a momentum, `(rows,)`."""
        return ops.einsum("ri,rij,rj->r", momentum, self.inverse(z), momentum)

    def slope(self, z: Tensor, momentum: Tensor, root: Tensor) -> Tensor:
        """d/dz of (r' G(z)^-1 r + log det G(z)) / 2, in closed form.

        Args:
            z: `(rows, d)`.
            momentum: r, `(rows, d)`.
            root: what `root` gives at z.

        Returns:
            `(rows, d)`.
        """
        lengths = ops.einsum("ri,nij,rj->rn", momentum, self.matrices, momentum)
        traces = ops.einsum("rki,nij,rkj->rn", root, self.matrices, root)
        pull = self.weights(z) * (traces - lengths) / self.temperature**2
        return ops.sum(pull[..., None] * (z[:, None] - self.centroids), axis=1)


class MetricNetwork(keras.layers.Layer):
    """From features to the factors of M = L L', L lower triangular (Chadebec et al., 2020), starting near I.

    Args:
        width: number of latents, d.
        hidden_units: width of each hidden layer.
        **kwargs: `name`, `dtype`, as for every Keras layer.
    """

    def __init__(self, width: int, hidden_units: Ints, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.hidden = DenseStack(hidden_units, "relu", dtype=self.dtype_policy, name="hidden")
        below = np.tril_indices(width, -1)
        self.placed = np.zeros((len(below[0]), width * width), "float32")
        self.placed[np.arange(len(below[0])), below[0] * width + below[1]] = 1.0
        small = keras.initializers.RandomNormal(0.0, 0.01)
        self.diagonal = Projection((width,), small, dtype=self.dtype_policy, name="diagonal")
        self.lower = Projection((len(below[0]),), small, dtype=self.dtype_policy, name="lower") if width > 1 else None

    def build(self, features_shape: Shape) -> None:
        self.features_width = math.prod(features_shape[1:])
        shape = (None, self.features_width)
        self.hidden.build(shape)
        for head in filter(None, (self.diagonal, self.lower)):
            head.build(self.hidden.compute_output_shape(shape))

    def call(self, features: Tensor, training: bool = False) -> Tensor:
        """M, `(batch, d, d)`, float32."""
        hidden = self.hidden(ops.reshape(features, (-1, self.features_width)), training=training)
        factor = ops.exp(ops.clip(self.diagonal(hidden), *LOG_RANGE))[..., None] * ops.eye(self.width)
        if self.lower is not None:
            factor = factor + ops.reshape(ops.matmul(self.lower(hidden), self.placed), (-1, self.width, self.width))
        return ops.matmul(factor, ops.transpose(factor, (0, 2, 1)))
