"""One sampler for each condition."""

from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np

from keras_vae.arguments import optional_seed, positive_int
from keras_vae.hints import Array, Config, Shape
from keras_vae.registry import samplers
from keras_vae.samplers.posterior_rows import rows_of
from keras_vae.samplers.sampler import Sampler

__all__ = ["PerCondition"]

MOST = 100
"""Different conditions; with more, each has too few rows for a density of its own."""


@samplers.register("per_condition", package="keras_vae")
class PerCondition(Sampler):
    """q(z | c) for each condition c that occurs: a sampler for every label, as in class-wise mixtures.

    In a conditional model the latents depend on the condition: the prior is p(z | c), and what a sampler replaces is
    q(z | c), the mean of q(z | x, c) over the data with that condition: a density for each class (Hastie and
    Tibshirani, 1996). `fit_sampler` of a conditional model wraps its sampler in this one. Conditions must be few:
    labels, one-hot vectors, or other rows that repeat. Latents are `(n, *latent)`.

    Args:
        sampler: name, instance or config of the sampler that each condition gets a copy of.

    Raises:
        ValueError: when fitted to more than 100 different conditions, or asked for one that it has not seen.
        TypeError: `sampler` takes conditions itself.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> labels = np.arange(100) % 2
    >>> z = np.random.default_rng(0).normal(10.0 * labels[:, None], size=(100, 2))
    >>> sampler = kv.samplers.PerCondition(kv.samplers.Mixture(1)).fit(z, condition=labels)
    >>> (draws,) = sampler.sample(3, seed=0, condition=np.array([0, 1, 0]))
    >>> [bool(mean > 5) for mean in draws.mean(axis=1)]
    [False, True, False]
    """

    takes_condition = True

    def __init__(self, sampler: Any = "mixture") -> None:
        self.sampler: Any = samplers.get(sampler)
        if self.sampler is None or self.sampler.takes_condition:
            raise TypeError(
                "Argument `sampler` must be a sampler without conditions, such as 'mixture'. Received: "
                f"sampler={sampler!r}"
            )
        self.parts: list[Any] = []

    @property
    def encodes(self) -> str:  # type: ignore[override]
        return self.sampler.encodes

    @property
    def spaces(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.sampler.spaces

    def build(self, level_shapes: Sequence[Shape], level_spaces: Sequence[str] | None = None) -> None:
        super().build(level_shapes, level_spaces)
        self._copy().build(level_shapes, level_spaces)  # it may refuse more

    def fit(self, z: Any, *, condition: Any = None, seed: int | None = None, verbose: str | int = 0) -> Self:
        levels = z if isinstance(z, tuple) else (z,)
        if condition is None:
            raise ValueError("Argument `condition` must hold the condition of every row. Received: None")
        self.conditions, labels = np.unique(np.asarray(condition), axis=0, return_inverse=True)
        labels = labels.reshape(-1)
        if len(self.conditions) > MOST:
            raise ValueError(
                f"A sampler is fitted for each condition, and there may be {MOST} different ones. Received: "
                f"{len(self.conditions)}. Draw from the prior, p(z | c), which interpolates between conditions: a "
                "prior that sees them, such as 'gaussian' or 'flow', is fitted in training."
            )
        generator = np.random.default_rng(optional_seed(seed))
        self.parts = []
        for index, value in enumerate(self.conditions):
            part = self._copy()
            if self.built:
                part.build(self.level_shapes, self.level_spaces)
            rows = np.flatnonzero(labels == index)
            try:
                own = tuple(rows_of(level, rows) for level in levels)
                part.fit(own, seed=int(generator.integers(2**31)), verbose=verbose)
            except ValueError as error:
                raise ValueError(
                    f"The rows with the condition {value.tolist()!r}, {len(rows)} of them: {error}"
                ) from error
            self.parts.append(part)
        return self

    def sample(
        self, n: int, *, seed: int | None = None, temperature: float = 1.0, condition: Any = None
    ) -> tuple[Array, ...]:
        n = positive_int(n, "n")
        if not self.parts:
            raise ValueError("The sampler 'per_condition' must be fitted first: vae.fit_sampler(sampler, x).")
        condition = np.asarray(condition)
        if condition.shape != (n, *self.conditions.shape[1:]):
            raise ValueError(
                f"Argument `condition` must be of shape {(n, *self.conditions.shape[1:])}. Received: shape "
                f"{condition.shape}"
            )
        generator = np.random.default_rng(optional_seed(seed))
        which = self._which(condition)
        draws: Any = None
        for index, part in enumerate(self.parts):
            part_seed = int(generator.integers(2**31))  # whether it is needed or not: labels do not change each other's
            rows = np.flatnonzero(which == index)
            if not len(rows):
                continue
            levels = part.sample(len(rows), seed=part_seed, temperature=temperature)
            draws = draws or tuple(np.zeros((n, *level.shape[1:]), "float32") for level in levels)
            for level, own in zip(draws, levels, strict=True):
                level[rows] = own
        return draws

    def _which(self, condition: Array) -> Array:
        """For every row the number of its condition."""
        which = np.full(len(condition), -1)
        for index, value in enumerate(self.conditions):
            which[(condition == value).reshape(len(condition), -1).all(axis=1)] = index
        if (which < 0).any():
            unknown = condition[which < 0][0].tolist()
            raise ValueError(
                "Argument `condition`: the sampler knows the conditions that it was fitted to. Expected one of "
                f"{self.conditions.tolist()!r:.200}. Received: {unknown!r}. Fit it again, with data of that condition."
            )
        return which

    def _copy(self) -> Any:
        return type(self.sampler).from_config(self.sampler.get_config())

    def get_state(self) -> dict[str, Array]:
        states = {
            f"{index}.{key}": array for index, part in enumerate(self.parts) for key, array in part.get_state().items()
        }
        return {"conditions": self.conditions, **states}

    def set_state(self, state: dict[str, Array]) -> None:
        state = dict(state)
        self.conditions = state.pop("conditions")
        parts: list[dict[str, Array]] = [{} for _ in self.conditions]
        for key, array in state.items():
            index, _, name = key.partition(".")
            parts[int(index)][name] = array
        self.parts = []
        for own in parts:
            part = self._copy()
            part.build(self.level_shapes, self.level_spaces)
            part.set_state(own)
            self.parts.append(part)

    def get_config(self) -> Config:
        return {"sampler": keras.saving.serialize_keras_object(self.sampler)}
