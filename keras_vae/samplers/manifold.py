"""Combinations of neighbours."""

import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.hints import Array, Config
from keras_vae.registry import samplers
from keras_vae.samplers.vectors import VectorSampler

__all__ = ["Manifold"]


@samplers.register("manifold", package="keras_vae")
class Manifold(VectorSampler):
    """Random combinations of a stored latent and its nearest neighbours, SIMDAT (Taylor and Thompson, 1986).

    A draw takes a stored latent at random and its m - 1 nearest neighbours, with mean c, and returns
    z = c + sum_j u_j (z_j - c), with independent u_j, uniform with mean 1/m and variance (m - 1)/m². So draws lie in
    the plane of a few neighbours, near the manifold of the latents wherever it is curved, and never far from a stored
    latent. For latents of a shape that a mixture does not follow, and a few thousand rows or more. scikit-learn finds
    the neighbours (extra `examples`); drawing does not need it. Latents are `(n, *latent)`, and distances are between
    standardised ones.

    `temperature` multiplies the deviation from c: at 0 draws are means of neighbours.

    Args:
        neighbours: m, the stored latent itself included.
        rows: at most so many latents are stored, chosen at random.

    Raises:
        ValueError: bad arguments; when fitted to fewer rows than neighbours.
        ImportError: when fitted without scikit-learn.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> angle = np.random.default_rng(0).uniform(0.0, 6.28, 1000)
    >>> circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> (draws,) = kv.samplers.Manifold().fit(circle).sample(100, seed=0)
    >>> bool((abs(np.linalg.norm(draws, axis=1) - 1.0) < 0.05).all())
    True
    """

    spaces = ("reals", "sphere")

    def __init__(self, neighbours: int = 5, rows: int = 10000) -> None:
        self.neighbours = positive_int(neighbours, "neighbours")
        self.rows = positive_int(rows, "rows")
        if min(self.neighbours, self.rows) < 2:
            raise ValueError(
                f"Arguments `neighbours` and `rows` must be at least 2. Received: neighbours={neighbours}, rows={rows}"
            )

    def fit_rows(self, rows: Array, generator: np.random.Generator, verbose: str | int) -> None:
        try:
            from sklearn.neighbors import NearestNeighbors
        except ImportError as error:
            raise ImportError(
                "The sampler 'manifold' finds neighbours with scikit-learn: pip install 'keras-vae[examples]'."
            ) from error
        self.stored = rows[generator.permutation(len(rows))[: self.rows]].astype("float32")
        if len(self.stored) < self.neighbours:
            raise ValueError(
                f"The sampler 'manifold' needs at least as many rows as neighbours, {self.neighbours}. Received: "
                f"{len(self.stored)} rows. Pass more, or fewer neighbours: kv.samplers.Manifold(neighbours=2)."
            )
        search = NearestNeighbors(n_neighbors=self.neighbours).fit(self.stored)
        self.nearest = search.kneighbors(self.stored, return_distance=False).astype("int32")

    def draw_rows(self, n: int, generator: np.random.Generator, temperature: float) -> Array:
        m = self.neighbours
        groups = self.stored[self.nearest[generator.integers(len(self.stored), size=n)]]  # (n, m, width)
        centre = groups.mean(axis=1, keepdims=True)
        half_width = np.sqrt(3.0 * (m - 1)) / m
        weights = generator.uniform(1.0 / m - half_width, 1.0 / m + half_width, (n, m, 1))
        return centre[:, 0] + temperature * (weights * (groups - centre)).sum(axis=1)

    def get_state(self) -> dict[str, Array]:
        return {**super().get_state(), "stored": self.stored, "nearest": self.nearest}

    def set_state(self, state: dict[str, Array]) -> None:
        super().set_state(state)
        self.stored, self.nearest = state["stored"], state["nearest"]

    def get_config(self) -> Config:
        return {"neighbours": self.neighbours, "rows": self.rows}
