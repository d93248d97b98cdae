"""Anomalies in tables: `VAEDetector` with its default arguments, its other scores, and what people use today.

    python examples/anomalies.py                                 # scikit-learn's breast cancer data
    python examples/anomalies.py --data 6_cardio.npz mine.npz    # your own files
    python examples/anomalies.py --smoke                         # a few seconds, to see that it runs

A file is an .npz with the rows under X or x, and under y a label for each, 0 for a normal row: the format of the
ADBench data sets. Half of the normal rows are the training set; the other half and all anomalies are ranked. Training
sees no anomalies, and the settings are the same for all files.

Beside the detector stand the distance to the fifth nearest training row and the squared norm of the row, of
standardised columns; scikit-learn's IsolationForest; the error of a reconstruction by principal components with 90% of
the variance; and PyOD's VAE with its default arguments, where pyod and torch are installed.

It prints the area under the ROC curve (the probability that an anomaly scores above a normal row) and the average
precision, each as the mean over several splits and their standard deviation, and the seconds of CPU that it took.
"""

import argparse
import pathlib
import sys
import time

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from keras_vae.anomaly import VAEDetector

DEFAULT = "elbo"
OTHERS = ("log_likelihood", "reconstruction_probability", "latent_distance", "likelihood_ratio")


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
    """Ordinary rows to train on, rows to rank, and which of these are anomalies."""
    ordinary = np.random.default_rng(seed).permutation(np.flatnonzero(~odd))
    train, others = np.split(ordinary, [len(ordinary) // 2])
    test = np.concatenate([others, np.flatnonzero(odd)])
    return x[train].astype("float64"), x[test].astype("float64"), odd[test]


def standardised(train, test):
    """Both by the mean and the standard deviation of the first; a column without variation stays as it is."""
    mean, scale = train.mean(axis=0), train.std(axis=0)
    scale = np.where(scale > 1e-6 * np.abs(mean), scale, 1.0)
    return (train - mean) / scale, (test - mean) / scale


def pyod_vae():
    """PyOD's detector, or None where it is not installed."""
    try:
        from pyod.models.vae import VAE
    except ImportError as error:
        print(f"PyOD's VAE is left out: {error}. It needs `pip install pyod torch tqdm`.")
        return None
    return VAE


def peers(train, test, options):
    """Scores of `test` by other methods, larger for anomalies, by name: functions, so that each can be timed."""
    train, test = standardised(train, test)

    def pca():
        projection = PCA(0.9).fit(train)
        return np.square(test - projection.inverse_transform(projection.transform(test))).sum(axis=1)

    found = {
        "neighbour 5": lambda: NearestNeighbors(n_neighbors=5).fit(train).kneighbors(test)[0][:, -1],
        "squared norm": lambda: np.square(test).sum(axis=1),
        "IsolationForest": lambda: -IsolationForest(random_state=0).fit(train).score_samples(test),
        "PCA error": pca,
    }
    if options.pyod is not None:
        found["PyOD VAE"] = lambda: options.pyod(verbose=0, **options.pyod_options).fit(train).decision_function(test)
    return found


def measure(x, odd, options):
    """For each score an array `(splits, 3)`: area under the ROC curve, average precision, seconds of CPU."""
    results = {}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        train, test, labels = split(x, odd, seed)

        def note(name, function, test=test, labels=labels):
            start = time.process_time()
            values = function()
            row = roc_auc_score(labels, values), average_precision_score(labels, values), time.process_time() - start
            results.setdefault(name, []).append(row)

        # A list, since the lambdas run later: the other scores are of the models that the first trained.
        fitted = []

        def first(train=train, test=test, seed=seed, fitted=fitted):
            detector = VAEDetector(random_state=seed, max_steps=options.steps, num_samples=options.samples)
            fitted.append(detector.fit(train))
            return -detector.score_samples(test)

        note(DEFAULT, first)
        for name in options.scores:
            note(
                name,
                lambda name=name, train=train, test=test, fitted=fitted: (
                    -fitted[0].with_score(name, train).score_samples(test)
                ),
            )
        for name, function in peers(train, test, options).items():
            note(name, function)
    return {name: np.array(rows) for name, rows in results.items()}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, nargs="+", default=[None], metavar="FILE.npz", help="one or more")
    parser.add_argument("--seeds", type=int, default=3, help="number of splits, with a detector for each")
    parser.add_argument("--first-seed", type=int, default=0, help="of the splits")
    parser.add_argument("--steps", type=int, default=3000, help="batches that a model is trained on at most")
    parser.add_argument("--samples", type=int, default=16, help="latents for each row and model")
    parser.add_argument("--scores", nargs="*", default=OTHERS, choices=OTHERS, help="beside the ELBO")
    parser.add_argument("--no-pyod", action="store_true", help="leave PyOD's VAE out")
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.seeds, options.steps, options.samples = 1, 40, 2
    options.pyod = None if options.no_pyod else pyod_vae()
    options.pyod_options = {"epoch_num": 1} if options.smoke else {}

    results = {}
    for path in options.data:
        x, odd = load(path)
        name = "breast_cancer" if path is None else path.stem
        print(f"{name}: {len(x)} rows of {x.shape[1]} numbers, {odd.sum()} of them anomalies, {options.seeds} splits")
        results[name] = measure(x, odd, options)
        print(f"  {'score':26s} {'ROC AUC':>13s} {'average precision':>18s} {'CPU':>9s}")
        for score_name, rows in results[name].items():
            (area, precision, seconds), (area_spread, precision_spread, _) = rows.mean(axis=0), rows.std(axis=0)
            figures = f"{area:.3f} ± {area_spread:.3f} {precision:12.3f} ± {precision_spread:.3f}"
            print(f"  {score_name:26s} {figures} {seconds:7.1f} s", flush=True)
    if len(results) > 1:
        print("mean over the files")
        for score_name in next(iter(results.values())):
            area = np.mean([rows[score_name][:, 0].mean() for rows in results.values()])
            print(f"  {score_name:26s} {area:.3f}")
    return results


if __name__ == "__main__":
    main()
