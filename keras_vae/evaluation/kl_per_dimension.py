"""How many nats the latents carry, dimension by dimension."""

import dataclasses
from typing import Any

import numpy as np
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.distributions.kl_divergence import has_kl_divergence
from keras_vae.evaluation.result import Result
from keras_vae.hints import Array, Data, Part, Seed, Tensor
from keras_vae.inference.call import over_data

__all__ = ["KLPerDimension", "kl_per_dimension"]


@dataclasses.dataclass(frozen=True, eq=False)
class KLPerDimension(Result):
    """Mean of KL(q(z|x) || p(z)) over the data, for levels and for dimensions (Burgess et al., 2018), in nats.

    Args:
        levels: KL of each level, top first, `(levels,)`.
        dimensions: for each level the KL of every dimension, `(*latent_shape,)`, or None where the KL of prior and
            posterior is no sum over dimensions: that of a mixture, a VampPrior, a flow or a full covariance.
        rows: number of rows averaged over.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> found = kv.evaluation.KLPerDimension(np.array([2.5]), (np.array([2.5, 0.0]),), 100)
    >>> found.total
    2.5
    """

    levels: Array
    dimensions: tuple[Array | None, ...]
    rows: int

    @property
    def total(self) -> float:
        """KL of all levels together, in nats."""
        return float(self.levels.sum())

    def summary(self) -> dict[str, float]:
        levels = {f"kl_{index + 1}": float(value) for index, value in enumerate(self.levels)}
        return {"kl": self.total, **(levels if len(levels) > 1 else {})}

    def __str__(self) -> str:
        lines = [f"KL: {self.total:.4g} nats"]
        for index, (level, own) in enumerate(zip(self.levels, self.dimensions, strict=True)):
            spread = "no sum over dimensions"
            if own is not None:
                top = ", ".join(f"{value:.3g}" for value in np.sort(own, axis=None)[::-1][:8])
                spread = f"largest dimensions {top}{', ...' if own.size > 8 else ''}"
            lines.append(f"level {index + 1}: {level:.4g} nats; {spread}")
        return "\n".join(lines)


def kl_per_dimension(
    model: Part,
    x: Data,
    num_samples: int = 1,
    *,
    seed: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> KLPerDimension:
    """Mean KL(q(z|x) || p(z)) of every latent dimension and of every level, in nats.

    In closed form where prior and posterior have one that is a sum over dimensions, such as two diagonal Gaussians: a
    dimension near 0 is collapsed. Other KLs, such as that from a mixture, belong to a level as a whole: estimated at
    draws of z, and not for dimensions, which share the density. Padding counts as 0.

    Args:
        model: the `VAE`.
        x: as for `predict`.
        num_samples: number of latents drawn for each example; more make levels below others, and KLs without a
            closed form, less noisy.
        seed: int, for results that are reproducible on one backend, with one batch size.
        batch_size: rows at a time, 32 by default, or fewer with many samples.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        `KLPerDimension`, with the KL of every dimension, `(*latent_shape,)`, for each level.

    Raises:
        ValueError: arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> found = kv.evaluation.kl_per_dimension(vae, np.zeros((20, 4)), seed=0)
    >>> found.levels.shape, found.dimensions[0].shape
    ((1,), (2,))
    """
    positive_int(num_samples, "num_samples")
    if batch_size is None:
        batch_size = max(1, min(32, 4096 // num_samples))  # examples times latents that are in memory at once

    def of_batch(vae: Part, inputs: Any, seed: Seed, prepared: Any, **_: Any) -> tuple[Tensor, ...]:
        terms = vae.terms(inputs, seed=seed, num_samples=num_samples, prepared=prepared)
        # Levels without a KL of their dimensions give an array without columns: `predict` knows no None.
        nothing = ops.zeros_like(terms.kl[:, :0])
        return terms.kl, *(
            terms.replace(levels=[level]).kl_per_dimension[0]
            if has_kl_divergence(level.posterior, level.prior, per_dimension=True)
            else nothing
            for level in terms.levels
        )

    levels, *dimensions = over_data(
        model,
        ("evaluation", "kl_per_dimension", num_samples),
        of_batch,
        x,
        batch_size=batch_size,
        verbose=verbose,
        seed=seed,
        noisy=True,
    )
    return KLPerDimension(
        levels.mean(axis=0, dtype="float64"),
        tuple(own.mean(axis=0, dtype="float64") if own.size else None for own in dimensions),
        len(levels),
    )
