"""All metrics of disentanglement of a model."""

import dataclasses

import numpy as np

from keras_vae.arguments import one_of
from keras_vae.evaluation.codes import checked_codes
from keras_vae.evaluation.dci import DCI, PREDICTORS, dci
from keras_vae.evaluation.factor_vae_score import factor_vae_score
from keras_vae.evaluation.irs import irs
from keras_vae.evaluation.mig import mig
from keras_vae.evaluation.modularity import modularity
from keras_vae.evaluation.result import Result
from keras_vae.evaluation.sap import sap
from keras_vae.hints import Array, Data, Part

__all__ = ["Disentanglement", "disentanglement"]


@dataclasses.dataclass(frozen=True, eq=False)
class Disentanglement(Result):
    """Metrics of disentanglement, which Locatello et al. (2019) compare; each from 0 to 1, and larger is better.

    Args:
        mig: see `keras_vae.evaluation.mig`.
        sap: see `keras_vae.evaluation.sap`.
        dci: see `keras_vae.evaluation.dci`.
        factor_vae: see `keras_vae.evaluation.factor_vae_score`.
        modularity: see `keras_vae.evaluation.modularity`.
        irs: see `keras_vae.evaluation.irs`.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> found = kv.evaluation.Disentanglement(0.2, 0.1, kv.evaluation.DCI(0.3, 0.4, 0.9, np.eye(2)), 0.7, 0.8, 0.5)
    >>> list(found.summary())[:3]
    ['mig', 'sap', 'dci_disentanglement']
    """

    mig: float
    sap: float
    dci: DCI
    factor_vae: float
    modularity: float
    irs: float

    def summary(self) -> dict[str, float]:
        last = {"factor_vae_score": self.factor_vae, "modularity": self.modularity, "irs": self.irs}
        return {"mig": self.mig, "sap": self.sap, **self.dci.summary(), **last}


def disentanglement(
    model: Part,
    x: Data,
    factors: Array,
    predictor: str = "forest",
    *,
    seed: int | None = 0,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> Disentanglement:
    """Encodes data, and compares the codes with the factors that made the data (Locatello et al., 2019).

    Codes are the means of the posterior; all levels and axes of latents are dimensions of one row.

    Args:
        model: the `VAE`.
        x: as for `predict`.
        factors: whole numbers `(n, k)`, the ground truth, a column for each factor. A thousand rows are few: the
            mutual information of 20 bins and 20 classes is biased upward by 0.2 nats.
        predictor: of `keras_vae.evaluation.dci`; `"boosting"` for values to compare with papers.
        seed: int, for the rows that are fitted on, and the votes.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        `Disentanglement`, of numbers; codes are `(n, latent_dim)`.

    Raises:
        ValueError: arguments or data that do not fit the model.
        ImportError: scikit-learn is not installed.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> factors = np.random.default_rng(0).integers(0, 2, (60, 2))
    >>> found = kv.evaluation.disentanglement(vae, factors.repeat(2, axis=1), factors, "lasso")
    >>> 0.0 <= found.mig <= 1.0
    True
    """
    one_of(predictor, PREDICTORS, "predictor")
    encoded = model.encode(x, batch_size=batch_size, verbose=verbose)
    levels = encoded if isinstance(encoded, (list, tuple)) else (encoded,)
    codes = np.concatenate([level.reshape(len(level), -1) for level in levels], axis=1)
    codes, factors = checked_codes(codes, factors, two_dimensions=True)
    if factors.shape[1] < 2:
        raise ValueError(
            "Argument `factors` must have at least two columns: with a single factor there is nothing to disentangle. "
            f"Received: shape {factors.shape}"
        )
    return Disentanglement(
        mig(codes, factors),
        sap(codes, factors, seed=seed),
        dci(codes, factors, predictor, seed=seed),
        factor_vae_score(codes, factors, seed=seed),
        modularity(codes, factors),
        irs(codes, factors),
    )
