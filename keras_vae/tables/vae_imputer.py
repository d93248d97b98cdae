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

    The arguments are those of `VAETable`. `transform` returns a table of the type that it gets.

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
        """The table with its missing cells filled, see `VAETable.impute`.

        Args:
            frame: a table with the columns of `fit`.
        """
        return self.impute(frame)
