"""Importance weights of latents for rows of which a part is observed."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops, random

from keras_vae.estimators import in_equal_batches
from keras_vae.hints import Array, Part, Seed, Tensor
from keras_vae.objectives.terms import Terms

__all__ = ["conditional", "drawn", "expected", "log_evidence", "noise", "over_rows", "posterior_means", "weighted"]

DRAWS_IN_MEMORY = 16384
MOST_ROWS = 64
HOPELESS = 1e30


def noise(num_samples: int, latent_dim: int, seed: int) -> Array:
    """Standard Gaussian noise that fills the space evenly, `(num_samples, latent_dim)`, float32.

    All rows share it, so that what is found for a row does not depend on the rows beside it: points of Sobol',
    scrambled (Owen, 1998), through the quantile function.

    Args:
        num_samples: number of draws.
        latent_dim: number of latents.
        seed: of the scrambling.
    """
    from scipy.stats import norm, qmc

    exponent = math.ceil(math.log2(num_samples)) if num_samples > 1 else 0
    points = qmc.Sobol(latent_dim, rng=np.random.default_rng(seed)).random_base2(exponent)[:num_samples]
    return norm.ppf(np.clip(points, 1e-7, 1.0 - 1e-7)).astype("float32")


def weighted(vae: Part, inputs: Tensor, epsilon: Array) -> tuple[Terms, Tensor, Any, Tensor]:
    """Draws from q(z | x) with given noise, and their importance weights (Mattei and Frellsen, 2019, equation 12).

    Args:
        vae: the model.
        inputs: rows `(batch, columns)`, NaN where nothing is observed.
        epsilon: `(samples, latent_dim)`.

    Returns:
        the terms; the draws `(samples, batch, latent_dim)`; p(x | z) of all draws, samples first; and
        log p(x_observed, z) - log q(z | x_observed), `(batch, samples)`, in nats.
    """
    terms = vae.terms(inputs, seed=0, num_samples=len(epsilon), deterministic=True)
    posterior, prior = terms.levels[0][:2]
    steps = ops.convert_to_tensor(epsilon)
    # log q from the noise: far away, where float32 loses the steps beside the mean, q's own density would be wrong
    log_noise = -0.5 * ops.sum(ops.square(steps), axis=1) - 0.5 * epsilon.shape[1] * math.log(2 * math.pi)
    if hasattr(posterior, "scale_tril"):
        tril = ops.convert_to_tensor(posterior.scale_tril)
        log_volume = ops.sum(ops.log(ops.abs(ops.diagonal(tril, axis1=-2, axis2=-1))), axis=-1)
        steps = ops.einsum("bij,kj->kbi", tril, steps)
    else:
        log_volume = 0.5 * ops.sum(ops.log(posterior.variance()), axis=-1)
        steps = ops.sqrt(posterior.variance())[None] * steps[:, None, :]
    z = posterior.mean()[None] + steps
    value = terms.decode(ops.reshape(z, (-1, epsilon.shape[1])))
    log_likelihood = terms.by_example(value.log_prob(terms.forward.tiled(terms.target, terms.sample_axis)))
    log_ratio = ops.transpose(prior.log_prob(z)) - (log_noise[None] - log_volume[:, None])
    return terms, z, value, hopeless(log_likelihood + log_ratio)


def hopeless(log_weights: Tensor) -> Tensor:
    """Log weights in which those that float32 cannot hold are very small, so that no sum of them is NaN."""
    return ops.where(ops.abs(log_weights) < HOPELESS, log_weights, -HOPELESS)  # NaN compares as False


def log_evidence(epsilon: Array) -> Callable:
    """log p(x_observed) of every row in nats, `(batch,)`: the log of the mean weight.

    Args:
        epsilon: `(samples, latent_dim)`.
    """

    def of_batch(vae: Part, inputs: Tensor, **_: Any) -> Tensor:
        return ops.logsumexp(weighted(vae, inputs, epsilon)[-1], axis=1) - math.log(len(epsilon))

    return of_batch


def expected(epsilon: Array, log_scales: Array, log_highs: Array) -> Callable:
    """E[x | x_observed] of every row: for each group of columns `(batch, width)`, of categories their probabilities.

    With self-normalised weights (Mattei and Frellsen, 2019). Columns that are logarithms get
    E[exp(scale min(x, high))], the mean of draws that stay below the largest value seen: without the bound a few
    latents with a large mean would decide.

    Args:
        epsilon: `(samples, latent_dim)`.
        log_scales: `(columns,)`, 0 where a column is no logarithm.
        log_highs: `(columns,)`, the largest value seen, as the model's number; 0 where a column is no logarithm.
    """

    def of_batch(vae: Part, inputs: Tensor, **_: Any) -> Any:
        value, log_weights = weighted(vae, inputs, epsilon)[2:]
        weights = ops.transpose(ops.softmax(log_weights, axis=1))  # (samples, batch)
        found: list[Any] = []
        first = 0
        for part, width in zip(value.parts, value.widths, strict=True):
            each = expected_of_part(part, log_scales[first : first + width], log_highs[first : first + width])
            each = ops.reshape(each, (len(epsilon), -1, *each.shape[1:]))
            shape = (*ops.shape(weights), *([1] * (len(each.shape) - 2)))
            found.append(ops.sum(ops.reshape(weights, shape) * each, axis=0))
            first += width
        return found

    return of_batch


def expected_of_part(part: Any, log_scales: Array, log_highs: Array) -> Tensor:
    """E[x | z] of a group of columns, `(rows, width)`; of categories `(rows, width, categories)`."""
    if hasattr(part, "logits") and len(part.logits.shape) == 3:
        return ops.softmax(part.logits, axis=-1)
    mean = part.mean()
    if not np.any(log_scales):
        return mean
    s, high, variance = ops.convert_to_tensor(log_scales), ops.convert_to_tensor(log_highs), part.variance()
    deviation = ops.sqrt(variance)
    # of exp(s min(x, high)) with x ~ N(mean, variance)
    below = ops.exp(s * mean + 0.5 * ops.square(s) * variance) * gaussian_cdf((high - mean) / deviation - s * deviation)
    above = ops.exp(s * high) * gaussian_cdf((mean - high) / deviation)
    return ops.where(s > 0, ops.where(below < 1e30, below, 0.0) + above, mean)


def gaussian_cdf(x: Tensor) -> Tensor:
    return 0.5 * (1.0 + ops.erf(x / math.sqrt(2.0)))


def drawn(epsilon: Array, count: int) -> Callable:
    """Draws of x given x_observed, `(batch, count, columns)`, by sampling importance resampling (Rubin, 1987).

    Args:
        epsilon: `(samples, latent_dim)`.
        count: number of draws for each row.
    """

    def of_batch(vae: Part, inputs: Tensor, seed: Seed, **options: Any) -> Tensor:
        terms, z, *_, log_weights = weighted(vae, inputs, epsilon)
        chosen = random.categorical(log_weights, count, seed=seed)  # (batch, count)
        rows = ops.take_along_axis(ops.transpose(z, (1, 0, 2)), chosen[:, :, None], axis=1)
        again = Terms(terms.forward, terms.batch, num_samples=count)
        x = again.decode(ops.reshape(ops.transpose(rows, (1, 0, 2)), (-1, epsilon.shape[1]))).sample(seed)
        return ops.transpose(ops.reshape(x, (count, -1, x.shape[-1])), (1, 0, 2))

    return of_batch


def conditional(count: int) -> Callable:
    """Draws of x given what is observed of it, `(batch, count, columns)`, also where q(z | x) misses a part.

    Half of the proposals are from q and half from the prior, under the density of their mixture, so that no weight
    exceeds 2 p(x_observed | z) (Hesterberg, 1995).

    Args:
        count: number of proposals, and of draws.
    """

    def of_batch(vae: Part, inputs: Tensor, seed: Seed, **options: Any) -> Tensor:
        half = count // 2
        terms = vae.terms(inputs, seed=seed, num_samples=half)
        posterior, prior, z = terms.levels[0][:3]
        z = ops.reshape(z, (half, -1, z.shape[-1]))
        z = ops.concatenate([z, ops.reshape(terms.prior_sample(seed)[0], ops.shape(z))], axis=0)
        log_prior, log_q = prior.log_prob(z), posterior.log_prob(z)
        rows = ops.reshape(z, (-1, z.shape[-1]))
        again = Terms(terms.forward, terms.batch, num_samples=count)
        log_weights = again.log_likelihood_of(rows) + ops.transpose(log_prior - ops.logaddexp(log_prior, log_q))
        chosen = random.categorical(hopeless(log_weights), count, seed=seed)
        rows = ops.take_along_axis(ops.transpose(z, (1, 0, 2)), chosen[:, :, None], axis=1)
        x = again.decode(ops.reshape(ops.transpose(rows, (1, 0, 2)), (-1, z.shape[-1]))).sample(seed)
        return ops.transpose(ops.reshape(x, (count, -1, x.shape[-1])), (1, 0, 2))

    return of_batch


def posterior_means(vae: Part, inputs: Tensor, **_: Any) -> Tensor:
    """The mean of q(z | x_observed), `(batch, latent_dim)`."""
    return vae.terms(inputs, seed=0, deterministic=True).levels[0].posterior.mean()


def over_rows(model: Part, key: Any, function: Callable, x: Array, draws: int, seed: int, verbose: Any = 0) -> Any:
    """Apply a function to all rows, in batches of one size, which give a row the same result wherever it stands.

    Args:
        model: the `VAE`.
        key: see `keras_vae.inference.runner.Runner.run`.
        function: likewise.
        x: rows `(n, columns)`, float32.
        draws: draws for each row, which bound the rows of a batch.
        seed: of the noise that the function draws.
        verbose: as in Keras.
    """
    size = min(MOST_ROWS, max(1, DRAWS_IN_MEMORY // draws))
    run = functools.partial(model.runner.run, (__name__, *key), function, batch_size=size, verbose=verbose, seed=seed)
    return in_equal_batches(run, x, size)
