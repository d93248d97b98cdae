"""A variational autoencoder of a table, as an estimator of scikit-learn's kind."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from keras_vae.arguments import one_of, positive_int, positive_ints
from keras_vae.estimators import check_training, seeded_weights, train
from keras_vae.hints import Array, Component, Data, Ints
from keras_vae.models.vae import VAE
from keras_vae.objectives.elbo import ELBO
from keras_vae.tables import importance
from keras_vae.tables.border import check_columns, remember_columns
from keras_vae.tables.columns import TableColumn
from keras_vae.tables.description import described
from keras_vae.tables.frames import Frame, read
from keras_vae.tables.impute import impute_frame
from keras_vae.tables.layout import Layout
from keras_vae.tables.networks import TableDecoder, TableEncoder
from keras_vae.tables.numbers import numbers_of
from keras_vae.tables.sample import conditional_frame, sampled_frame
from keras_vae.tables.subsets import Subsets

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError("keras_vae.tables has scikit-learn's interface: pip install 'keras-vae[tables]'.") from error

__all__ = ["VAETable"]

LARGEST_LATENT_DIM = 16
SHARE_OF_SUBSETS = 0.5


class VAETable(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A table with holes and columns of all kinds: filled, described, drawn anew, and made into latents.

    A variational autoencoder with a likelihood for each column (HI-VAE: Nazabal et al., 2020), trained on the observed
    cells, and used with importance weights (MIWAE: Mattei and Frellsen, 2019). Nothing is encoded by hand: numbers,
    whole numbers, categories, booleans, dates, durations and times are told apart by the dtypes and the values, and
    standardised inside. Tables come from pandas, polars, anything else that narwhals knows, NumPy, or a dict of
    columns, and come back as such, with the same dtypes. NaN, None, NaT and `pandas.NA` are missing.

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

    Attributes:
        vae_: the `keras_vae.VAE` inside, over the columns in the order of `layout_`.
        columns_: for each column a `keras_vae.tables.TableColumn`: kind, likelihood, range; `describe()` shows them.
        layout_: the order of the columns in the model.
        history_: what Keras' `fit` logged, by name.
        n_features_in_: number of columns.
        feature_names_in_: their names, where they have any.

    Example:

    >>> import numpy as np
    >>> from keras_vae.tables import VAETable
    >>> rng = np.random.default_rng(0)
    >>> height = rng.normal(170.0, 10.0, 60)
    >>> people = {"height": height, "tall": height > 175, "city": rng.choice(["Ulm", "Bonn"], 60)}
    >>> people["height"][:5] = np.nan
    >>> table = VAETable(max_steps=50, random_state=0).fit(people)
    >>> filled = table.impute(people)
    >>> bool(np.isnan(filled["height"]).any()), filled["tall"].dtype
    (False, dtype('bool'))
    >>> table.sample(3)["city"].shape
    (3,)
    """

    def __init__(
        self,
        latent_dim: int | None = None,
        *,
        kinds: Mapping[Any, str] | None = None,
        likelihoods: Mapping[Any, str] | None = None,
        prior: Component = "standard",
        posterior: str = "full_covariance",
        hidden_units: Ints = (64, 64),
        dropout: float = 0.0,
        max_steps: int = 2000,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        patience: int = 10,
        validation_fraction: float = 0.1,
        num_samples: int = 128,
        unknown_categories: str = "error",
        random_state: Any = None,
        verbose: str | int = 0,
    ) -> None:
        self.latent_dim = latent_dim
        self.kinds = kinds
        self.likelihoods = likelihoods
        self.prior = prior
        self.posterior = posterior
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.num_samples = num_samples
        self.unknown_categories = unknown_categories
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, frame: Any, y: Any = None) -> Self:
        """Choose kind and likelihood of each column, and train the model.

        Args:
            frame: the table, with at least two rows, and at least one column that varies.
            y: not used; there for scikit-learn.

        Raises:
            ValueError: invalid arguments, or a table that cannot be modelled.
        """
        self._check_arguments()
        table = read(frame)
        if table.rows < 2:
            raise ValueError(
                "Argument `frame` must have at least 2 rows. Received: n_samples = 1. One row says nothing about how "
                "its columns depend on each other."
            )
        kinds = self._overrides("kinds", table)
        likelihoods = self._overrides("likelihoods", table)
        columns = [
            TableColumn.of(cells, kinds.get(name), likelihoods.get(name))
            for name, cells in zip(table.names, table.cells, strict=True)
        ]
        layout = Layout.of(columns)
        if not layout.groups:
            raise ValueError(
                "Argument `frame` must have a column whose observed values differ. Received: columns that are constant "
                f"or missing, {[column.name for column in columns][:5]}."
            )
        remember_columns(self, table)
        self.columns_, self.layout_, self.template_ = columns, layout, table.template()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.seed_ = seed
        x = numbers_of(table, columns, layout, self.unknown_categories)
        self.vae_ = self._model(seed)
        self.history_ = train(
            self.vae_,
            x,
            steps=self.max_steps,
            batch_size=self.batch_size,
            patience=self.patience,
            validation_fraction=self.validation_fraction,
            generator=np.random.default_rng(seed),
            learning_rate=self.learning_rate,
            verbose=self.verbose,
        )
        return self

    def _check_arguments(self) -> None:
        if self.latent_dim is not None:
            positive_int(self.latent_dim, "latent_dim")
        positive_ints(self.hidden_units, "hidden_units")
        check_training(self)
        one_of(self.posterior, ("full_covariance", "gaussian"), "posterior")
        one_of(self.unknown_categories, ("error", "missing"), "unknown_categories")

    def _overrides(self, argument: str, table: Frame) -> dict[Any, str]:
        """What the user asks for, by column."""
        asked = getattr(self, argument)
        if asked is None:
            return {}
        unknown = [name for name in asked if name not in table.names] if isinstance(asked, Mapping) else [asked]
        if unknown:
            raise ValueError(
                f"Argument `{argument}` must be a dict from columns of the table. Expected some of {table.names}. "
                f"Received: {unknown}"
            )
        return dict(asked)

    def _model(self, seed: int) -> VAE:
        widths = self.layout_.network_widths
        latent_dim = min(len(widths), LARGEST_LATENT_DIM) if self.latent_dim is None else self.latent_dim
        with seeded_weights(seed):
            return VAE(
                data_shape=(len(widths),),
                latent_dim=latent_dim,
                encoder=TableEncoder(widths, self.hidden_units, self.dropout),
                decoder=TableDecoder(self.hidden_units, self.dropout),
                prior=self.prior,
                posterior=self.posterior,
                likelihood=self.layout_.likelihood(),
                objective=Subsets(ELBO(), SHARE_OF_SUBSETS),
                seed=seed,
            )

    def _read(self, frame: Any) -> Frame:
        check_is_fitted(self)
        table = read(frame)
        check_columns(self, table)
        return table.retyped(self.template_, self.columns_)

    def _numbers(self, table: Frame) -> Array:
        return numbers_of(table, self.columns_, self.layout_, self.unknown_categories)

    @property
    def _n_features_out(self) -> int:
        return int(self.vae_.latents.level_shapes()[0][0])

    @property
    def _noise(self) -> Array:
        return importance.noise(self.num_samples, self._n_features_out, self.seed_)

    def describe(self) -> str:
        """What was chosen for each column: kind, likelihood, range or categories, share missing; a table as text."""
        check_is_fitted(self)
        return described(self.columns_)

    def impute(self, frame: Any, num_imputations: int | None = None, *, seed: int | None = None) -> Any:
        """The table with its missing cells filled; observed cells are the same, bit for bit.

        Once: numbers are the mean given the observed cells of their row, by self-normalised importance weights, rounded
        where the column is whole; categories and booleans are the most likely ones. With `num_imputations`, a list of
        tables drawn from p(missing | observed) by sampling importance resampling, for estimates with their uncertainty
        (multiple imputation, Rubin, 1987).

        Filled once, numbers and dates lie in the range of the column in `fit`; draws may lie beyond it, as new values
        do, within what the dtype and the likelihood allow. A column that comes without any value and without its dtype
        gets that of `fit`. A row without an observed cell is filled from
        the prior, a constant column with its value; a column that was missing altogether in `fit` stays so.

        Args:
            frame: a table with the columns of `fit`.
            num_imputations: how many draws, or None for one filling that is best on average.
            seed: int, for reproducible draws.

        Returns:
            A table of the type of `frame`, or a list of them.

        Raises:
            ValueError: other columns than in `fit`, or unknown categories.
        """
        table = self._read(frame)
        count = None if num_imputations is None else positive_int(num_imputations, "num_imputations")
        return impute_frame(
            self.vae_, table, self._numbers(table), self.columns_, self.layout_, self._noise, count, seed, self.verbose
        )

    def transform(self, frame: Any) -> Array:
        """Latents of each row: the mean of q(z | observed cells), `(n, latent_dim)`.

        Args:
            frame: a table with the columns of `fit`.
        """
        x = self._numbers(self._read(frame))
        return importance.over_rows(self.vae_, ("means",), importance.posterior_means, x, 1, 0, self.verbose)

    def score_samples(self, frame: Any) -> Array:
        """log p(observed cells) of each row, in nats and in the units of the columns, `(n,)`; float64.

        By importance sampling with `num_samples` latents (Burda et al., 2016): in expectation a lower bound. Of numbers
        it is a density, of counts and categories a probability. Whole numbers under a likelihood of real numbers have
        the density too, which is close to the probability where the column spreads over several of them. Constant
        columns count nothing. Rows of which different cells are observed are not comparable; one without any has 0.
        Numbers that a likelihood cannot have get -inf: counts that are negative or no whole numbers, and zero and below
        under a logarithm. Numbers very far from all that was seen (10 000 standard deviations) count as being that far.

        Args:
            frame: a table with the columns of `fit`.
        """
        table = self._read(frame)
        epsilon = self._noise
        found = importance.over_rows(
            self.vae_,
            ("evidence", len(epsilon)),
            importance.log_evidence(epsilon),
            self._numbers(table),
            len(epsilon),
            0,
            self.verbose,
        ).astype("float64")
        seen = np.zeros(table.rows, bool)
        for place in self.layout_.places:
            column, cells = self.columns_[place], table.cells[place]
            values = column.aligned(cells).values
            found[~cells.missing] += column.log_jacobian(values)
            found[np.flatnonzero(~cells.missing)[column.impossible(values)]] = -np.inf
            seen |= ~cells.missing
        return np.where(seen, found, 0.0)

    def score(self, frame: Any, y: Any = None) -> float:
        """Mean of `score_samples`, in nats per row, by which `GridSearchCV` compares.

        Args:
            frame: a table with the columns of `fit`.
            y: not used; there for scikit-learn.
        """
        return float(np.mean(self.score_samples(frame)))

    def sample(self, n: int = 1, *, seed: int | None = None) -> Any:
        """New rows: a table of the type and the dtypes of that of `fit`, without missing cells.

        Numbers and dates may lie beyond the range in `fit`, within what the dtype and the likelihood allow: under a
        Gaussian a length may be negative. Give such a column the likelihood `"log_normal"`.

        Args:
            n: number of rows.
            seed: int, for reproducible rows.

        Raises:
            ValueError: `n` is not a positive int, or an invalid seed.
        """
        check_is_fitted(self)
        positive_int(n, "n")
        return sampled_frame(self.vae_, self.columns_, self.layout_, self.template_, n, seed, self.verbose)

    def conditional_sample(self, given: Data, n: int = 1, *, seed: int | None = None) -> Any:
        """New rows of which some cells are given: `{"age": 40}`, a range `{"age": (30, None)}`, or a list of values.

        Given values weigh the latents, p(given | z) p(z) over the density of the proposal, of which half the draws are
        from q(z | given) and half from the prior (Hesterberg, 1995); ranges and lists are kept to by rejection.

        Args:
            given: dict from columns to a value, a tuple `(low, high)`, where None is no bound, or a list of values.
                Times without a time zone are those of the column's. A value outside of the range in `fit` is warned of.
            n: number of rows.
            seed: int, for reproducible rows.

        Returns:
            A table of the type and the dtypes of that of `fit`, `(n, columns)`.

        Raises:
            ValueError: unknown columns, values that a column, its dtype or its likelihood cannot have, or a range in
                which the model finds hardly any rows.
        """
        check_is_fitted(self)
        positive_int(n, "n")
        return conditional_frame(self.vae_, self.columns_, self.layout_, self.template_, given, n, seed, self.verbose)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags
