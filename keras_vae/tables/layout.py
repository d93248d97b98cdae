"""How the columns of a table lie side by side in the model."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae import likelihoods
from keras_vae.hints import Array
from keras_vae.tables.columns import TableColumn

__all__ = ["Layout"]

ORDER = ("gaussian", "student_t", "laplace", "poisson", "negative_binomial", "bernoulli", "categorical")
MIN_SCALE = 0.02
"""Of a standard deviation: columns with values that repeat exactly would otherwise outweigh all others."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """The order of the columns in the model: those of one likelihood are a group.

    Args:
        groups: for each group the name of the likelihood, the number of categories (0 without), and the places of its
            columns in the table.

    Example:

    >>> from keras_vae.tables import TableColumn
    >>> from keras_vae.tables.layout import Layout
    >>> flag = TableColumn("flag", "boolean", "bernoulli", "boolean", "bool", 0.0)
    >>> size = TableColumn("size", "number", "gaussian", "number", "float64", 0.0)
    >>> Layout.of([flag, size, flag]).groups
    (('gaussian', 0, (1,)), ('bernoulli', 0, (0, 2)))
    """

    groups: tuple[tuple[str, int, tuple[int, ...]], ...]

    @classmethod
    def of(cls, columns: Sequence[TableColumn]) -> "Layout":
        """The layout of the columns that are modelled.

        Args:
            columns: the columns of the table, in order.
        """
        found: dict[tuple[int, int], list[int]] = {}
        for place, column in enumerate(columns):
            if column.modelled:
                name = "gaussian" if column.likelihood == "log_normal" else column.likelihood
                found.setdefault((ORDER.index(name), len(column.levels)), []).append(place)
        return cls(tuple((ORDER[key[0]], key[1], tuple(places)) for key, places in sorted(found.items())))

    @property
    def places(self) -> list[int]:
        """The places in the table of the model's columns."""
        return [place for _, _, places in self.groups for place in places]

    @property
    def network_widths(self) -> list[int]:
        """How many inputs of the encoder each of the model's columns has: as many as it has categories, or one."""
        return [categories or 1 for _, categories, places in self.groups for _ in places]

    def likelihood(self) -> Any:
        """p(x | z) of the model's columns, a `keras_vae.likelihoods.Columns`."""
        return likelihoods.Columns(
            [(part_of(name, categories), len(places)) for name, categories, places in self.groups], missing="nan"
        )

    def logarithms(self, columns: Sequence[TableColumn]) -> tuple[Array, Array]:
        """For each of the model's columns the scale of its logarithm and its largest number, float32; else zeros.

        Args:
            columns: the columns of the table, in order.
        """
        found = np.zeros((2, len(self.places)), "float32")
        for index, place in enumerate(self.places):
            column = columns[place]
            if column.likelihood == "log_normal":
                found[:, index] = column.scale, column.to_model(np.array([column.high]))[0]
        return found[0], found[1]


def part_of(name: str, categories: int) -> Any:
    """The likelihood of a group."""
    if name == "categorical":
        return likelihoods.Categorical(categories)
    if name == "gaussian":
        return likelihoods.Gaussian(scale="learned_per_feature", min_scale=MIN_SCALE)
    if name == "student_t":
        return likelihoods.StudentT(scale="learned_per_feature", min_scale=MIN_SCALE)
    if name == "laplace":
        return likelihoods.Laplace(scale="learned_per_feature", min_scale=MIN_SCALE)
    return name
