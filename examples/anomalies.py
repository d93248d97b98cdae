"""Anomaly detection with a VAE trained on normal rows, compared with two simple scores.

    python examples/anomalies.py                                 # scikit-learn's breast cancer data
    python examples/anomalies.py --data 6_cardio.npz mine.npz    # your own files
    python examples/anomalies.py --smoke                         # a few seconds, to see that it runs

A file is an .npz with the rows under X or x, and under y a label for each, 0 for a normal row: the format of the
ADBench data sets. Half of the normal rows are the training set; each column is standardised with their mean and
variance. The other half and all anomalies are ranked by four scores: -ELBO; -log p(x) by importance
sampling; the distance to the fifth nearest training row; and the squared norm of the row, which uses only the
means and variances of the columns. Training sees no anomalies, and the settings are the same for all files.

It prints the area under the ROC curve (the probability that an anomaly scores above a normal row) and the average
precision, each as the mean over several splits and their standard deviation.
"""

import argparse
import pathlib
import sys
import time

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

import keras_vae as kv

BATCH_SIZE = 64
LIKELIHOODS = ("gaussian", "laplace", "student_t")


def load(path):
    """Rows `(n, columns)`, and True where one is an anomaly."""
    if path is None:
        table = load_breast_cancer()
        return table.data, table.target == 0  # malignant
    if not path.is_file():
        sys.exit(f"--data must be an .npz file. There is no file {path}.")
    with np.load(path, allow_pickle=False) as arrays:
        names = [name for name in ("X", "x") if name in arrays.files]
        if not names or "y" not in arrays.files:
            sys.exit(f"{path} must hold the arrays X (or x) and y. It holds {', '.join(arrays.files) or 'none'}.")
        x, y = arrays[names[0]], arrays["y"]
    if x.ndim != 2 or y.shape != x.shape[:1] or not 1 < np.count_nonzero(y == 0) < len(y):
        sys.exit(f"{path} must hold rows, and a label for each: 0 for some, another for others. {x.shape}, {y.shape}.")
    return x, y != 0


def split(x, odd, seed):
    """Ordinary rows to train on, rows to rank, and which of these are anomalies; all standardised by the first."""
    ordinary = np.random.default_rng(seed).permutation(np.flatnonzero(~odd))
    train, others = np.split(ordinary, [len(ordinary) // 2])
    test = np.concatenate([others, np.flatnonzero(odd)])
    x = x.astype("float64")
    mean, scale = x[train].mean(axis=0), x[train].std(axis=0)
    # A column that does not vary but for rounding is left at its own scale.
    x = (x - mean) / np.where(scale > 1e-6 * np.abs(mean), scale, 1.0)
    return x[train].astype("float32"), x[test].astype("float32"), odd[test]


def train_model(x, options, seed):
    """A VAE of the rows `x`, a fifth of which say when to stop."""
    keras.utils.set_random_seed(seed)
    units = (options.units, options.units)
    vae = kv.VAE(
        data_shape=x.shape[1:],
        latent_dim=options.latent_dim,
        encoder=kv.encoders.MLP(units),
        decoder=kv.decoders.MLP(units),
        likelihood=kv.likelihoods.get(
            options.likelihood, scale=options.scale, min_relative_scale=options.min_relative_scale
        ),
        seed=seed,
    )
    vae.compile(keras.optimizers.Adam(1e-3, global_clipnorm=10.0))
    held_out, x = np.split(x, [max(1, len(x) // 5)])
    vae.fit(
        x,
        batch_size=BATCH_SIZE,
        epochs=-(-options.steps * BATCH_SIZE // len(x)),
        validation_data=held_out,
        validation_batch_size=1024,
        verbose=0,
        callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=options.patience, restore_best_weights=True)],
    )
    return vae


def score(train, test, options, seed):
    """Numbers that are large where a row of `test` is unlike those of `train`, by name."""
    vae = train_model(train, options, seed)
    neighbours = NearestNeighbors(n_neighbors=options.neighbours).fit(train)
    return {
        "-ELBO": -vae.elbo(test, num_samples=20, batch_size=512, seed=0, verbose=0),
        "-log p(x)": -vae.log_likelihood(test, num_samples=options.samples, seed=0, verbose=0),
        f"neighbour {options.neighbours}": neighbours.kneighbors(test)[0][:, -1],
        "squared norm": np.square(test).sum(axis=1),
    }


def measure(x, odd, options):
    """For each score an array `(splits, 2)`: area under the ROC curve and average precision."""
    results = {}
    for seed in range(options.seeds):
        train, test, labels = split(x, odd, seed)
        for name, values in score(train, test, options, seed).items():
            row = roc_auc_score(labels, values), average_precision_score(labels, values)
            results.setdefault(name, []).append(row)
    return {name: np.array(rows) for name, rows in results.items()}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, nargs="+", default=[None], metavar="FILE.npz", help="one or more")
    parser.add_argument("--seeds", type=int, default=3, help="number of splits, with one model for each")
    parser.add_argument("--steps", type=int, default=3000, help="batches of 64 rows to train on at most")
    parser.add_argument("--patience", type=int, default=20, help="epochs without improvement before training stops")
    parser.add_argument("--latent-dim", type=int, default=16)
    parser.add_argument("--units", type=int, default=64, help="of each of the two layers of both networks")
    parser.add_argument("--likelihood", default="gaussian", choices=LIKELIHOODS)
    parser.add_argument("--scale", default="learned", choices=("learned", "predicted"), help="of the likelihood")
    parser.add_argument("--min-relative-scale", type=float, default=0.2, help="lower bound of a predicted scale")
    parser.add_argument("--samples", type=int, default=100, help="importance samples")
    parser.add_argument("--neighbours", type=int, default=5, help="which neighbour's distance to take")
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.seeds, options.steps, options.units, options.samples = 1, 4, 8, 2

    results = {}
    for path in options.data:
        start, (x, odd) = time.process_time(), load(path)
        name = "breast_cancer" if path is None else path.stem
        print(f"{name}: {len(x)} rows of {x.shape[1]} numbers, {odd.sum()} of them anomalies, {options.seeds} splits")
        results[name] = measure(x, odd, options)
        print(f"  {'score':14s} {'ROC AUC':>13s} {'average precision':>18s}")
        for score_name, rows in results[name].items():
            (area, precision), (area_spread, precision_spread) = rows.mean(axis=0), rows.std(axis=0)
            print(f"  {score_name:14s} {area:.3f} ± {area_spread:.3f} {precision:12.3f} ± {precision_spread:.3f}")
        print(f"  {time.process_time() - start:.0f} s of CPU", flush=True)
    return results


if __name__ == "__main__":
    main()
