"""The distance of two Gaussians that are fitted to samples and to data."""

from collections.abc import Callable

import keras
import numpy as np

from keras_vae.evaluation.features import features_of_data, samples_or_generated
from keras_vae.evaluation.mmd import as_two_samples
from keras_vae.hints import Array, Part

__all__ = ["frechet_distance"]


def frechet_distance(
    samples: Part,
    x: Array,
    features: Callable | keras.Model | None = None,
    *,
    seed: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> float:
    """Fréchet distance between samples and data, as the FID (Heusel et al., 2017), smaller is better.

    The squared distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of the two Gaussians with the means and
    covariances of the features (Dowson and Landau, 1982). It is an FID if `features` is Inception's pooling layer;
    with other features compare only values of the same. It is biased upward for few rows: take the same number
    always, and more than there are features.

    The trace of the root is the sum of the singular values of C1^(1/2) C2^(1/2), so rounding cannot make it complex,
    and covariances may be singular.

    Args:
        samples: `(samples, *data_shape)`, or a `VAE`, which then generates as many as there are rows of x.
        x: `(n, *data_shape)`, held-out data.
        features: a Keras model, or a function of arrays `(n, *data_shape)` to `(n, d)`; the data, flattened, by
            default. Covariances take d squared numbers.
        seed: int, for samples that are reproducible.
        batch_size: rows at a time.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        A number, in squared units of the features.

    Raises:
        ValueError: arguments that do not fit each other.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x = np.random.default_rng(0).normal(size=(300, 2))
    >>> round(kv.evaluation.frechet_distance(x + 2.0, x), 4)
    8.0
    """
    drawn = samples_or_generated(samples, len(x), seed, batch_size, verbose)
    fake, real = as_two_samples(
        features_of_data(drawn, features, "samples"), features_of_data(x, features, "x"), ("samples", "x")
    )
    (mean_1, root), (mean_2, other) = moments(fake), moments(real)
    # C1 C2 has the eigenvalues of C1^(1/2) C2 C1^(1/2) = A A' with A = C1^(1/2) C2^(1/2): their roots are the singular
    # values of A. Eigenvalues of A A' would lose half of the digits of small ones.
    cross = np.linalg.svd(root @ other, compute_uv=False).sum()
    spread = np.square(root).sum() + np.square(other).sum() - 2.0 * cross
    return float(max(np.square(mean_1 - mean_2).sum() + spread, 0.0))


def moments(rows: Array) -> tuple[Array, Array]:
    """Mean `(d,)` of rows `(n, d)`, and the symmetric root of their covariance, `(d, d)`."""
    mean = rows.mean(axis=0)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(rows, rowvar=False)))
    return mean, (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
