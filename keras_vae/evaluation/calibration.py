"""Whether p(x|z) is as wide as the data scatter around it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.distributions.draws import other_noise
from keras_vae.evaluation.result import Result
from keras_vae.hints import Array, Data, Part, Seed, Tensor
from keras_vae.inference.call import over_data

__all__ = ["Calibration", "calibration"]

LEFT_OUT = -1.0
"""In place of the transform of an element that does not count."""


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration(Result):
    """The probability integral transform of data under p(x|z) (Dawid, 1984; Gneiting et al., 2007).

    Args:
        histogram: share of the transforms in each of `bins` equal parts of [0, 1], `(bins,)`: equal shares if p(x|z)
            is right, more at both ends if it is too narrow, more in the middle if it is too wide.
        max_deviation: largest difference of the distribution function of the transforms from that of a uniform
            variable, from 0 to 1.
        coverage: share of the elements inside the central interval of p(x|z) of a probability, by that probability:
            0.5 and 0.9. Below it p(x|z) is too narrow, above it too wide.
        element_coverage: `coverage[0.9]` of every element over the rows, `(*data_shape)`; NaN where nothing counts.
        count: number of elements in all rows.
        fields: for data of several fields the same of each, by name; the other attributes are then of all together.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> narrow = kv.evaluation.Calibration(np.array([0.5, 0.5]), 0.2, {0.5: 0.3, 0.9: 0.6}, np.array([0.6]), 100)
    >>> narrow.summary()
    {'calibration_deviation': 0.2, 'coverage_50': 0.3, 'coverage_90': 0.6}
    """

    histogram: Array
    max_deviation: float
    coverage: Mapping[float, float]
    element_coverage: Any
    count: int
    fields: Mapping[str, "Calibration"] = dataclasses.field(default_factory=dict)

    def summary(self) -> dict[str, float]:
        shares = {f"coverage_{round(100 * level)}": share for level, share in self.coverage.items()}
        return {"calibration_deviation": self.max_deviation, **shares}

    def __str__(self) -> str:
        lines = [f"{100 * level:.0f} % intervals hold {100 * share:.1f} %" for level, share in self.coverage.items()]
        return "\n".join([*lines, f"largest deviation from uniform: {self.max_deviation:.3f}"])


def calibration(
    model: Part,
    x: Data,
    num_samples: int = 100,
    bins: int = 20,
    *,
    seed: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> Calibration:
    """The probability integral transform of every element under p(x|z), z a draw from q(z|x) (Dawid, 1984).

    The rank of an element among draws from p(x|z), with the same z: uniform on [0, 1] if p(x|z) is right. Ties, which
    discrete likelihoods have, are broken at random (Czado, Gneiting and Held, 2009), so the transform is uniform for
    these too, and it works for every likelihood that can draw. The order of categories does not matter.
    Elements that are padding or missing do not count. With an autoregressive decoder p(x|z) of a step is given the
    steps before it.

    Args:
        model: the `VAE`.
        x: as for `predict`; held-out data, since p(x|z) may be narrow around the training rows alone.
        num_samples: number of draws, the resolution of the transform.
        bins: number of bars of the histogram.
        seed: int, for results that are reproducible on one backend, with one batch size.
        batch_size: rows at a time, by default such that the draws of a batch are few thousand rows.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        `Calibration`, with the histogram, `(bins,)`.

    Raises:
        ValueError: arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, likelihood="gaussian")
    >>> found = kv.evaluation.calibration(vae, np.random.default_rng(0).normal(size=(50, 4)), seed=0)
    >>> found.histogram.shape, sorted(found.coverage)
    ((20,), [0.5, 0.9])
    """
    num_samples, bins = positive_int(num_samples, "num_samples"), positive_int(bins, "bins")
    if batch_size is None:
        batch_size = max(1, min(32, 4096 // num_samples))

    def of_batch(vae: Part, inputs: Any, seed: Seed, prepared: Any, **_: Any) -> Any:
        terms = vae.terms(inputs, seed=seed, prepared=prepared)
        draws = terms.likelihood.sample(other_noise(seed, 2), num_samples=num_samples)
        valid = terms.batch.valid_elements()
        several = isinstance(terms.target, dict)
        names = list(terms.target) if several else [None]
        ranks = {}
        for index, name in enumerate(names):
            target, own = (terms.target[name], draws[name]) if several else (terms.target, draws)
            mask = valid.get(name) if isinstance(valid, dict) else valid
            ranks[name] = transform(target, own, mask, other_noise(seed, 3 + index))
        return ranks if several else ranks[None]

    found = over_data(
        model,
        ("evaluation", "calibration", num_samples),
        of_batch,
        x,
        batch_size=batch_size,
        verbose=verbose,
        seed=seed,
    )
    if not isinstance(found, dict):
        return summarised(found, bins)
    fields = {name: summarised(values, bins) for name, values in found.items()}
    pooled = np.concatenate([values.reshape(-1) for values in found.values()])
    whole = summarised(pooled[:, None], bins)
    coverage_of = {name: field.element_coverage for name, field in fields.items()}
    return dataclasses.replace(whole, element_coverage=coverage_of, fields=fields)


def transform(target: Tensor, draws: Tensor, mask: Tensor | None, seed: Seed) -> Tensor:
    """Randomised rank of the target `(batch, *event)` among draws `(samples, batch, *event)`, in (0, 1)."""
    target, draws = ops.cast(target, "float32"), ops.cast(draws, "float32")
    below = ops.sum(ops.cast(draws < target, "float32"), axis=0)
    equal = ops.sum(ops.cast(draws == target, "float32"), axis=0)
    noise = keras.random.uniform(ops.shape(target), dtype="float32", seed=seed)
    ranks = (below + noise * (equal + 1.0)) / (draws.shape[0] + 1.0)
    if mask is None:
        return ranks
    mask = ops.cast(mask, "bool")
    while len(mask.shape) < len(ranks.shape):
        mask = mask[..., None]
    return ops.where(mask, ranks, ops.full_like(ranks, LEFT_OUT))


def summarised(ranks: Array, bins: int) -> Calibration:
    """`Calibration` of transforms `(n, *data_shape)`."""
    counts = ranks != LEFT_OUT
    values = np.sort(ranks[counts].astype("float64"))
    if not values.size:
        raise ValueError("Argument `x` has no element that counts: all are padding or missing. Expected at least one.")
    grid = np.arange(len(values) + 1) / len(values)
    deviation = max(np.abs(values - grid[:-1]).max(), np.abs(values - grid[1:]).max())
    inside = counts & (np.abs(ranks - 0.5) < 0.45)
    number = counts.sum(axis=0)
    return Calibration(
        np.histogram(values, bins, (0.0, 1.0))[0] / len(values),
        float(deviation),
        {level: float((np.abs(values - 0.5) < level / 2).mean()) for level in (0.5, 0.9)},
        np.where(number > 0, inside.sum(axis=0) / np.maximum(number, 1), np.nan),
        len(values),
    )
