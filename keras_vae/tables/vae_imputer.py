"""A table's imputation as a step of a pipeline."""

from typing import Any

from keras_vae.tables.vae_table import VAETable

try:
    from sklearn.base import OneToOneFeatureMixin
except ImportError as error:
    raise ImportError("keras_vae.tables has scikit-learn's interface: pip install 'keras-vae[tables]'.") from error

__all__ = ["VAEImputer"]


class VAEImputer(OneToOneFeatureMixin, VAETable):
    """Fills missing cells in a pipeline: a `VAETable` whose `transform` is `impute` (Mattei and Frellsen, 2019).

    `transform` returns a table of the type that it gets.

    Args:
        latent_dim: number of latents; by default as many as columns that vary, at most 16.
        kinds: dict from columns to one of `"number"`, `"whole number"`, `"category"`, `"boolean"`, `"date"`,
            `"duration"`, `"time"`, where the choice from the data is not what is meant: codes that are numbers, say.
        likelihoods: dict from columns to one of `"gaussian"`, `"log_normal"`, `"student_t"`, `"laplace"`, `"poisson"`,
            `"negative_binomial"`, `"bernoulli"`, `"categorical"`; the others are chosen from the data.
        prior: p(z), as for `keras_vae.VAE`.
        posterior: q(z | x): `"full_covariance"`, which suits columns that depend on each other closely, or
            `"gaussian"`, with which `prior="vamp"` works too.
        hidden_units: width of each dense layer of the encoder, and of the decoder.
        dropout: rate of the dropout after each dense layer, in training.
        max_steps: batches to train on at most.
        batch_size: rows of a batch.
        learning_rate: of Adam.
        patience: rounds of at least 50 batches without a better bound of held-out rows, after which training ends.
        validation_fraction: share of the rows that are held out for that; none where they are fewer than 10.
        num_samples: latents drawn for each row by `impute` and `score_samples`.
        unknown_categories: what a category that was not there in `fit` means later: `"error"`, or `"missing"`, which
            keeps the cell and does not look at it.
        random_state: int, or NumPy's `RandomState`, for the same model in each `fit`.
        verbose: as in Keras' `fit`.

    Example:

    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from keras_vae.tables import VAEImputer
    >>> x = np.random.default_rng(0).normal(size=(60, 3))
    >>> y = x.sum(axis=1)
    >>> x[:20, 0] = np.nan
    >>> model = make_pipeline(VAEImputer(max_steps=50, random_state=0), LinearRegression()).fit(x, y)
    >>> model.predict(x).shape
    (60,)
    """

    def transform(self, frame: Any) -> Any:
        """The table `frame` with its missing cells filled, see `VAETable.impute`."""
        return self.impute(frame)
