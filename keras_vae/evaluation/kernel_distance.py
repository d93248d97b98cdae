"""The maximum mean discrepancy of samples and data, with a polynomial kernel."""

from collections.abc import Callable

import keras

from keras_vae.evaluation.features import features_of_data, samples_or_generated
from keras_vae.evaluation.mmd import as_two_samples
from keras_vae.evaluation.pairwise import mean_over_pairs, mean_within
from keras_vae.hints import Array, Part

__all__ = ["kernel_distance"]


def kernel_distance(
    samples: Part,
    x: Array,
    features: Callable | keras.Model | None = None,
    *,
    seed: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> float:
    """Kernel distance between samples and data, as the KID (Bińkowski et al., 2018), smaller is better.

    The squared maximum mean discrepancy with the kernel (a'b / d + 1)^3 of features, by the unbiased estimator over
    all pairs: on average 0 for samples of the data's distribution, also for few rows, so that it may be negative. It
    is a KID if `features` is Inception's pooling layer; with other features compare only values of the same.

    Args:
        samples: `(samples, *data_shape)`, or a `VAE`, which then generates as many as there are rows of x.
        x: `(n, *data_shape)`, held-out data.
        features: a Keras model, or a function of arrays `(n, *data_shape)` to `(n, d)`; the data, flattened, by
            default.
        seed: int, for samples that are reproducible.
        batch_size: rows at a time.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        A number without a unit; papers report it times 1000. Time grows with `n * samples`, memory does not.

    Raises:
        ValueError: arguments that do not fit each other.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x, new = np.random.default_rng(0).normal(size=(2, 300, 2))
    >>> kv.evaluation.kernel_distance(new, x) < 0.1 < kv.evaluation.kernel_distance(new + 1.0, x)
    True
    """
    drawn = samples_or_generated(samples, len(x), seed, batch_size, verbose)
    fake, real = as_two_samples(
        features_of_data(drawn, features, "samples"), features_of_data(x, features, "x"), ("samples", "x")
    )
    width = real.shape[1]

    def kernel(a: Array, b: Array) -> Array:
        return (a @ b.T / width + 1.0) ** 3

    return mean_within(kernel, fake) + mean_within(kernel, real) - 2.0 * mean_over_pairs(kernel, fake, real)
