"""Where the prior puts the latents: the values that pictures of the latent space go through."""

import statistics
from typing import Any

import numpy as np
from keras import ops

from keras_vae.arguments import optional_seed, positive_number
from keras_vae.hints import Array, Part
from keras_vae.plots.canvas import Axes, titled
from keras_vae.priors.standard import Standard

__all__ = ["PriorRange", "check_level", "describe", "prior_range"]

DRAWS = 2000


class PriorRange:
    """Centre, spread and quantiles of each dimension of one level under the prior.

    Args:
        draws: `(n, width)` from the prior; None for N(0, 1).
        width: number of dimensions.
    """

    def __init__(self, draws: Array | None, width: int) -> None:
        self.draws = draws
        self.centre = np.zeros(width, "float32") if draws is None else draws.mean(axis=0)
        self.scale = np.ones(width, "float32") if draws is None else draws.std(axis=0)

    def quantiles(self, dim: int, steps: int) -> Array:
        """Values in the middle of equally probable intervals, `(steps,)`.

        Args:
            dim: index of the dimension.
            steps: number of values.
        """
        shares = (np.arange(steps) + 0.5) / steps
        if self.draws is None:
            return np.array([statistics.NormalDist().inv_cdf(share) for share in shares], "float32")
        return np.quantile(self.draws[:, dim], shares).astype("float32")

    def line(self, dim: int, extent: float, steps: int) -> Array:
        """Values at equal distances, up to `extent` standard deviations from the centre, `(steps,)`.

        Args:
            dim: index of the dimension.
            extent: in standard deviations of the prior.
            steps: number of values.
        """
        positive_number(extent, "extent")
        return (self.centre[dim] + self.scale[dim] * np.linspace(-extent, extent, steps)).astype("float32")


def check_level(model: Part, level: Any, what: str = "Pictures of a latent space") -> int:
    """Index of a level of vectors of real numbers.

    Args:
        model: the `VAE`.
        level: the argument `level`.
        what: the subject of the message.

    Raises:
        ValueError: no such level, or another kind of latents.
    """
    shapes = model.latents.level_shapes()
    if isinstance(level, bool) or not isinstance(level, (int, np.integer)) or not 0 <= level < len(shapes):
        raise ValueError(
            f"Argument `level` must be the index of a level or group of latents, from 0 to {len(shapes) - 1}. "
            f"Received: level={level!r}"
        )
    shape, space = shapes[level], model.latents.pairs[level][0].latent_space
    if len(shape) != 1 or space not in ("reals", None):
        raise ValueError(
            f"{what} need latents that are vectors of real numbers. Received: level {level} of shape {shape} in the "
            f"space {space!r}. Choose another level, or fix its values with vae.generate(n, fixed={{{level}: ...}})."
        )
    return int(level)


def prior_range(model: Part, level: int, condition: Any = None, seed: int | None = 0) -> PriorRange:
    """Where the prior of one level puts its latents: exactly for N(0, 1), by draws for others.

    Args:
        model: the `VAE`.
        level: see `check_level`.
        condition: one condition, of a conditional model, or None.
        seed: int, for the draws.
    """
    width = model.latents.level_shapes()[level][0]
    if isinstance(model.latents.pairs[level][0], Standard):
        return PriorRange(None, width)
    inputs: dict[str, Any] = {"rows": np.zeros((DRAWS, 1), "float32")}
    if condition is not None:
        inputs["condition"] = np.repeat(np.asarray(condition)[None], DRAWS, axis=0)

    def draw_batch(vae: Part, inputs: Any, seed: Any, prepared: Any, **_: Any) -> Any:
        context = vae.context(inputs.get("condition"), ops.shape(inputs["rows"])[0])
        return vae.latents.generate(
            vae.forward_pass.seen_by("prior", context), encode=vae.forward_pass.encode, prepared=prepared, seed=seed
        )

    draws = model.runner.run(
        "draws from the prior", draw_batch, inputs, batch_size=500, verbose=0, seed=optional_seed(seed)
    )
    return PriorRange(np.asarray(draws[level]), width)


def describe(ax: Axes, model: Part, level: int, title: str) -> None:
    """Set a title that names the level, where there are several."""
    count = len(model.latents.level_shapes())
    titled(ax, title if count == 1 else f"{title}, level {level} of {count}")
