"""Disentanglement of objectives on dSprites: metrics over seeds, as a table.

    KERAS_BACKEND=jax python -m tests.benchmarks.disentanglement --objectives elbo beta_tc
    KERAS_BACKEND=jax python -m tests.benchmarks.disentanglement --objectives elbo --seeds 0 --steps 2000

One model for each objective and seed, of equal networks, each trained on all 46080 images for the same number of steps.
The factors are shape, scale, orientation, x and y. The metrics compare them with the posterior's means of `--rows`
random images; DCI with a random forest. Printed are means and standard deviations over the seeds. `--data` is the path
of a sub-grid of dSprites, an `.npz` file with `imgs` (packed bits) and `latents_classes`, or `squares`: small pictures
that are drawn here.
"""

import argparse
import itertools
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_vae as kv
from tests.benchmarks.measured import ROOT

DATA = ROOT.parent / "shared" / "data" / "dsprites_grid46080.npz"
OBJECTIVES = {
    "elbo": lambda: kv.objectives.ELBO(),
    "beta_4": lambda: kv.objectives.ELBO(beta=4.0),
    "beta_tc": lambda: kv.objectives.BetaTC(beta=6.0),
}
"""What is compared, by name: functions, so that an objective that is not there only fails if it is asked for."""
NETWORKS = {
    "mlp": lambda: (kv.encoders.MLP((400, 200)), kv.decoders.MLP((200, 400))),
    # About those of Chen et al. (2018), and of Burgess et al. (2018), for a GPU.
    "large_mlp": lambda: (kv.encoders.MLP((1200, 1200)), kv.decoders.MLP((1200, 1200, 1200))),
    "conv": lambda: (kv.encoders.Conv((32, 32, 64, 64)), kv.decoders.Conv((64, 64, 32, 32))),
}


def load(source):
    """Images of zeros and ones `(n, height, width, 1)`, uint8, and their factors `(n, k)`."""
    if source == "squares":
        return squares()
    with np.load(pathlib.Path(source), allow_pickle=False) as arrays:
        images = np.unpackbits(arrays["imgs"], axis=-1).reshape(-1, 64, 64, 1)
        return images, arrays["latents_classes"]


def squares(size=16):
    """Squares of three sizes at every place where they fit, in a picture of 16x16."""
    factors = np.array(list(itertools.product(range(3), range(8), range(8))))
    images = np.zeros((len(factors), size, size, 1), "uint8")
    for image, (scale, x, y) in zip(images, factors, strict=True):
        image[y : y + 3 + 2 * scale, x : x + 3 + 2 * scale] = 1
    return images, factors


def train(name, network, images, options, seed):
    """A model of an objective, and the seconds of its training."""
    keras.utils.set_random_seed(seed)
    encoder, decoder = NETWORKS[network]()
    vae = kv.VAE(
        images.shape[1:],
        options.latent_dim,
        encoder=encoder,
        decoder=decoder,
        objective=OBJECTIVES[name](),
        seed=seed,
    )
    vae.compile(keras.optimizers.Adam(options.learning_rate), steps_per_execution=options.steps_per_execution)
    per_epoch = max(1, len(images) // options.batch_size)
    epochs, rest = divmod(options.steps, per_epoch)
    start = time.perf_counter()
    if epochs:
        vae.fit(images[: per_epoch * options.batch_size], epochs=epochs, batch_size=options.batch_size, verbose=0)
    if rest:
        rows = np.random.default_rng(seed).permutation(len(images))[: rest * options.batch_size]
        vae.fit(images[rows], batch_size=options.batch_size, verbose=0)
    return vae, time.perf_counter() - start


def measure(vae, images, factors, rows):
    """All metrics by name."""
    chosen = np.random.default_rng(0).permutation(len(images))[:rows]
    found = kv.evaluation.disentanglement(vae, images[chosen], factors[chosen], batch_size=256, verbose=0)
    few = images[chosen[:2000]]
    kl = kv.evaluation.kl_per_dimension(vae, few, seed=0, batch_size=256, verbose=0).total
    units = kv.evaluation.active_units(vae, few, batch_size=256, verbose=0)
    bound = vae.elbo(few, seed=0, batch_size=256, verbose=0).mean()
    return {**found.summary(), "active units": sum(units.counts), "KL": kl, "ELBO": float(bound)}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(DATA), help="path of the file, or squares")
    parser.add_argument("--objectives", nargs="+", choices=list(OBJECTIVES), default=["elbo"])
    parser.add_argument("--network", choices=list(NETWORKS), default="mlp")
    parser.add_argument("--latent-dim", type=int, default=10)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--steps-per-execution", type=int, default=10)
    parser.add_argument("--rows", type=int, default=10000, help="images that the metrics are computed of")
    options = parser.parse_args(arguments)
    images, factors = load(options.data)
    print(
        f"{keras.backend.backend()}, {options.network}, {len(images)} images, {options.latent_dim} latents, "
        f"{options.steps} steps of {options.batch_size}, seeds {options.seeds}",
        flush=True,
    )
    table = {}
    for name in options.objectives:
        runs = []
        for seed in options.seeds:
            vae, seconds = train(name, options.network, images, options, seed)
            start = time.perf_counter()
            runs.append(measure(vae, images, factors, options.rows))
            numbers = ", ".join(f"{key} {value:.3f}" for key, value in runs[-1].items())
            print(
                f"{name}, seed {seed}: {numbers} ({seconds:.0f} s of training, {time.perf_counter() - start:.0f} s "
                "of metrics)",
                flush=True,
            )
        table[name] = {key: np.array([run[key] for run in runs]) for key in runs[0]}
    columns = list(next(iter(table.values())))
    print(f"\n| objective | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for name, metrics in table.items():
        cells = [f"{values.mean():.3f} ± {values.std():.3f}" for values in metrics.values()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return table


if __name__ == "__main__":
    main()
