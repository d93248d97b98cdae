"""The mutual information gap."""

from keras_vae.evaluation.codes import checked_codes, gap, mutual_information_matrix
from keras_vae.evaluation.optional import scikit_learn
from keras_vae.hints import Array

__all__ = ["mig"]


def mig(codes: Array, factors: Array, bins: int = 20) -> float:
    """Mutual information gap (Chen et al., 2018, equation 6), from 0 to 1.

    Is each factor in one dimension? For every factor the mutual information with the dimension that knows most about
    it, minus that of the second, divided by the entropy of the factor; the mean over the factors. Dimensions are put
    into bins of equal width, as by Locatello et al. (2019); more bins need more rows.

    Args:
        codes: `(n, latent_dim)`, such as `vae.encode(x)`.
        factors: whole numbers `(n, k)`, the ground truth, a column for each factor.
        bins: number of bins of each dimension.

    Raises:
        ValueError: arrays of other shapes, or a factor that does not vary.
        ImportError: scikit-learn is not installed.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> factors = np.stack(np.meshgrid(range(4), range(4)), axis=-1).reshape(-1, 2)
    >>> turn = np.array([[1.0, 1.0], [-1.0, 1.0]])
    >>> [round(kv.evaluation.mig(codes, factors), 3) for codes in (factors, factors @ turn)]
    [1.0, 0.0]
    """
    codes, factors = checked_codes(codes, factors, two_dimensions=True)
    scores = mutual_information_matrix(codes, factors, bins, "mig")
    entropy = scikit_learn("metrics", "mig").mutual_info_score
    entropies = [entropy(factor, factor) for factor in factors.T]
    return float((gap(scores) / entropies).mean())
