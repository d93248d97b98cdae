"""Distributions of tables whose columns are of different kinds."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import several
from keras_vae.hints import Config, Seed, Tensor

__all__ = ["Concatenated"]


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class Concatenated(Distribution):
    """Independent groups of columns side by side on the last axis, each with a distribution of its own.

    For tables of mixed types (Nazabal et al., 2020). Draws, means and modes are float32, whole numbers too. A mask is
    the parts' own: each is made with its columns of it.

    Args:
        parts: distribution values over `(..., width)`, from the first column on.
        widths: number of columns of each.

    Raises:
        ValueError: not as many widths as parts.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Bernoulli, Concatenated, Gaussian
    >>> p = Concatenated([Gaussian(np.zeros((1, 2)), np.zeros((1, 2))), Bernoulli(np.zeros((1, 1)))], [2, 1])
    >>> round(float(p.log_prob(np.array([[0.0, 0.0, 1.0]]))[0]), 4)
    -2.531
    """

    # One flat dict of tensors by the names of fields of the dataclass cannot hold those of every part.
    has_tensors: ClassVar[bool] = False

    parts: Sequence[Distribution]
    widths: Sequence[int]

    def __post_init__(self) -> None:
        self._set(parts=tuple(self.parts), widths=tuple(int(width) for width in self.widths))
        if len(self.parts) != len(self.widths):
            raise ValueError(
                f"Argument `widths` must hold one number of columns for every part. Expected {len(self.parts)}. "
                f"Received: widths={self.widths}"
            )

    def split(self, value: Tensor) -> list[Tensor]:
        """The columns of each part, `(..., width)`.

        Args:
            value: `(..., columns)`.
        """
        return split_columns(ops.convert_to_tensor(value), self.widths)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum(part.log_prob(columns) for part, columns in zip(self.parts, self.split(value), strict=True))

    def log_prob_per_element(self, value: Tensor) -> Tensor:
        pairs = zip(self.parts, self.split(value), strict=True)
        return join_columns([part.log_prob_per_element(columns) for part, columns in pairs])

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        seed = several(seed)
        return join_columns([part.sample(seed, num_samples) for part in self.parts])

    def tempered(self, temperature: float) -> "Concatenated":
        """Every column at the temperature: 1 is this distribution, 0 the mode of each column."""
        return Concatenated([part.tempered(temperature) for part in self.parts], self.widths)

    def mean(self) -> Tensor:
        """Expected value of every column, `(..., columns)`; of names of categories a number without meaning.

        `Likelihood.typical` takes the mode where there is no mean.
        """
        return join_columns(self._of_each("mean", lambda part: part.mean()))

    def mode(self) -> Tensor:
        return join_columns(self._of_each("mode", lambda part: part.mode()))

    def variance(self) -> Tensor:
        return join_columns(self._of_each("variance", lambda part: part.variance()))

    def _of_each(self, what: str, method: Callable[[Distribution], Tensor]) -> list[Tensor]:
        found, first = [], 0
        for part, width in zip(self.parts, self.widths, strict=True):
            try:
                found.append(method(part))
            except NotImplementedError as error:
                raise NotImplementedError(
                    f"The columns {first} to {first + width - 1}, a {type(part).__name__}, have no {what}: {error}"
                ) from error
            first += width
        return found

    def tensors(self) -> dict[str, Tensor]:
        raise NotImplementedError("The parameters of a table's value are those of its parts: take each of them apart.")

    def get_config(self) -> Config:
        return {
            "parts": [keras.saving.serialize_keras_object(part) for part in self.parts],
            "widths": list(self.widths),
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(keras.saving.deserialize_keras_object(config["parts"]), config["widths"])


def split_columns(value: Tensor, widths: Sequence[int]) -> list[Any]:
    """Groups of columns of `(..., columns)`, from the first one on; a tensor or a NumPy array.

    >>> import numpy as np
    >>> from keras_vae.distributions.concatenated import split_columns
    >>> [columns.shape for columns in split_columns(np.zeros((5, 3)), (2, 1))]
    [(5, 2), (5, 1)]
    """
    found, first = [], 0
    for width in widths:
        found.append(value[..., first : first + width])
        first += width
    return found


def join_columns(parts: Sequence[Tensor]) -> Tensor:
    """Groups of columns side by side, float32.

    >>> import numpy as np
    >>> from keras_vae.distributions.concatenated import join_columns
    >>> tuple(join_columns([np.zeros((5, 2)), np.zeros((5, 1), "int32")]).shape)
    (5, 3)
    """
    return ops.concatenate([ops.cast(part, "float32") for part in parts], axis=-1)
