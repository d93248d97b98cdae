"""Which latent dimensions the encoder uses."""

import dataclasses
from typing import Any

import numpy as np
from keras import ops

from keras_vae.arguments import non_negative_number
from keras_vae.evaluation.result import Result
from keras_vae.hints import Array, Data, Part, Seed, Tensor
from keras_vae.inference.call import over_data

__all__ = ["ActiveUnits", "active_units", "without_padding"]


@dataclasses.dataclass(frozen=True, eq=False)
class ActiveUnits(Result):
    """Variance over the data of the mean of every latent dimension (Burda, Grosse and Salakhutdinov, 2016).

    Args:
        variances: for each level, top first, the variance of every dimension, `(*latent_shape,)`, in squared units of
            the latents.
        threshold: dimensions above it are active.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> found = kv.evaluation.ActiveUnits((np.array([0.9, 0.001, 0.4]),), 0.01)
    >>> found.counts, found.active[0].tolist()
    ((2,), [True, False, True])
    """

    variances: tuple[Array, ...]
    threshold: float

    @property
    def active(self) -> tuple[Array, ...]:
        """For each level which dimensions are active, boolean, `(*latent_shape,)`."""
        return tuple(level > self.threshold for level in self.variances)

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of active dimensions of each level."""
        return tuple(int(level.sum()) for level in self.active)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of dimensions of each level."""
        return tuple(level.size for level in self.variances)

    def summary(self) -> dict[str, float]:
        levels = {f"active_units_{index + 1}": float(count) for index, count in enumerate(self.counts)}
        return {"active_units": float(sum(self.counts)), **(levels if len(levels) > 1 else {})}

    def __str__(self) -> str:
        pairs = zip(self.counts, self.sizes, strict=True)
        lines = [f"level {index + 1}: {count} of {size} active" for index, (count, size) in enumerate(pairs)]
        return "\n".join([f"active units: {sum(self.counts)} of {sum(self.sizes)}", *(lines if len(lines) > 1 else [])])


def active_units(
    model: Part,
    x: Data,
    threshold: float = 0.01,
    *,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> ActiveUnits:
    """The dimensions of latents that depend on the data (Burda, Grosse and Salakhutdinov, 2016, appendix C).

    A dimension is active if Var_x(E_q[z]), the variance over the data of the posterior's mean, exceeds the threshold.
    Dimensions without it are collapsed: their posterior is about the prior for every example. Below the top level of
    a hierarchy the means are those given the means of the levels above. Steps that are padding do not count.

    Args:
        model: the `VAE`.
        x: as for `predict`, at least two rows; a few hundred suffice.
        threshold: in squared units of the latents. The variances have a gap between collapsed and used dimensions, so
            that its value hardly matters.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        `ActiveUnits`, with the variance of every dimension, `(*latent_shape,)`, for each level.

    Raises:
        ValueError: arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> found = kv.evaluation.active_units(vae, np.random.default_rng(0).random((20, 4)))
    >>> found.variances[0].shape, found.sizes
    ((2,), (2,))
    """
    threshold = non_negative_number(threshold, "threshold")
    means = over_data(
        model, ("evaluation", "means"), means_of_batch, x, batch_size=batch_size, verbose=verbose, noisy=True
    )
    if len(means[0]) < 2:
        raise ValueError(
            f"Argument `x` must have at least 2 rows: a single one has no variance. Received: {len(means[0])}"
        )
    return ActiveUnits(tuple(variance_of_rows(level) for level in means), threshold)


def means_of_batch(vae: Part, inputs: Any, seed: Seed, prepared: Any, **_: Any) -> tuple[Tensor, ...]:
    """The posterior's mean at every level of one batch, `(batch, *latent)`; NaN at steps that are padding."""
    terms = vae.terms(inputs, seed=seed, deterministic=True, prepared=prepared)
    return tuple(without_padding(vae, terms, level.z, np.nan) for level in terms.levels)


def without_padding(vae: Part, terms: Part, z: Tensor, filler: float) -> Tensor:
    """Latents `(batch, time, width)` with a filler at steps that are padding; those without a time axis as they are."""
    mask = terms.batch.input_mask
    if not vae.latents.has_time_axis or mask is None:
        return z
    return ops.where(ops.cast(mask, "bool")[..., None], z, ops.full_like(z, filler))


def variance_of_rows(rows: Array) -> Array:
    """Variance over the rows `(n, *latent)` of every dimension, NaN left out; zero where nothing is left."""
    rows = rows.astype("float64")
    present = ~np.isnan(rows)
    count = np.maximum(present.sum(axis=0), 1)
    mean = np.where(present, rows, 0.0).sum(axis=0) / count
    return np.where(present, np.square(rows - mean), 0.0).sum(axis=0) / count
