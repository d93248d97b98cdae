"""The evidence of data under a model: lower bounds of log p(x), and estimates."""

import math
from typing import Any

import numpy as np
from keras import ops

from keras_vae.arguments import one_of, positive_int
from keras_vae.data.streams import is_stream, peek
from keras_vae.distributions.draws import other_noise
from keras_vae.hints import Array, Data, Part, Seed, Tensor
from keras_vae.inference.call import over_data
from keras_vae.inference.particle_filter import check_steps, filter_batch

__all__ = ["elbo", "log_likelihood"]


def elbo(
    model: Part,
    x: Data,
    num_samples: int = 1,
    *,
    reduction: str = "sum",
    seed: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> Any:
    """Evidence lower bound of every example, in nats, with beta = 1: `(n,)`.

    With `reduction="none"` its terms, which say where an example is unlikely: log p(x|z) of every element, averaged
    over the draws, `(n, *data_shape)`, and the KL of every level, `(n, levels)`. The sum of the first minus the sum of
    the second is the bound. Elements that are masked or missing are 0. For an autoregressive decoder the terms of a
    step are given the steps before it.

    Args:
        model: the `VAE`.
        x: as for `predict`.
        num_samples: number of latents to average over.
        reduction: `"sum"`, or `"none"` for the terms of elements and levels.
        seed: int, for results that are reproducible on one backend, with one batch size.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        `(n,)`; with `reduction="none"` a pair `(log_likelihood, kl)`, the first a dict for data of several fields.

    Raises:
        ValueError: arguments or data that do not fit the model.
        NotImplementedError: `reduction="none"`, and a likelihood under which elements depend on each other.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.elbo(np.zeros((3, 4)), seed=0).shape
    (3,)
    >>> log_likelihood, kl = vae.elbo(np.zeros((3, 4)), seed=0, reduction="none")
    >>> log_likelihood.shape, kl.shape
    ((3, 4), (3, 1))
    """
    one_of(reduction, ("sum", "none"), "reduction")
    positive_int(num_samples, "num_samples")
    if batch_size is None:
        batch_size = max(1, min(32, 4096 // num_samples))  # examples times latents that are in memory at once

    def elbo_of_batch(vae: Part, inputs: Data, seed: Seed, prepared: Any, **_: Any) -> Any:
        terms = vae.terms(inputs, seed=seed, num_samples=num_samples, prepared=prepared)
        if reduction == "none":
            return terms.log_likelihood_per_element, terms.kl
        return ops.mean(terms.log_likelihood, axis=1) - ops.sum(terms.kl, axis=1)

    key = ("elbo", num_samples, reduction)
    return over_data(model, key, elbo_of_batch, x, batch_size=batch_size, verbose=verbose, seed=seed)


def log_likelihood(
    model: Part,
    x: Data,
    num_samples: int = 5000,
    *,
    method: str = "importance_sampling",
    seed: int | None = None,
    batch_size: int = 4096,
    verbose: str | int = "auto",
) -> Array:
    """log p(x) of every example, estimated by samples, in nats: `(n,)`.

    By importance sampling log mean_k p(x|z_k) p(z_k) / q(z_k|x), z_k ~ q (Burda, Grosse and Salakhutdinov, 2016,
    section 5): in expectation a lower bound of log p(x), which exceeds the ELBO and becomes tighter with more samples.

    Latents of every time step have a second method, a particle filter: all draws of an example go through its steps
    together, and where the weights of a few outgrow the others, these continue and the others are dropped (Doucet,
    Godsill and Andrieu, 2000). Its estimate of p(x) is unbiased too, so that of log p(x) is a lower bound in
    expectation (Maddison et al., 2017), and it is the tighter one for long sequences.

    Args:
        model: the `VAE`.
        x: as for `predict`; a dataset is read into memory once.
        num_samples: number of latents, or particles, for each example.
        method: `"importance_sampling"`, or `"particle_filter"` for models with a latent for every time step and a
            decoder that does not read later latents.
        batch_size: number of examples times latents in memory at once. More latents than that are several estimates,
            whose mean is taken; one filter of all particles is a better one.
        seed: int, for results that are reproducible on one backend, with one batch size.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Raises:
        ValueError: arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.log_likelihood(np.zeros((3, 4)), num_samples=100).shape
    (3,)
    >>> chain = kv.VAE((None, 4), latent_dim=2, latents="markov")
    >>> chain.log_likelihood(np.zeros((3, 9, 4)), num_samples=100, method="particle_filter").shape
    (3,)
    """
    one_of(method, ("importance_sampling", "particle_filter"), "method")
    if method == "particle_filter":
        check_steps(model)
    num_samples, batch_size = positive_int(num_samples, "num_samples"), positive_int(batch_size, "batch_size")
    x = model.checks.check_data(x)
    if is_stream(x):
        if hasattr(x, "__next__"):
            x = list(x)  # a generator can be read only once
        x = peek(x, math.inf, model.spec)[0].given()
    total = None
    passes = -(-num_samples // batch_size)
    for index in range(passes):
        count = num_samples // passes + (index < num_samples % passes)
        part = log_mean_weights(model, x, count, max(1, batch_size // count), verbose, seed, index, method)
        part = part.astype("float64") + np.log(count)
        total = part if total is None else np.logaddexp(total, part)
    return (total - np.log(num_samples)).astype("float32")


def log_mean_weights(
    model: Part, x: Data, count: int, batch_size: int, verbose: str | int, seed: int | None, index: int, method: str
) -> Array:
    """log mean weight of every example, `(n,)`, with `count` latents each: one pass over the data."""

    def weigh_batch(vae: Part, inputs: Data, seed: Seed, prepared: Any, **_: Any) -> Tensor:
        if method == "particle_filter":
            return filter_batch(vae, inputs, seed, count, prepared)
        terms = vae.terms(inputs, seed=seed, num_samples=count, prepared=prepared)
        log_weights = terms.log_likelihood + ops.sum(terms.log_ratio, axis=2)
        return ops.logsumexp(log_weights, axis=1) - math.log(count)

    return model.runner.run(
        ("log_likelihood", method, count),
        weigh_batch,
        x,
        batch_size=batch_size,
        verbose=verbose,
        seed=other_noise(seed, index),
    )
