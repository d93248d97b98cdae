"""A linear Gaussian model whose posterior is exact, so that every quantity has a closed form."""

import keras
import numpy as np

import keras_vae as kv


def linear_vae(weights=(2.0, 0.5, 0.0), noise=1.0, claimed=None, shift=0.0, **kwargs):
    """p(z) = N(0, 1), p(x|z) = N(w z, noise^2) dimension by dimension, and q(z|x) the true posterior.

    Args:
        weights: w of every dimension, which is also one of the data.
        noise: standard deviation of x given z.
        claimed: the same as the likelihood believes; by default it is right.
        shift: added to the posterior's means.
    """
    weights = np.asarray(weights, "float32")
    width, total = len(weights), weights**2 + noise**2
    encoder = keras.Sequential([keras.Input((width,)), keras.layers.Dense(2 * width)])
    kernel = np.concatenate([np.diag(weights / total), np.zeros((width, width))], axis=1)
    encoder.layers[0].set_weights([kernel, np.concatenate([np.full(width, shift), np.log(noise**2 / total)])])
    decoder = keras.Sequential([keras.Input((width,)), keras.layers.Dense(width, use_bias=False)])
    decoder.layers[0].set_weights([np.diag(weights)])
    return kv.VAE(
        (width,),
        width,
        encoder=encoder,
        decoder=decoder,
        posterior=kv.posteriors.Gaussian(project=False),
        likelihood=kv.likelihoods.Gaussian(scale=noise if claimed is None else claimed, project=False),
        seed=0,
        **kwargs,
    )


def draws(rows=2000, weights=(2.0, 0.5, 0.0), noise=1.0, seed=0):
    """Data of that model, `(rows, width)`."""
    rng = np.random.default_rng(seed)
    weights = np.asarray(weights)
    z = rng.standard_normal((rows, len(weights)))
    return (z * weights + noise * rng.standard_normal(z.shape)).astype("float32")


def information(weights=(2.0, 0.5, 0.0), noise=1.0):
    """I(x; z) of every dimension, in nats; also the mean KL, since q(z) is the prior."""
    return 0.5 * np.log1p(np.square(weights) / noise**2)
