"""The aggregated posterior itself."""

from typing import Any, Self

import numpy as np
from keras import ops

from keras_vae.arguments import non_negative_number, optional_seed, positive_int
from keras_vae.hints import Array, Config
from keras_vae.registry import samplers
from keras_vae.samplers.posterior_rows import PosteriorRows
from keras_vae.samplers.sampler import Sampler

__all__ = ["Aggregated"]


@samplers.register("aggregated", package="keras_vae")
class Aggregated(Sampler):
    """q(z) = 1/n sum_i q(z | x_i), the aggregated posterior (Makhzani et al., 2016) of n stored rows.

    A draw takes a stored row at random, and draws from its posterior. It is exact, needs no choice, and works for
    latents of every space, such as one-hot classes and directions. But a sample is a reconstruction of a training
    example with the noise of its posterior: where that is narrow, samples are copies. Use it as the reference of the
    other samplers, whose samples can hardly be better, and where copies do no harm. Latents are `(n, *latent)`.

    `temperature` is that of every posterior: at 0 draws are their means.

    Args:
        rows: the parameters of at most so many posteriors are stored, chosen at random.

    Raises:
        ValueError: bad arguments; when fitted to posteriors that are flows, which have no parameters to store.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> sampler = vae.fit_sampler("aggregated", np.zeros((10, 4)))
    >>> sampler.sample(5, seed=0)[0].shape
    (5, 2)
    """

    encodes = "distribution"
    spaces = ("reals", "sphere", "ball", "one_hot")

    def __init__(self, rows: int = 10000) -> None:
        self.rows = positive_int(rows, "rows")

    def fit(self, z: Any, *, seed: int | None = None, verbose: str | int = 0) -> Self:
        levels = [PosteriorRows.of(value) for value in (z if isinstance(z, tuple) else (z,))]
        chosen = np.random.default_rng(optional_seed(seed)).permutation(len(levels[0]))[: self.rows]
        self.levels = [level.take(chosen) for level in levels]
        return self

    def sample(self, n: int, *, seed: int | None = None, temperature: float = 1.0) -> tuple[Array, ...]:
        self._require_fitted()
        n, temperature = positive_int(n, "n"), non_negative_number(temperature, "temperature")
        generator = np.random.default_rng(optional_seed(seed))
        rows = generator.integers(len(self.levels[0]), size=n)
        draws = []
        for level in self.levels:
            posterior = level.take(rows).distribution().tempered(temperature)
            draw = posterior.sample(seed=int(generator.integers(2**31)))
            draws.append(np.asarray(ops.convert_to_numpy(draw), dtype="float32"))
        return tuple(draws)

    def _require_fitted(self) -> None:
        if not hasattr(self, "levels"):
            raise ValueError("The sampler 'aggregated' must be fitted first: vae.fit_sampler('aggregated', x).")

    def get_state(self) -> dict[str, Array]:
        self._require_fitted()
        state = {}
        for index, level in enumerate(self.levels):
            state[f"{index}.header"] = level.header()
            state.update({f"{index}.{name}": array for name, array in level.arrays.items()})
        return state

    def set_state(self, state: dict[str, Array]) -> None:
        arrays: list[dict[str, Array]] = [{} for key in state if key.endswith(".header")]
        for key, array in state.items():
            index, _, name = key.partition(".")
            arrays[int(index)][name] = array
        self.levels = [PosteriorRows.restored(level.pop("header"), level) for level in arrays]

    def get_config(self) -> Config:
        return {"rows": self.rows}
