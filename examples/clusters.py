"""Digits in clusters without any label: a VAE whose prior is a mixture (VaDE), beside k-means and a Gaussian mixture.

    KERAS_BACKEND=jax python examples/clusters.py --data mnist.npz --seed 0 1 2 --out results/clusters

A file in the format of keras.datasets.mnist: arrays x_train, y_train, x_test and y_test. The labels are used to count
what the clusters got right, and for nothing else. `--data digits` takes the 1797 digits of scikit-learn instead, 8 x 8,
of which the last 297 are the test set.

1. The model is trained as an autoencoder, with beta = 0: nothing pulls the encodings together.
2. The mixture is fitted to the encodings by expectation maximisation.
3. All of it is trained by the ELBO (Jiang et al., 2017).

Accuracy is that of the best assignment of clusters to classes; ARI is the adjusted Rand index. Writes a picture
with draws from each cluster, and the last model.
"""

import argparse
import pathlib
import sys
import time

import keras
import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, confusion_matrix
from sklearn.mixture import GaussianMixture

import keras_vae as kv

CLUSTERS = 10
COLUMNS = 12


def load(source):
    """`(x_train, y_train, x_test, y_test)`, x as float32 rows in [0, 1]."""
    if str(source) == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        x = (x / 16).astype("float32")
        return x[:1500], y[:1500], x[1500:], y[1500:]
    if not source.is_file():
        sys.exit(f"--data must be digits or an .npz file. There is no file {source}.")
    with np.load(source, allow_pickle=False) as arrays:
        names = ("x_train", "y_train", "x_test", "y_test")
        if not set(names) <= set(arrays.files):
            sys.exit(f"{source} must hold {', '.join(names)}. It holds {arrays.files}.")
        x_train, y_train, x_test, y_test = (arrays[name] for name in names)
    rows = [(x.reshape(len(x), -1) / 255).astype("float32") for x in (x_train, x_test)]
    return rows[0], y_train, rows[1], y_test


def scores(labels, clusters):
    """Accuracy in percent under the best assignment of clusters to classes, and the adjusted Rand index."""
    counts = confusion_matrix(labels, clusters)
    rows, columns = linear_sum_assignment(-counts)
    return 100 * counts[rows, columns].sum() / len(labels), adjusted_rand_score(labels, clusters)


def train(x, options, seed):
    """A VAE whose prior is a mixture with a component for each cluster."""
    keras.utils.set_random_seed(seed)
    units = tuple(options.hidden_units)
    vae = kv.VAE(
        x.shape[1:],
        latent_dim=options.latent_dim,
        encoder=kv.encoders.MLP(units),
        decoder=kv.decoders.MLP(units[::-1]),
        prior=kv.priors.Mixture(CLUSTERS, seed=seed),
        objective=kv.objectives.ELBO(beta=0.0),
        seed=seed,
    )
    vae.compile(keras.optimizers.Adam(options.learning_rate), steps_per_execution=options.steps_per_execution)
    vae.fit(x, batch_size=options.batch_size, epochs=options.pretraining, verbose=options.verbose)

    vae.prior.fit(vae.encode(x, batch_size=500), seed=seed)
    vae.objective.beta.assign(1.0)
    rate = keras.optimizers.schedules.CosineDecay(
        options.learning_rate, options.epochs * -(-len(x) // options.batch_size), alpha=0.1
    )
    vae.compile(keras.optimizers.Adam(rate), steps_per_execution=options.steps_per_execution)
    before = clusters_of(vae, x)
    vae.fit(x, batch_size=options.batch_size, epochs=options.epochs, verbose=options.verbose)
    return vae, before


def clusters_of(vae, x):
    """The most probable component of every row."""
    return vae.responsibilities(x, batch_size=500).argmax(axis=1)


def draw_clusters(vae, path):
    """A row of draws from each cluster."""
    drawn = vae.generate(component=np.repeat(np.arange(CLUSTERS), COLUMNS), seed=0)
    side = round(drawn.shape[1] ** 0.5)
    with kv.plots.off_screen():
        ax = kv.plots.images(drawn.reshape(-1, side, side), columns=COLUMNS)
    ax.figure.savefig(path, dpi=90)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("digits"), help="mnist.npz, or digits")
    parser.add_argument("--pretraining", type=int, default=15, help="epochs as an autoencoder")
    parser.add_argument("--epochs", type=int, default=25, help="epochs by the ELBO")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--hidden-units", type=int, nargs="+", default=[400])
    parser.add_argument("--latent-dim", type=int, default=10)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--steps-per-execution", type=int, default=20)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/clusters"))
    parser.add_argument("--verbose", type=int, default=0, choices=(0, 1, 2), help="as in fit")
    options = parser.parse_args(arguments)

    x, known, test, labels = load(options.data)
    results = {}
    for seed in options.seed:
        clock = time.process_time()
        vae, before = train(x, options, seed)
        seconds = time.process_time() - clock
        principal = PCA(options.latent_dim, random_state=seed).fit(x)
        k_means = KMeans(CLUSTERS, n_init=10, random_state=seed).fit(principal.transform(x))
        mixture = GaussianMixture(CLUSTERS, random_state=seed).fit(principal.transform(x))
        found = {
            f"k-means, {options.latent_dim} principal components": k_means.predict(principal.transform(test)),
            f"Gaussian mixture, {options.latent_dim} principal components": mixture.predict(principal.transform(test)),
            "VAE with a mixture as its prior": clusters_of(vae, test),
        }
        print(f"seed {seed}: trained in {seconds:.0f} s of CPU time, backend {keras.backend.backend()}", flush=True)
        print(f"  training set, before step 3: accuracy {scores(known, before)[0]:.1f} %")
        for name, clusters in found.items():
            results.setdefault(name, []).append(scores(labels, clusters))
            accuracy, index = results[name][-1]
            print(f"  {name}: accuracy {accuracy:.1f} %, ARI {index:.3f}", flush=True)

    print(f"\nTest set, mean and standard deviation over the seeds {options.seed}:\n")
    print("| clusters | accuracy in percent | ARI |\n|---|---|---|")
    for name, runs in results.items():
        (accuracy, index), spread = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=min(1, len(runs) - 1))
        print(f"| {name} | {accuracy:.1f} ± {spread[0]:.1f} | {index:.3f} ± {spread[1]:.3f} |")
    options.out.mkdir(parents=True, exist_ok=True)
    draw_clusters(vae, options.out / "clusters.png")
    vae.save(options.out / "model.keras")
    print(f"Wrote {options.out / 'clusters.png'} and {options.out / 'model.keras'}")
    return results


if __name__ == "__main__":
    main()
