"""Sparse priors on the digits of scikit-learn: how many latents does an example use?

    KERAS_BACKEND=jax python examples/sparse_latents.py

Trains one model for each prior, about half a minute in all on one CPU core. For a held-out fifth it prints the ELBO,
the number of active dimensions, by the variance of their posterior mean over the examples, and the share of
these means near zero, within a tenth of the standard deviation of their dimension (8% for a Gaussian).
"""

import argparse

import keras
import numpy as np
from sklearn.datasets import load_digits

import keras_vae as kv

PRIORS = {
    "standard": kv.priors.Standard,
    "laplace": kv.priors.Laplace,
    "spike_and_slab": kv.priors.SpikeAndSlab,
}


def measure(vae, x):
    """`(elbo, active, near_zero)`: nats, the number of active dimensions, a share of their values."""
    means = vae.encode(x)
    spread = means.std(axis=0)
    active = spread > 0.1
    near_zero = float((np.abs(means[:, active]) < 0.1 * spread[active]).mean()) if active.any() else 1.0
    return vae.elbo(x, num_samples=10, seed=0).mean(), int(active.sum()), near_zero


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--priors", nargs="+", choices=PRIORS, default=list(PRIORS))
    parser.add_argument("--likelihood", default="bernoulli", help="bernoulli, gaussian, ...")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--latent-dim", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    digits = (load_digits().data / 16.0).astype("float32")
    digits = np.random.default_rng(0).permutation(digits)
    train, test = digits[360:], digits[:360]
    results = {}
    for name in options.priors:
        keras.utils.set_random_seed(options.seed)
        vae = kv.VAE(
            data_shape=(64,),
            latent_dim=options.latent_dim,
            encoder=kv.encoders.MLP((128,)),
            decoder=kv.decoders.MLP((128,)),
            prior=PRIORS[name](),
            likelihood=options.likelihood,
            seed=options.seed,
        )
        vae.compile(keras.optimizers.Adam(2e-3))
        vae.fit(train, batch_size=64, epochs=options.epochs, verbose=0)
        elbo, active, near_zero = results[name] = measure(vae, test)
        print(
            f"{name}: test ELBO {elbo:.2f}, {active} of {options.latent_dim} dimensions active, {near_zero:.0%} of "
            "their values near zero",
            flush=True,
        )
    return results


if __name__ == "__main__":
    main()
