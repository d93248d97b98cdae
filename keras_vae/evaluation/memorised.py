"""Samples that are copies of training rows."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.evaluation.features import features_of_data, samples_or_generated
from keras_vae.evaluation.optional import scikit_learn
from keras_vae.evaluation.result import Result
from keras_vae.hints import Array, Part

__all__ = ["Memorised", "memorised"]


@dataclasses.dataclass(frozen=True, eq=False)
class Memorised(Result):
    """Distances of samples to the nearest training row, beside those of real rows (Meehan et al., 2020).

    Args:
        distances: distance of every sample to the nearest training row, `(samples,)`, in units of the features.
        nearest: index of that row, `(samples,)`.
        real_distances: distance of real rows to the nearest training row, `(rows,)`: of held-out rows, or of each
            training row to the others.
        quantile: share of the real distances below the threshold.
        samples: the samples, `(samples, *data_shape)`.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> found = kv.evaluation.Memorised(
    ...     np.array([0.0, 2.0]), np.array([4, 1]), np.linspace(1, 3, 101), 0.05, np.zeros((2, 1))
    ... )
    >>> round(found.threshold, 2), found.indices.tolist(), found.share
    (1.1, [0], 0.5)
    """

    distances: Array
    nearest: Array
    real_distances: Array
    quantile: float
    samples: Array

    @property
    def threshold(self) -> float:
        """Samples closer to a training row than this are suspicious."""
        return float(np.quantile(self.real_distances, self.quantile))

    @property
    def indices(self) -> Array:
        """Samples closer than the threshold, `(number,)`, closest first; `nearest` has their training rows."""
        close = np.flatnonzero(self.distances < self.threshold)
        return close[np.argsort(self.distances[close], kind="stable")]

    @property
    def share(self) -> float:
        """Share of the samples that are closer than the threshold; about `quantile` for new rows of the data."""
        return float((self.distances < self.threshold).mean())

    def summary(self) -> dict[str, float]:
        return {"memorised": self.share}

    def __str__(self) -> str:
        return (
            f"memorised: {100 * self.share:.1f} % of {len(self.distances)} samples are closer to a training row than "
            f"{self.threshold:.4g}, where {100 * self.quantile:.1f} % of real rows are"
        )


def memorised(
    samples: Part,
    x_train: Array,
    x_held_out: Array | None = None,
    *,
    num_samples: int = 1000,
    quantile: float = 0.05,
    features: Callable | keras.Model | None = None,
    seed: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> Memorised:
    """Samples that are closer to a training row than real rows are (Meehan et al., 2020).

    The threshold comes from the data: the quantile of the distances of held-out rows to their nearest training row.
    Without held-out rows it is that of each training row to the nearest other, which has the same distribution if the
    rows are independent draws; duplicates in the training data lower it. Of samples as new as real rows the share
    `quantile` lies below it; much more means that the model copies. Means of p(x|z) are smoother than rows of data, and
    nearer to each other: also look at the pairs.

    Args:
        samples: `(samples, *data_shape)`, or a `VAE`, which then generates `num_samples`.
        x_train: `(n, *data_shape)`, the training data.
        x_held_out: `(m, *data_shape)`, rows of the same kind that were not trained on.
        num_samples: number of samples from a model.
        quantile: share of real rows that are called close, between 0 and 1.
        features: a Keras model, or a function of arrays `(n, *data_shape)` to `(n, ...)`, in whose output distances
            are Euclidean; the data, flattened, by default.
        seed: int, for samples that are reproducible.
        batch_size: rows at a time.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        `Memorised`, with a distance for each sample.

    Raises:
        ValueError: arguments that do not fit each other.
        ImportError: scikit-learn is not installed.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> kv.evaluation.memorised(x[:50] + 1e-3, x).share  # copies
    1.0
    """
    positive_int(num_samples, "num_samples")
    if not 0.0 < quantile < 1.0:
        raise ValueError(f"Argument `quantile` must lie between 0 and 1. Received: quantile={quantile!r}")
    drawn = samples_or_generated(samples, num_samples, seed, batch_size, verbose)
    train, rows = features_of_data(x_train, features, "x_train"), features_of_data(drawn, features, "samples")
    if train.shape[1] != rows.shape[1] or len(train) < 2:
        raise ValueError(
            "Argument `x_train` must have at least 2 rows of the shape of the samples. Received: shape "
            f"{np.shape(x_train)}, and samples of shape {drawn.shape}."
        )
    search = scikit_learn("neighbors", "memorised").NearestNeighbors().fit(train)
    distances, nearest = (found[:, 0] for found in search.kneighbors(rows, 1))
    if x_held_out is None:
        real = search.kneighbors(n_neighbors=1)[0][:, 0]  # of the rows fitted, each without itself
    else:
        real = search.kneighbors(features_of_data(x_held_out, features, "x_held_out"), 1)[0][:, 0]
    return Memorised(distances, nearest, real, float(quantile), drawn)
