"""Whether samples look like data, and whether they cover it."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.evaluation.features import features_of_data, samples_or_generated
from keras_vae.evaluation.mmd import as_two_samples
from keras_vae.evaluation.pairwise import blocks, radii, squared_distances
from keras_vae.evaluation.result import Result
from keras_vae.hints import Array, Part

__all__ = ["PrecisionRecall", "precision_recall"]


@dataclasses.dataclass(frozen=True, eq=False)
class PrecisionRecall(Result):
    """Overlap of samples and data in a feature space (Kynkäänniemi et al., 2019; Naeem et al., 2020).

    Args:
        precision: share of the samples that lie among the data: low if samples look unlike data.
        recall: share of the data that lies among the samples: low if they miss part of it.
        density: as precision, with less weight for outliers of the data; 1 on average for equal distributions, and
            it may exceed 1.
        coverage: as recall, with less weight for outliers of the samples.
        neighbours: the number of neighbours that a neighbourhood reaches to.

    Example:

    >>> import keras_vae as kv
    >>> sorted(kv.evaluation.PrecisionRecall(0.9, 0.5, 0.95, 0.6, 3).summary())
    ['coverage', 'density', 'precision', 'recall']
    """

    precision: float
    recall: float
    density: float
    coverage: float
    neighbours: int

    def summary(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in ("precision", "recall", "density", "coverage")}


def precision_recall(
    samples: Part,
    x: Array,
    features: Callable | keras.Model | None = None,
    neighbours: int = 3,
    *,
    seed: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al., 2019), density and coverage (Naeem et al., 2020).

    Every row has a ball that reaches to its k-th nearest other row of its kind. *Precision* is the share of samples in
    the ball of any real row, *recall* the share of real rows in the ball of any sample. *Density* is the number of
    balls of real rows that a sample lies in, divided by k, and *coverage* the share of real rows whose ball holds a
    sample. All depend on the numbers of rows: compare models with as many.

    Args:
        samples: `(samples, *data_shape)`, or a `VAE`, which then generates as many as there are rows of x.
        x: `(n, *data_shape)`, held-out data.
        features: a Keras model, or a function of arrays `(n, *data_shape)` to `(n, ...)`, in whose output distances
            are Euclidean. For images take a layer of a classifier: distances of pixels, the default, say little.
        neighbours: k; papers take 3 for precision and recall, and 5 for density and coverage.
        seed: int, for samples that are reproducible.
        batch_size: rows at a time.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        `PrecisionRecall`, of numbers; time grows with `n * samples`, memory does not.

    Raises:
        ValueError: arguments that do not fit each other, or fewer rows than neighbours.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x = np.random.default_rng(0).normal(size=(300, 2))
    >>> half = x[x[:, 0] > 0]  # good samples that miss half of the data
    >>> found = kv.evaluation.precision_recall(half, x)
    >>> found.precision, 0.4 < found.recall < 0.6
    (1.0, True)
    """
    neighbours = positive_int(neighbours, "neighbours")
    drawn = samples_or_generated(samples, len(x), seed, batch_size, verbose)
    fake, real = as_two_samples(
        features_of_data(drawn, features, "samples"), features_of_data(x, features, "x"), ("samples", "x")
    )
    if min(len(fake), len(real)) <= neighbours:
        raise ValueError(
            f"Argument `neighbours` must be smaller than the number of samples, {len(fake)}, and of rows of `x`, "
            f"{len(real)}. Received: neighbours={neighbours}"
        )
    of_fake, of_real = radii(fake, neighbours), radii(real, neighbours)
    balls = np.zeros(len(fake))
    recalled, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for part in blocks(len(real), len(fake)):
        squares = squared_distances(real[part], fake)
        inside = squares <= of_real[part, None]
        balls += inside.sum(axis=0)
        covered[part] = inside.any(axis=1)
        recalled[part] = (squares <= of_fake).any(axis=1)
    return PrecisionRecall(
        float((balls > 0).mean()),
        float(recalled.mean()),
        float(balls.mean() / neighbours),
        float(covered.mean()),
        neighbours,
    )
