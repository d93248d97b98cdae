"""Terms of rows under the same draws of the latents for every row, so that a score depends on the row alone."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_vae.distributions.gaussian import Gaussian
from keras_vae.estimators import in_equal_batches
from keras_vae.hints import Array, Part, Seed
from keras_vae.inference.call import over_data

__all__ = ["over_rows"]

NUMBERS_AT_ONCE = 2**20
MOST_ROWS = 256


def over_rows(vae: Part, x: Array, name: str, function: Callable, num_samples: int = 1, mean: bool = False) -> Any:
    """Apply `function(terms)` to all rows, in batches of one size: arrays of results, `(n, ...)`.

    A row has the same result whatever rows stand beside it. Sums of floats differ in the last digit by the size of a
    batch, so that all have the same one; and under one Gaussian level of latents the noise is the same for every row,
    pairs of opposite draws. Under other posteriors the noise depends on the place of the row.

    Args:
        vae: the `VAE`.
        x: `(n, *data_shape)`.
        name: of the function; calls with equal names share the compiled function.
        function: of `keras_vae.objectives.Terms`; returns tensors `(batch, ...)`.
        num_samples: latents for each row.
        mean: take the means of the posteriors, in place of draws.
    """
    size = int(np.clip(NUMBERS_AT_ONCE // (num_samples * math.prod(x.shape[1:])), 1, MOST_ROWS))

    def of_batch(vae: Part, inputs: Any, seed: Seed, prepared: Any, **_: Any) -> Any:
        terms = vae.terms(inputs, seed=seed, num_samples=num_samples, deterministic=mean, prepared=prepared)
        return function(terms if mean else with_shared_noise(terms))

    key = ("anomaly", name, num_samples)
    return in_equal_batches(
        lambda padded: over_data(vae, key, of_batch, padded, batch_size=size, verbose=0, seed=0), x, size
    )


def with_shared_noise(terms: Part) -> Part:
    """The same terms with draws whose noise is the same for every row, under one Gaussian level."""
    if len(terms.levels) != 1 or not isinstance(terms.levels[0].posterior, Gaussian):
        return terms
    level = terms.levels[0]
    half = -(-terms.num_samples // 2)
    noise = np.random.default_rng(0).standard_normal((half, 1, *level.posterior.loc.shape[1:])).astype("float32")
    noise = np.concatenate([noise, -noise])[: terms.num_samples]
    z = level.posterior.loc + ops.exp(0.5 * level.posterior.log_var) * ops.convert_to_tensor(noise)
    z = z[0] if terms.sample_axis is None else z
    return terms.replace(levels=[level._replace(z=z, log_q=None)])
