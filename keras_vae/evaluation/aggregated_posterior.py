"""Whether the latents of data look like draws from the prior."""

import dataclasses
from typing import Any

import numpy as np
from keras import ops

from keras_vae.arguments import optional_seed
from keras_vae.evaluation.active_units import without_padding
from keras_vae.evaluation.mmd import maximum_mean_discrepancy
from keras_vae.evaluation.optional import scikit_learn
from keras_vae.evaluation.result import Result
from keras_vae.hints import Array, Data, Part, Seed, Tensor
from keras_vae.inference.call import over_data

__all__ = ["AggregatedPosterior", "aggregated_posterior"]

FOLDS = 5


@dataclasses.dataclass(frozen=True, eq=False)
class AggregatedPosterior(Result):
    """How far the aggregated posterior q(z) is from the prior p(z) (Makhzani et al., 2016).

    Args:
        auc: area under the ROC curve of a classifier that tells draws of q(z) from draws of p(z), on held-out draws:
            0.5 if they cannot be told apart, 1 if they always can.
        auc_of_folds: the same for every fold of the cross-validation, `(folds,)`.
        mmd_rbf: unbiased squared maximum mean discrepancy with a Gaussian kernel; about 0 for equal distributions.
        mmd_imq: the same with an inverse multiquadratic kernel.
        rows: number of draws of each.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> print(kv.evaluation.AggregatedPosterior(0.52, np.full(5, 0.52), 0.001, 0.002, 1000))
    prior_auc: 0.52
    prior_mmd_rbf: 0.001
    prior_mmd_imq: 0.002
    """

    auc: float
    auc_of_folds: Array
    mmd_rbf: float
    mmd_imq: float
    rows: int

    def summary(self) -> dict[str, float]:
        return {"prior_auc": self.auc, "prior_mmd_rbf": self.mmd_rbf, "prior_mmd_imq": self.mmd_imq}


def aggregated_posterior(
    model: Part,
    x: Data,
    *,
    classifier: Any = None,
    seed: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> AggregatedPosterior:
    """Compares draws of q(z), one for each row, with as many draws from the prior p(z) (Makhzani et al., 2016).

    Where they differ, `generate` decodes latents that the decoder has not met in training, and samples look worse
    than reconstructions. All levels are compared together, flattened; under a condition, p(z) is that of each row's.

    The classifier's AUC finds any difference that it can learn, such as holes; the maximum mean discrepancies (Gretton
    et al., 2012) are smooth distances with the median distance as their scale.

    Args:
        model: the `VAE`.
        x: as for `predict`, at least 10 rows, better a thousand; the time of the MMDs grows with the rows squared.
        classifier: a scikit-learn classifier with `predict_proba`; gradient boosting of trees by default.
        seed: int, for results that are reproducible on one backend, with one batch size.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        `AggregatedPosterior`, of numbers; draws are `(n, latent_dim)`.

    Raises:
        ValueError: arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> found = kv.evaluation.aggregated_posterior(vae, np.random.default_rng(0).random((100, 4)), seed=0)
    >>> 0.0 <= found.auc <= 1.0
    True
    """
    seed = optional_seed(seed)
    posterior, prior = over_data(
        model,
        ("evaluation", "aggregated_posterior"),
        draws_of_batch,
        x,
        batch_size=batch_size,
        verbose=verbose,
        seed=seed,
        noisy=True,
    )
    if len(posterior) < 2 * FOLDS:
        raise ValueError(
            f"Argument `x` must have at least {2 * FOLDS} rows, for {FOLDS} folds. Received: {len(posterior)}"
        )
    aucs = held_out_auc(posterior, prior, classifier, seed)
    return AggregatedPosterior(
        float(aucs.mean()),
        aucs,
        maximum_mean_discrepancy(posterior, prior, "rbf"),
        maximum_mean_discrepancy(posterior, prior, "imq"),
        len(posterior),
    )


def draws_of_batch(vae: Part, inputs: Any, seed: Seed, prepared: Any, **_: Any) -> tuple[Tensor, Tensor]:
    """Draws of q(z|x) and of p(z) for one batch, all levels in one row: two `(batch, width)`."""
    terms = vae.terms(inputs, seed=seed, prepared=prepared)

    def in_rows(levels: Any) -> Tensor:
        rows = [without_padding(vae, terms, level, 0.0) for level in levels]
        return ops.concatenate([ops.reshape(level, (ops.shape(level)[0], -1)) for level in rows], axis=1)

    return in_rows(terms.latents), in_rows(terms.prior_sample())


def held_out_auc(first: Array, second: Array, classifier: Any, seed: int | None) -> Array:
    """AUC of a classifier on each fold, when it was fitted on the others: `(folds,)`."""
    selection = scikit_learn("model_selection", "aggregated_posterior")
    if classifier is None:
        ensemble = scikit_learn("ensemble", "aggregated_posterior")
        classifier = ensemble.HistGradientBoostingClassifier(max_iter=50, random_state=seed)
    from threadpoolctl import threadpool_limits  # scikit-learn needs it, so it is there

    rows = np.concatenate([first, second]).astype("float64")
    labels = np.repeat([1, 0], [len(first), len(second)])
    folds = selection.StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    # One thread: the threads of boosting wait for each other in a busy loop, so that on a machine with other work a
    # second became 40.
    with threadpool_limits(1):
        return np.asarray(selection.cross_val_score(classifier, rows, labels, cv=folds, scoring="roc_auc"))
