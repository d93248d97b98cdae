"""Anomalies among images by the ELBO, by how the scale of a Gaussian is found.

    python -m tests.benchmarks.scales_of_anomalies

scikit-learn's digits, 8 x 8 pixels in one unit, of which some hardly vary: three quarters of the images of nine digits
to train on, the others and all of the tenth to rank. Area under the ROC curve in percent.
"""

import warnings

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

import keras_vae as kv

ANOMALIES = (0, 3)


def area(anomaly, epochs=60, seed=0, **scale):
    """Area under the ROC curve of -ELBO, where the images of one digit are the anomalies."""
    pixels, digits = load_digits(return_X_y=True)
    others = np.flatnonzero(digits != anomaly)
    np.random.default_rng(seed).shuffle(others)
    train, held_out = np.split(others, [len(others) * 3 // 4])
    test = np.concatenate([held_out, np.flatnonzero(digits == anomaly)])
    x = ((pixels - pixels[train].mean(axis=0)) / pixels[train].std()).astype("float32")
    keras.utils.set_random_seed(seed)
    networks = {"encoder": kv.encoders.MLP((64,)), "decoder": kv.decoders.MLP((64,))}
    vae = kv.VAE((64,), 8, likelihood=kv.likelihoods.Gaussian(**scale), seed=seed, **networks)
    vae.compile(keras.optimizers.Adam(1e-3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # which names the pixels that hardly vary
        vae.fit(x[train], epochs=epochs, batch_size=64, verbose=0)
    return roc_auc_score(digits[test] == anomaly, -vae.elbo(x[test], seed=0))


def main(epochs=60):
    choices = [
        {"scale": "learned"},
        {"scale": "predicted", "min_relative_scale": 0.0},
        {"scale": "predicted", "min_relative_scale": 0.2},
    ]
    for scale in choices:
        areas = ", ".join(f"{100.0 * area(anomaly, epochs, **scale):.1f}" for anomaly in ANOMALIES)
        print(scale, areas, flush=True)


if __name__ == "__main__":
    main()
