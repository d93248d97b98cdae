"""A detector of anomalies, with scikit-learn's interface for outliers."""

import copy
import itertools
import numbers
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from keras_vae.anomaly.border import checked_rows, warn_of_other_units
from keras_vae.anomaly.networks import make_vae, num_designs
from keras_vae.anomaly.rows import Standardisation, kind_of
from keras_vae.anomaly.scores import SCORES, IndependentColumns, Network, Score
from keras_vae.arguments import one_of, positive_int
from keras_vae.estimators import check_training, train
from keras_vae.hints import Array, Component, Data, Part

__all__ = ["VAEDetector"]

FALSE_ALARMS = 0.05
DENSITIES = ("elbo", "log_likelihood", "reconstruction_probability")
"""Scores to which that of independent columns is added: log densities too."""


class VAEDetector(OutlierMixin, BaseEstimator):
    """Finds anomalies among rows of tables, images and series, by VAEs of normal rows.

    An outlier detector of scikit-learn (Pedregosa et al., 2011): for `Pipeline`, `clone`, `GridSearchCV` and so on. The
    training rows should be normal, or nearly all of them. A row is standardised with the mean and the standard
    deviation of the training rows, of each column of a table and of each channel of images and series; a column that
    does not vary in the training rows is left in its own units. The networks follow from the shape.

    With `allow_nan`, NaN stands for a missing element: the model leaves it out, and in the score it counts as much as
    this element does in the training rows on average, so that rows with holes are comparable.

    Args:
        score_function: `"elbo"`; `"log_likelihood"`, importance-weighted; `"reconstruction_probability"` (An and Cho,
            2015); `"latent_distance"`, of the posterior mean from those of the training rows; `"likelihood_ratio"` to a
            model of perturbed rows (Ren et al., 2019); or a function `(vae, x) -> (n,)` of a trained model and
            standardised rows, larger for normal ones.
        contamination: `"auto"`, or the share of anomalies among the training rows, above 0 and at most 0.5, which
            sets the threshold. `"auto"` takes the training rows for normal and marks one in twenty of new normal rows:
            the threshold is a quantile of the scores of the rows that were held out from training, where there are
            10 or more of these.
        kind: `"table"` for `(n, columns)`; `"image"` for `(n, height, width)` or `(n, height, width, channels)`;
            `"series"` for `(n, steps, channels)`; `"auto"` takes rows of two axes for images where they are uint8, or
            squares of 16 pixels or more a side with values from 0 to 1 (integers from 0 to 255), and for series
            otherwise.
        latent_dim: number of latents, 16 by default.
        encoder: as for `VAE`; by default dense layers, for images of 16 pixels or more a side convolutions. The models
            of a table take turns: with ReLU, and with tanh.
        decoder: likewise.
        likelihood: as for `VAE`, of standardised rows; a Gaussian with one learned scale by default.
        prior: as for `VAE`.
        num_models: number of trainings, each from other initial weights and with other rows held out; by default 2
            for tables, and 1 for images and series. The score is their mean, with weights inverse to the standard
            deviation of each model's scores of held-out rows. Where networks and likelihood of a table are the default
            ones, a Gaussian for each column, which takes no training, counts as much as all models together in the
            scores `"elbo"`, `"log_likelihood"` and `"reconstruction_probability"`.
        num_samples: latents drawn for each row and model.
        max_steps: batches that each model is trained on at most.
        batch_size: rows of a batch.
        learning_rate: of Adam.
        patience: epochs, of 50 batches at least, without a better loss of the held-out rows, after which it ends.
        validation_fraction: share of the rows that each training holds out; none where these are fewer than 10.
        allow_nan: whether NaN is a missing element; otherwise it is an error.
        random_state: int, for equal results on one backend; a `numpy.random.RandomState`; or None.
        verbose: as in Keras' `fit`.

    Attributes:
        scores_: a `keras_vae.anomaly.scores.Score` for each network, or the function; then that of independent columns,
            where it takes part.
        vae_: the first of the trained models; it takes standardised rows, see `prepare`. Ask for it again after
            another method of the detector, which may set the weights of another network.
        networks_: a `keras_vae.anomaly.scores.Network` for each training; those of one design share the model, and
            have own weights.
        standardisation_: the mean and the spread of the training rows.
        weights_: the weight of each of `scores_`, of sum 1.
        history_: what each training logged, a list of dicts.
        offset_: the threshold of `score_samples`.
        usual_: for each of `scores_` the mean over the training rows of what each element adds to it, in nats.
        n_features_in_: length of the first axis of a row.

    Raises:
        ImportError: scikit-learn is not installed.

    Example:

    >>> import numpy as np
    >>> from keras_vae.anomaly import VAEDetector
    >>> x = np.random.default_rng(0).normal(size=(60, 3))
    >>> detector = VAEDetector(max_steps=100, num_models=1, random_state=0).fit(x)
    >>> detector.predict([[0.0, 0.0, 0.0], [9.0, -9.0, 9.0]])
    array([ 1, -1])
    """

    def __init__(
        self,
        *,
        score_function: str | Callable = "elbo",
        contamination: str | float = "auto",
        kind: str = "auto",
        latent_dim: int | None = None,
        encoder: Any = None,
        decoder: Any = None,
        likelihood: Component | None = None,
        prior: Component = "standard",
        num_models: int | None = None,
        num_samples: int = 16,
        max_steps: int = 3000,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        patience: int = 10,
        validation_fraction: float = 0.2,
        allow_nan: bool = False,
        random_state: Any = None,
        verbose: str | int = 0,
    ) -> None:
        self.score_function = score_function
        self.contamination = contamination
        self.kind = kind
        self.latent_dim = latent_dim
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.prior = prior
        self.num_models = num_models
        self.num_samples = num_samples
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.allow_nan = allow_nan
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Data, y: Any = None) -> Self:  # noqa: N803
        """Train the models.

        Args:
            X: rows `(n, columns)`, `(n, steps, channels)` or `(n, height, width[, channels])`; arrays or numeric
                frames.
            y: is not used.

        Raises:
            ValueError: invalid arguments, or rows that are not numbers, not finite, fewer than 2, or empty.
        """
        self._check_arguments()
        X = checked_rows(self, X, None)  # noqa: N806
        state = check_random_state(self.random_state)
        self.standardisation_ = Standardisation.of(X, kind_of(X, self.kind))
        x = self.standardisation_(X)
        kind = self.standardisation_.kind
        count = (2 if kind == "table" else 1) if self.num_models is None else self.num_models
        self.networks_: list[Network] = []
        self.history_: list[dict[str, list[float]]] = []
        self._models: dict[int, Any] = {}
        self._held_out = np.zeros((count, len(x)), bool)
        seeds = [state.randint(2**31 - 1) for _ in range(count)]
        for index, seed in enumerate(seeds):
            design = index % num_designs(kind, self.encoder, self.decoder)
            self.networks_.append(self._train(x, design, seed, self._held_out[index]))
        self._seeds = seeds
        self._take_score(x)
        return self

    def with_score(self, score_function: str | Callable, X: Data) -> Self:  # noqa: N803
        """A detector of the same trained models with another score, which takes no training but for the ratio.

        Args:
            score_function: as for the class.
            X: the rows of `fit`, `(n, columns)` and so on.

        Raises:
            ValueError: an unknown score, or another number of rows than in `fit`.
        """
        check_is_fitted(self)
        other = copy.copy(self)
        other.score_function = score_function
        other._check_arguments()
        x = self.prepare(X)
        if len(x) != self._held_out.shape[1]:
            raise ValueError(
                f"Argument `X` must hold the rows of `fit`, {self._held_out.shape[1]}. Received: {len(x)} rows."
            )
        other.history_ = list(self.history_)
        other._take_score(x)
        return other

    def score_samples(self, X: Data) -> Array:  # noqa: N803
        """How normal rows are, `(n,)`: the larger, the more; in nats, but for `"latent_distance"` and own functions.

        Args:
            X: rows as in `fit`, of any number.
        """
        check_is_fitted(self)
        return self.weights_ @ self._scores(self.prepare(X))

    def decision_function(self, X: Data) -> Array:  # noqa: N803
        """`score_samples` minus `offset_`: negative for anomalies, `(n,)`.

        Args:
            X: rows as in `fit`, of any number.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Data) -> Array:  # noqa: N803
        """1 for normal rows and -1 for anomalies, `(n,)`.

        Args:
            X: rows as in `fit`, of any number.
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def explain(self, X: Data) -> Array:  # noqa: N803
        """Each row's share of every column, pixel or step in its anomaly, in nats: `(n, *row_shape)`.

        The share of an element is what it takes from the score beyond the usual: the mean, over the training rows, of
        its part of the score, minus its part in this row. It is large where the row is unlike the training rows, and
        around 0 elsewhere; of a missing element it is 0. The parts are log p(x_j | z), averaged over the latents of the
        row. The shares of a row sum to the mean of log p(x | z) over the training rows minus that of the row: for
        `"reconstruction_probability"` this is the score itself, relative to its mean. For `"elbo"` and
        `"log_likelihood"` the KL of the latents, which belongs to no single element, is left out; for
        `"likelihood_ratio"` the parts of the background model are subtracted. Several models are averaged.

        Args:
            X: rows as in `fit`, of any number.

        Raises:
            ValueError: the score is `"latent_distance"` or a function, which have no parts.
        """
        check_is_fitted(self)
        if not all(usual is not None for usual in self.usual_):
            summed = sorted(name for name, score in SCORES.items() if score.explains)
            raise ValueError(
                f"Method `explain` needs a score that is a sum over the elements of a row. Expected one of {summed}. "
                f"Received: score_function={self.score_function!r}. Ask another one of the same models: "
                "detector.with_score('elbo', X).explain(rows)."
            )
        x = self.prepare(X)
        shares = [
            np.where(np.isnan(x), 0.0, usual - score.elements(network, x))
            for (score, network), usual in zip(self._members(), self.usual_, strict=True)
        ]
        return np.tensordot(self.weights_, shares, axes=1).reshape(len(x), *self.standardisation_.shape)

    def prepare(self, X: Data) -> Array:  # noqa: N803
        """Rows as `vae_` takes them, standardised: `(n, *vae_.data_shape)`.

        Args:
            X: rows as in `fit`, of any number.

        Raises:
            ValueError: rows of another shape than those of `fit`, or with other columns.

        Warns of rows that are in other units than those of `fit`, by their spread: pixels of 0 to 1 in place of 255.
        """
        check_is_fitted(self)
        X = checked_rows(self, X, self.standardisation_)  # noqa: N806
        x = self.standardisation_(X)
        warn_of_other_units(x, X.dtype.kind in "iu", self.standardisation_)
        return x

    @property
    def vae_(self) -> Part:
        """The first of the trained models, with its own weights; it takes rows as `prepare` returns them."""
        check_is_fitted(self)
        return self.networks_[0].ready()

    # What these share ---------------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = bool(self.allow_nan)
        tags.input_tags.three_d_array = True
        return tags

    def _check_arguments(self) -> None:
        """Raise for arguments that are wrong whatever the rows are."""
        if not callable(self.score_function):
            one_of(self.score_function, sorted(SCORES), "score_function")
        share = self.contamination
        is_share = isinstance(share, numbers.Real) and not isinstance(share, bool) and 0 < share <= 0.5
        if not is_share and not (isinstance(share, str) and share == "auto"):
            raise ValueError(
                "Argument `contamination` must be 'auto' or the share of anomalies among the training rows, above 0 "
                f"and at most 0.5. Received: contamination={share!r}"
            )
        check_training(self)
        for name in ("num_models", "latent_dim"):
            if getattr(self, name) is not None:
                positive_int(getattr(self, name), name)

    def _train(self, x: Array, design: int, seed: int, held_out: Array) -> Network:
        """Train a model on x; `held_out` becomes True at rows that were held out."""
        vae = make_vae(
            x.shape[1:],
            self.standardisation_.kind,
            design=design,
            latent_dim=self.latent_dim,
            encoder=self.encoder,
            decoder=self.decoder,
            likelihood=self.likelihood,
            prior=self.prior,
            missing=bool(self.allow_nan),
            seed=seed,
        )
        if design in self._models:  # what was compiled for the first of a design serves all
            self._models[design].set_weights(vae.get_weights())
            vae = self._models[design]
        self._models[design] = vae
        log = train(
            vae,
            x,
            steps=self.max_steps,
            batch_size=self.batch_size,
            patience=self.patience,
            validation_fraction=self.validation_fraction,
            generator=np.random.default_rng(seed),
            learning_rate=self.learning_rate,
            verbose=self.verbose,
            held_out=held_out,
        )
        self.history_.append(log)
        network = Network(vae, vae.get_weights())
        network.mark()
        return network

    def _take_score(self, x: Array) -> None:
        """Fit the score to the training rows, and take the weights and the threshold from its values there."""
        designs = num_designs(self.standardisation_.kind, self.encoder, self.decoder)
        pairs = list(zip(self.networks_, self._seeds, strict=True))
        self.scores_: list[Any] = [
            self._new_score(network, x, index % designs, seed) for index, (network, seed) in enumerate(pairs)
        ]
        count = len(self.networks_)
        if designs > 1 and self.likelihood is None and self.score_function in DENSITIES:
            self.scores_.append(IndependentColumns())
        self.usual_ = [self._usual(score, network, x) for score, network in self._members()]
        scores = self._scores(x)
        normal = [own[aside] if aside.any() else own for own, aside in zip(scores, self._held_out, strict=False)]
        inverse = 1.0 / np.maximum([np.std(own) for own in [*normal, *scores[count:]]], 1e-6)
        inverse[count:] *= count
        self.weights_ = inverse / inverse.sum()
        self.offset_ = self._threshold(scores)

    def _members(self) -> list[tuple[Any, Any]]:
        """Every score and its network; None for that of independent columns."""
        return list(itertools.zip_longest(self.scores_, self.networks_))

    def _new_score(self, network: Network, x: Array, design: int, seed: int) -> Any:
        """The score of one network."""
        if callable(self.score_function):
            return self.score_function

        def retrain(rows: Array) -> Network:
            return self._train(rows, design, seed, np.zeros(len(rows), bool))

        own: Score = SCORES[self.score_function](self.num_samples)
        return own.fit(network, x, retrain, np.random.default_rng(seed))

    def _usual(self, score: Any, network: Network, x: Array) -> Array | None:
        """What each element adds to the score, as the mean over the rows x; None for a score without such parts."""
        if not getattr(score, "explains", False):
            return None
        return np.nanmean(np.where(np.isnan(x), np.nan, score.elements(network, x)), axis=0, dtype="float64")

    def _scores(self, x: Array) -> Array:
        """Every score of all rows, `(scores, n)`."""
        found = []
        for (score, network), usual in zip(self._members(), self.usual_, strict=True):
            rows = score.rows(network, x) if isinstance(score, Score) else own_score(score, network.ready(), x)
            rows = rows.astype("float64")
            if usual is not None and self.allow_nan:
                rows = rows + np.where(np.isnan(x), usual, 0.0).reshape(len(x), -1).sum(axis=1)
            found.append(rows)
        return np.stack(found)

    def _threshold(self, scores: Array) -> float:
        """The score below which rows are anomalies, from the scores of the training rows by every network."""
        if not isinstance(self.contamination, str):
            return float(np.quantile(self.weights_ @ scores, self.contamination))
        # A row that a network has seen scores higher than new ones: of each row count the networks that have not.
        count = len(self.networks_)
        held_out = self._held_out if self._held_out.any() else np.ones_like(self._held_out)
        weights = self.weights_[:count, None] * held_out
        new = weights.any(axis=0)
        # Each network has its own level, which must not tell rows apart by the network that held them out.
        levels = scores.mean(axis=1)
        beside = scores - levels[:, None]
        share = self.weights_[:count].sum() / weights[:, new].sum(axis=0)
        rows = share * (weights * beside[:count])[:, new].sum(axis=0) + self.weights_[count:] @ beside[count:, new]
        return float(np.quantile(rows, FALSE_ALARMS) + self.weights_ @ levels)


def own_score(function: Callable, vae: Any, x: Array) -> Array:
    """What a user's score returns, checked."""
    rows = np.asarray(function(vae, x))
    if rows.shape != (len(x),) or rows.dtype.kind not in "fiu":
        raise ValueError(
            f"Argument `score_function`: expected a function that returns a number for each row, shape ({len(x)},). "
            f"Received: shape {rows.shape}, dtype {rows.dtype}"
        )
    return rows
