"""Real-valued data with outliers."""

import math
from typing import Any

from keras import ops

from keras_vae.arguments import positive_number
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.student_t import StudentT as StudentTDistribution
from keras_vae.hints import Config, Shape, Tensor
from keras_vae.likelihoods.bounds import above
from keras_vae.likelihoods.location_scale import LOG_VAR_SPEED, MIN_RELATIVE_SCALE, LocationScale
from keras_vae.registry import likelihoods

__all__ = ["StudentT"]

INITIAL_EXCESS = 8.0


@likelihoods.register("student_t", package="keras_vae")
class StudentT(LocationScale):
    """p(x | z) = loc(z) + scale * Student's t: for real numbers with outliers.

    The likelihood of Takahashi et al. (2018): training is more stable than with a Gaussian with a
    predicted scale. Data are `(batch, *data_shape)`.

    Args:
        df: degrees of freedom, the lower the heavier the tails: a positive number, or `"learned"`, one
            number above 2, so that there is a variance, which starts at 10.
        scale: `"learned"`, `"predicted"` and so on, or numbers, as for `Gaussian`.
        min_scale: lower bound of a scale that is not fixed.
        min_relative_scale: lower bound of a predicted scale, as for `Gaussian`.
        project: if False, the decoder's output is used as the location, or `[loc, log_var]`, log_var the log
            of the squared scale, where the scale is predicted.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE((6,), likelihood=kv.likelihoods.StudentT(df=4.0))
    >>> vae.likelihood.current_df()
    4.0
    """

    # Outliers inflate the variance of the data, so the scale starts below the standard deviation.
    squared_scale = 0.5

    def __init__(
        self,
        df: str | float = "learned",
        scale: str | float | Any = "learned",
        min_scale: float = 1e-3,
        project: bool = True,
        min_relative_scale: float = MIN_RELATIVE_SCALE,
        **kwargs: Any,
    ) -> None:
        super().__init__(scale, min_scale, project, min_relative_scale, **kwargs)
        if isinstance(df, str) and df != "learned":
            raise ValueError(f"Argument `df` must be 'learned' or a positive number. Received: df={df!r}")
        self.df: Any = df if isinstance(df, str) else positive_number(df, "df")

    def build(self, features_shape: Shape, data_shape: Shape | None = None) -> None:
        super().build(features_shape, data_shape)
        if self.df == "learned":
            self.log_excess = self.add_weight(name="log_excess", shape=(), initializer="zeros", autocast=False)

    def current_df(self) -> float:
        """The current degrees of freedom, a float."""
        return float(ops.exp(self._log_df())) if self.df == "learned" else self.df

    def _log_df(self) -> Tensor:
        if self.df != "learned":
            return math.log(self.df)
        excess = math.log(INITIAL_EXCESS) + LOG_VAR_SPEED * ops.cast(self.log_excess, "float32")
        return above(excess, math.log(2.0))

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        log_scale = 0.5 * self.log_var_of(params)
        return StudentTDistribution(params["loc"], log_scale, self._log_df(), event_ndims=self.event_ndims, mask=mask)

    def get_config(self) -> Config:
        return {**super().get_config(), "df": self.df}
