"""Tables whose columns are of different kinds."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae import registry
from keras_vae.arguments import check_distinct, one_of, positive_int
from keras_vae.data.support import ColumnSupport, Support
from keras_vae.distributions.concatenated import Concatenated, join_columns, split_columns
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Component, Config, Shape, Tensor
from keras_vae.likelihoods.composite import Composite
from keras_vae.likelihoods.likelihood import Likelihood
from keras_vae.registry import likelihoods as family

__all__ = ["Columns"]


@family.register("columns", package="keras_vae")
class Columns(Composite):
    """p(x | z) of a table: groups of columns side by side, each with a likelihood of its own.

    The heterogeneous likelihood of Nazabal et al. (2020), for tables of real numbers, counts, shares and categories
    `(batch, columns)`; axes in front of the columns, such as a time, are the same for all groups. With
    `missing="nan"`, elements that are NaN count nowhere, as in their evidence of the observed.

    Args:
        columns: list of pairs `(likelihood, width)`, from the first column on: the name, config or instance of a
            likelihood, and the number of columns that it holds for. The widths add up to the last axis of the data.
        missing: `"nan"` where NaN stands for a missing element, None where nothing is missing.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Attributes:
        parts: the likelihoods, in order.
        widths: number of columns of each.

    Raises:
        ValueError: no such pairs, one instance in two of them, or tokens with a padding or an end.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> import keras_vae as kv
    >>> table = kv.likelihoods.Columns([("gaussian", 2), (kv.likelihoods.Categorical(3), 1)], missing="nan")
    >>> table.build((None, 16), (3,))
    >>> x = np.array([[0.5, np.nan, 2.0], [0.5, 1.5, np.nan]], "float32")
    >>> np.array(table.to_network(x)).tolist()
    [[0.5, 0.0, 0.0, 0.0, 1.0], [0.5, 1.5, 0.0, 0.0, 0.0]]
    >>> p = table.distribution(table(np.zeros((2, 16), "float32")), mask=~np.isnan(x))
    >>> bool(ops.all(ops.isfinite(p.log_prob(x))))
    True
    """

    def __init__(self, columns: Sequence[tuple[Component, int]], missing: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pairs: list[Any] = list(columns) if isinstance(columns, (list, tuple)) else []
        if not pairs or not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
            raise ValueError(
                "Argument `columns` must be a list of pairs. Expected a likelihood and a number of columns in each, "
                f'such as [("gaussian", 8), ("bernoulli", 3)]. Received: columns={columns!r:.200}'
            )
        check_distinct([part for part, _ in pairs], "columns")
        self.parts = [registry.likelihoods.get(part, dtype=self.dtype_policy) for part, _ in pairs]
        self.widths = tuple(positive_int(width, "columns") for _, width in pairs)
        self.missing = one_of(missing, (None, "nan"), "missing")
        for part in self.parts:
            self._check_part(part)

    @staticmethod
    def _check_part(part: Any) -> None:
        if isinstance(part, Composite):
            raise ValueError(
                f"Argument `columns` must hold likelihoods of one kind of data. Expected a name such as 'gaussian'. "
                f"Received: a {type(part).__name__}. List its parts here, with their widths."
            )
        if getattr(part, "given_padding", None) is not None or getattr(part, "end", None) is not None:
            raise ValueError(
                "Argument `columns` must hold categories without `padding` and `end`, which are those of sequences. "
                "Expected Categorical(num_categories). Received: padding or end. Write missing='nan', and NaN "
                "for what is missing."
            )

    def members(self) -> dict[int, Likelihood]:
        return dict(enumerate(self.parts))

    def own(self, x: Any, key: int) -> Tensor:
        return split_columns(x, self.widths)[key]

    def place(self, key: int, name: str) -> dict[str, Any]:
        return {"name": name, "first": sum(self.widths[:key])}

    @property
    def support(self) -> Support:
        """A `keras_vae.data.ColumnSupport`: where the values of each column may lie."""
        return ColumnSupport([(part.support, width) for part, width in zip(self.parts, self.widths, strict=True)])

    def build(self, features_shape: Shape, data_shape: Shape | None = None) -> None:
        if data_shape is None or not data_shape or data_shape[-1] != sum(self.widths):
            raise ValueError(
                "Argument `columns`: the widths must add up to the number of columns of the data, its last axis. "
                f"Expected {None if not data_shape else data_shape[-1]}, of data of shape {data_shape}. Received: "
                f"{sum(self.widths)}, the sum of {list(self.widths)}. Change the widths, or data_shape."
            )
        self.data_shape = tuple(data_shape)
        self.event_ndims = len(self.data_shape)
        for part, width in zip(self.parts, self.widths, strict=True):
            self.build_part(part, features_shape, (*self.data_shape[:-1], width))

    def call(self, features: Tensor) -> dict[str, Any]:
        """Parameters of each group by its place: dict of dicts of `(batch, *parameter_shape)`, float32."""
        return {str(place): params for place, params in self._each(lambda part: part(features)).items()}

    def distribution(self, params: dict[str, Any], mask: Tensor | None = None) -> Distribution:
        """p(x | z) as a value.

        `mask` is boolean `(batch, *data_shape)`, the elements that count, or has fewer axes, `(batch, time)`; or None.
        """
        # A mask of fewer axes says nothing about columns, and every group gets it as it is.
        by_column = mask is not None and len(mask.shape) > self.event_ndims
        masks = split_columns(mask, self.widths) if by_column else [mask] * len(self.parts)
        values = [part.distribution(params[str(place)], mask=masks[place]) for place, part in self.members().items()]
        return Concatenated(values, self.widths)

    def typical(self, value: Any) -> Tensor:
        return join_columns([part.typical(own) for part, own in zip(self.parts, value.parts, strict=True)])

    def to_network(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """What the encoder sees: what each group shows, side by side: `(batch, ..., width)`, float32.

        Of elements that are missing it sees zeros, of a category the whole one-hot row. Categories widen the table,
        each of their columns to as many as there are categories.

        `present` is boolean, of the shape of `x`: the elements that are there. By default those that are not NaN, where
        NaN stands for what is missing, and else all.
        """
        x = ops.cast(x, "float32")
        if present is None:
            if self.missing is None:
                return join_columns(self._shown(x))
            present = ops.logical_not(ops.isnan(x))
        present = ops.cast(present, "bool")
        # Some value that has a logarithm and is a category: it is hidden again below.
        shown = self._shown(ops.where(present, x, ops.ones_like(x)))
        return join_columns(
            [
                ops.where(for_categories(own, part.shape[-1] // width), part, ops.zeros_like(part))
                for part, own, width in zip(shown, split_columns(present, self.widths), self.widths, strict=True)
            ]
        )

    def _shown(self, x: Tensor) -> list[Tensor]:
        """What each group shows the network, an axis of categories folded into that of the columns."""
        found = []
        for part, width, columns in zip(self.parts, self.widths, split_columns(x, self.widths), strict=True):
            shown = part.to_network(columns)
            if len(shown.shape) > len(columns.shape):
                shown = ops.reshape(shown, (*ops.shape(columns)[:-1], width * shown.shape[-1]))
            found.append(shown)
        return found

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "columns": [
                [keras.saving.serialize_keras_object(part), width]
                for part, width in zip(self.parts, self.widths, strict=True)
            ],
            "missing": self.missing,
        }


def for_categories(present: Tensor, count: int) -> Tensor:
    """The mask of columns `(batch, ..., width)` for one-hot rows side by side, `(batch, ..., width * count)`."""
    if count == 1:
        return present
    # not ops.repeat, of which torch writes ONNX files that cannot be read
    return ops.reshape(ops.stack([present] * count, axis=-1), (*ops.shape(present)[:-1], present.shape[-1] * count))
