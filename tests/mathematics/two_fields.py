"""A linear Gaussian model of two fields, of which everything is known in closed form."""

import keras
import numpy as np

import keras_vae as kv

SCALE = 0.6
WEIGHTS = {"a": np.diag([1.5, 0.5]).astype("float32"), "b": np.array([[0.7, 0.0], [0.0, 2.0], [0.7, 0.0]], "float32")}
"""x = W z + noise; the columns of W are orthogonal, so that the posterior of every subset is diagonal."""


def log_p(x):
    """log p of the fields in `x`, `(n,)`, in nats."""
    weights = np.concatenate([WEIGHTS[name] for name in x]).astype("float64")
    values = np.concatenate([x[name] for name in x], axis=1).astype("float64")
    covariance = weights @ weights.T + SCALE**2 * np.eye(len(weights))
    squared = np.einsum("ni,ij,nj->n", values, np.linalg.inv(covariance), values)
    return -0.5 * (squared + np.linalg.slogdet(2 * np.pi * covariance)[1])


def posterior(x, rows):
    """Mean and variance of p(z | fields in `x`), `(n, 2)` and `(2,)`."""
    precision, weighted = np.eye(2), np.zeros((rows, 2))
    for name, values in x.items():
        precision = precision + WEIGHTS[name].T @ WEIGHTS[name] / SCALE**2
        weighted = weighted + values @ WEIGHTS[name] / SCALE**2
    return weighted / np.diag(precision), 1.0 / np.diag(precision)


def draw(rows, seed=0):
    """Examples of both fields."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((rows, 2))
    return {
        name: (z @ own.T + SCALE * rng.standard_normal((rows, len(own)))).astype("float32")
        for name, own in WEIGHTS.items()
    }


def exact(posterior="product_of_experts", **options):
    """The model with the weights of the truth: experts p(z | x_m) / p(z), whose product with p(z) is p(z | x).

    For a mixture the experts are p(z | x_m) themselves.
    """
    vae = kv.VAE(
        {name: (len(own),) for name, own in WEIGHTS.items()},
        2,
        decoder={name: keras.layers.Identity() for name in WEIGHTS},
        likelihood={name: kv.likelihoods.Gaussian(SCALE) for name in WEIGHTS},
        posterior=posterior,
        **{"encoder": {name: keras.layers.Identity() for name in WEIGHTS}, "seed": 0, **options},
    )
    mixture = isinstance(vae.posterior, kv.posteriors.MixtureOfExperts)
    for name, own in WEIGHTS.items():
        precision = np.sum(own**2, axis=0) / SCALE**2 + float(mixture)
        expert = vae.posterior.experts[name]
        set_dense(expert.mean_head, own / SCALE**2 / precision, np.zeros(2))
        set_dense(expert.log_var_head, np.zeros_like(own), -np.log(precision))
        set_dense(vae.likelihood.parts[name].heads["loc"], own.T, np.zeros(len(own)))
    return vae


def set_dense(layer, kernel, bias):
    by_rank = {2: kernel, 1: bias}
    for weight in layer.weights:
        weight.assign(by_rank[len(weight.shape)])
