"""Tokens, grey levels, and other categorical data."""

import numbers
from typing import Any

from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.distributions.categorical import Categorical as CategoricalDistribution
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Config, Shape, Tensor
from keras_vae.likelihoods.likelihood import Likelihood, Support
from keras_vae.registry import likelihoods

__all__ = ["Categorical"]

IMPOSSIBLE = -1e9
"""A logit whose probability is zero in float32, and whose gradient is not NaN."""


@likelihoods.register("categorical", package="keras_vae")
class Categorical(Likelihood):
    """p(x | z) = softmax(logits) over integers 0 to num_categories - 1: tokens, or grey levels.

    The encoder sees tokens as one-hot vectors, a row of zeros for padding, so that its first dense layer
    is their embedding; it sees levels that are `ordered` as numbers from 0 to 1.

    For text as in Bowman et al. (2016), for pixels as in van den Oord, Kalchbrenner and Kavukcuoglu (2016).

    Args:
        num_categories: number of categories, at least 2.
        ordered: whether the categories are ordered levels, such as grey levels, so that they have a mean.
            By default they are not, and inference returns the most likely one.
        padding: token that fills a sequence after its end, and is masked.
        end: token that ends a sequence.
        project: if False, the decoder's output is used as the logits, `(*data_shape, num_categories)`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> tokens = kv.likelihoods.Categorical(num_categories=5, padding=0, end=1)
    >>> tuple(tokens.to_network(np.array([[3, 1, 0]])).shape)
    (1, 3, 5)
    >>> [bool(step) for step in tokens.valid_mask(np.array([[3, 1, 0]]))[0]]
    [True, True, False]
    """

    parameter_names = ("logits",)

    def __init__(
        self,
        num_categories: int,
        ordered: bool = False,
        padding: int | None = None,
        end: int | None = None,
        project: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(project=project, **kwargs)
        self.num_categories = positive_int(num_categories, "num_categories")
        if num_categories < 2:
            raise ValueError(f"Argument `num_categories` must be at least 2. Received: num_categories={num_categories}")
        self.ordered = bool(ordered)
        for name, token in (("padding", padding), ("end", end)):
            self._check_token(name, token)
        if padding is not None and padding == end:
            raise ValueError(
                "Arguments `padding` and `end` must differ: padding is masked, and a model must learn to predict "
                f"the end. Received: padding={padding}, end={end}"
            )
        self.given_padding = None if padding is None else int(padding)
        self.padding = 0 if padding is None else int(padding)
        self.end = None if end is None else int(end)
        self.default_mode = "mean" if ordered else "mode"

    def _check_token(self, name: str, token: int | None) -> None:
        if token is None:
            return
        if self.ordered:
            raise ValueError(f"Argument `{name}` is for tokens, and the categories are ordered. Received: {token!r}")
        whole = isinstance(token, numbers.Integral) and not isinstance(token, bool)
        if not whole or not 0 <= token < self.num_categories:
            raise ValueError(
                f"Argument `{name}` must be None or one of the tokens 0 to {self.num_categories - 1}. "
                f"Received: {name}={token!r}"
            )

    @property
    def support(self) -> Support:
        return Support(0.0, self.num_categories - 1.0, integer=True, categorical=not self.ordered)

    def parameter_shape(self, name: str) -> Shape:
        return (*self.data_shape, self.num_categories)

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        logits = params["logits"]
        if self.given_padding is not None:
            # Padding is masked, so no valid step can be padding.
            is_padding = ops.arange(self.num_categories) == self.given_padding
            logits = ops.where(is_padding, IMPOSSIBLE, logits)
        return CategoricalDistribution(logits, event_ndims=self.event_ndims, mask=mask)

    def to_network(self, x: Tensor) -> Tensor:
        if self.ordered:
            return ops.cast(x, "float32") / (self.num_categories - 1)
        tokens = ops.cast(x, "int32")
        rows = ops.one_hot(tokens, self.num_categories, dtype="float32")
        mask = self.valid_mask(x)
        return rows if mask is None else rows * ops.cast(mask, "float32")[..., None]

    def valid_mask(self, x: Tensor) -> Tensor:
        return None if self.given_padding is None else ops.not_equal(ops.cast(x, "int32"), self.given_padding)

    def has_ended(self, x: Tensor) -> Tensor:
        return None if self.end is None else ops.equal(ops.cast(x, "int32"), self.end)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_categories": self.num_categories,
            "ordered": self.ordered,
            "padding": self.given_padding,
            "end": self.end,
        }
