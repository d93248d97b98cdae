"""Samples of the prior and of each sampler, by the Fréchet distance in a small classifier's features.

    python -m tests.benchmarks.samplers --data mnist.npz

A default VAE on grey MNIST, and a small convolutional classifier, whose layer before the last gives 64 features. The
distance is that of Heusel et al. (2017) between Gaussians with the moments of the features of 5000 samples (means of
p(x | z)) and of the test images; smaller is better, and its numbers mean nothing beside those of other features.
`train` is that of 5000 training images, `reconstructions` that of 5000 test images, reconstructed from the means of
their posteriors. Seconds are of the processor. Without `--data` the images are scikit-learn's digits, 8 x 8.
"""

import argparse
import time

import keras
import numpy as np

import keras_vae as kv

SAMPLERS = {
    "mixture": lambda: kv.samplers.Mixture(),
    "mixture, 1 component": lambda: kv.samplers.Mixture(1),
    "mixture, 50 components": lambda: kv.samplers.Mixture(50),
    "flow": lambda: kv.samplers.Flow(),
    "manifold": lambda: kv.samplers.Manifold(),
    "two_stage": lambda: kv.samplers.TwoStage(),
    "aggregated": lambda: kv.samplers.Aggregated(),
}


def load(path, rows, seed):
    """Training images, their labels and test images, `(n, height, width, 1)` in [0, 1]."""
    if path is None:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images, labels = (digits.images / 16.0).astype("float32")[..., None], digits.target
        order = np.random.default_rng(0).permutation(len(images))
        train, test = order[:1400][:rows], order[1400:]
        return images[train], labels[train], images[test]
    with np.load(path) as arrays:
        x, y, test = arrays["x_train"], arrays["y_train"], arrays["x_test"]
    chosen = np.random.default_rng(seed).permutation(len(x))[:rows]
    return (x[chosen] / 255.0).astype("float32")[..., None], y[chosen], (test / 255.0).astype("float32")[..., None]


def classifier_features(images, labels, epochs):
    """A function from images to 64 features, the layer before the last of a classifier, and its accuracy."""
    layers = keras.layers
    inputs = keras.Input(images.shape[1:])
    hidden = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(inputs)
    hidden = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(hidden)
    features = layers.Dense(64, activation="relu")(layers.Flatten()(hidden))
    classifier = keras.Model(inputs, layers.Dense(10)(features))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    fitted = classifier.fit(images, labels, epochs=epochs, batch_size=128, validation_split=0.1, verbose=0)
    extractor = keras.Model(inputs, features)
    return lambda x: extractor.predict(x, batch_size=512, verbose=0), fitted.history["val_accuracy"][-1]


def distances(options, seed):
    """For every contestant the distance of its images, and the seconds that its sampler took to fit."""
    keras.utils.set_random_seed(seed)
    train, labels, test = load(options.data, options.rows, seed)
    features, accuracy = classifier_features(train, labels, options.classifier_epochs)
    start = time.process_time()
    vae = kv.VAE(train.shape[1:], options.latent_dim, seed=seed)
    vae.compile(keras.optimizers.Adam(1e-3))
    vae.fit(train, epochs=options.epochs, batch_size=128, verbose=0)
    elbo = vae.elbo(test[:2000], seed=0).mean()
    print(
        f"seed {seed}: classifier {100 * accuracy:.1f} %, VAE {time.process_time() - start:.0f} s, ELBO {elbo:.1f}",
        flush=True,
    )
    of_test, n = features(test), options.samples
    found = {
        "train": (kv.evaluation.frechet_distance(features(train[:n]), of_test), None),
        "reconstructions": (kv.evaluation.frechet_distance(features(vae.predict(test[:n], verbose=0)), of_test), None),
        "prior": (kv.evaluation.frechet_distance(features(vae.generate(n, seed=0, verbose=0)), of_test), None),
    }
    for name, (distance, _) in found.items():
        print(f"  {name}: {distance:.2f}", flush=True)
    for name, make in SAMPLERS.items():
        if options.samplers is not None and name not in options.samplers:
            continue
        start = time.process_time()
        vae.fit_sampler(make(), train, name=name, seed=0, verbose=0)
        seconds = time.process_time() - start
        samples = vae.generate(n, sampler=name, seed=0, verbose=0)
        found[name] = (kv.evaluation.frechet_distance(features(samples), of_test), seconds)
        print(f"  {name}: {found[name][0]:.2f}, {seconds:.0f} s", flush=True)
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="mnist.npz of Keras; without it the digits of scikit-learn")
    parser.add_argument("--rows", type=int, default=20000, help="training images, drawn at random")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--classifier-epochs", type=int, default=3)
    parser.add_argument("--latent-dim", type=int, default=16)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--samplers", nargs="*", choices=list(SAMPLERS), help="all by default")
    options = parser.parse_args(arguments)
    runs = [distances(options, seed) for seed in options.seeds]
    print(
        f"\nbackend {keras.backend.backend()}, {options.rows} images, {options.epochs} epochs, seeds {options.seeds}\n"
    )
    print("| drawn from | Fréchet distance | seconds to fit |\n|---|---|---|")
    for name in runs[0]:
        values = [run[name][0] for run in runs]
        seconds = runs[0][name][1]
        fit = "" if seconds is None else f"{np.mean([run[name][1] for run in runs]):.0f}"
        print(f"| {name} | {np.mean(values):.2f} ± {np.std(values):.2f} | {fit} |")


if __name__ == "__main__":
    main()
