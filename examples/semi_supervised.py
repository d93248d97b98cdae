"""MNIST with a hundred labels: M1 + M2 (Kingma et al., 2014), beside classifiers that see the same labels.

    KERAS_BACKEND=jax python examples/semi_supervised.py --data mnist.npz --seed 0 1 2 --out results/semi_supervised

A file in the format of keras.datasets.mnist: arrays x_train, y_train, x_test and y_test. Ten labels of each class are
kept (`--labels`), which ones depends on the seed. `--data digits` takes the 1797 digits of scikit-learn instead, 8 x 8,
of which the last 297 are the test set.

1. M1 is a VAE of the images, and sees no label.
2. M2 is a semi-supervised VAE of draws of M1's latents, with a classifier q(y | z1).

Printed are the errors on the test set of its classifier, of the same classifier trained on the labelled latents alone,
of a dense network of M1's size on these images, and of scikit-learn's logistic regression and nearest neighbours on
M1's latents. Writes a picture of styles under every label, which M1 decodes, and both models.
"""

import argparse
import pathlib
import sys
import time

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import keras_vae as kv

CLASSES = 10
ACTIVE = 0.05
"""Nats: dimensions of M1 whose KL is below hold nothing, and M2 would have to model their noise."""


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


def few_of(labels, count, seed):
    """The labels with -1 for all but `count` of each class."""
    rng = np.random.default_rng(seed)
    few = np.full(len(labels), -1)
    for label in range(CLASSES):
        few[rng.choice(np.flatnonzero(labels == label), count, replace=False)] = label
    return few


def falling(rate, epochs, steps):
    """A learning rate that falls to zero over the training."""
    return keras.optimizers.schedules.CosineDecay(rate, epochs * steps)


def train_m1(x, options, seed):
    """A VAE of the images."""
    units = tuple(options.hidden_units)
    vae = kv.VAE(
        x.shape[1:],
        latent_dim=options.m1_latent_dim,
        encoder=kv.encoders.MLP(units),
        decoder=kv.decoders.MLP(units[::-1]),
        seed=seed,
    )
    steps = -(-len(x) // options.batch_size)
    optimizer = keras.optimizers.Adam(falling(options.m1_learning_rate, options.m1_epochs, steps))
    vae.compile(optimizer, steps_per_execution=options.steps_per_execution)
    vae.fit(x, batch_size=options.batch_size, epochs=options.m1_epochs, verbose=options.verbose)
    return vae


def moments(vae, x):
    """Mean and standard deviation of the posterior of each row, `(n, 2, latent_dim)`."""
    q = vae.encode(x, mode="distribution", batch_size=500, verbose=0)
    mean, variance = keras.ops.convert_to_numpy(q.mean()), keras.ops.convert_to_numpy(q.variance())
    return np.stack([mean, np.sqrt(variance)], axis=1)


def classifier(options):
    """Two hidden layers."""
    units = options.classifier_units
    return keras.Sequential([*(keras.layers.Dense(units, activation="relu") for _ in range(2)), keras.layers.Dense(10)])


def train_m2(z, few, options, seed):
    """A semi-supervised VAE of draws of M1's latents."""
    rng = np.random.default_rng(seed)

    def draw(rows):
        return (rows[:, 0] + rows[:, 1] * rng.standard_normal(rows[:, 0].shape)).astype("float32")

    vae = kv.VAE(
        z.shape[2:],
        latent_dim=options.m2_latent_dim,
        encoder=kv.encoders.MLP((options.m2_units,)),
        decoder=kv.decoders.MLP((options.m2_units,)),
        likelihood="gaussian",
        condition_shape=(),
        condition_encoder=keras.layers.CategoryEncoding(CLASSES, output_mode="one_hot"),
        objective=kv.objectives.SemiSupervised(
            alpha=options.alpha, classifier=classifier(options), classifier_sees="x"
        ),
        seed=seed,
    )
    batches = kv.data.LabelledBatches(
        {"x": z, "label": few}, options.m2_batch_size, options.labelled, transform=draw, seed=seed
    )
    vae.compile(keras.optimizers.Adam(falling(options.m2_learning_rate, options.m2_epochs, len(batches))))
    vae.fit(batches, epochs=options.m2_epochs, verbose=options.verbose)
    return vae


def train_classifier(network, x, few, options):
    """A classifier of the labelled rows alone, early enough that it does not forget the others."""
    there = few >= 0
    network.compile("adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(x[there], few[there], batch_size=20, epochs=100, verbose=0)
    return network


def error(predicted, labels):
    """In percent."""
    return 100 * np.mean(np.asarray(predicted) != labels)


def run(x, labels, test, test_labels, options, seed):
    """Errors by method, and the two models."""
    keras.utils.set_random_seed(seed)
    few = few_of(labels, options.labels, seed)
    there = few >= 0
    clock = time.process_time()
    m1 = train_m1(x, options, seed)
    first = time.process_time() - clock
    used = kv.evaluation.kl_per_dimension(m1, x[:2000], seed=0).dimensions[0] > ACTIVE
    z, z_test = moments(m1, x)[..., used], moments(m1, test)[..., used]
    clock = time.process_time()
    m2 = train_m2(z, few, options, seed)
    second = time.process_time() - clock
    print(
        f"seed {seed}, backend {keras.backend.backend()}: M1 in {first:.0f} s of CPU time, {used.sum()} active "
        f"dimensions; M2 in {second:.0f} s",
        flush=True,
    )
    dense = keras.Sequential(
        [*(keras.layers.Dense(units, activation="relu") for units in options.hidden_units), keras.layers.Dense(10)]
    )
    same = train_classifier(classifier(options), z[:, 0], few, options)
    alone = train_classifier(dense, x, few, options)
    regression = LogisticRegression(max_iter=2000).fit(z[there, 0], few[there])
    nearest = KNeighborsClassifier(1).fit(z[there, 0], few[there])
    predicted = {
        "dense network, labelled images": alone.predict(test, verbose=0).argmax(axis=1),
        "logistic regression, M1's latents": regression.predict(z_test[:, 0]),
        "nearest neighbour, M1's latents": nearest.predict(z_test[:, 0]),
        "M2's classifier, labelled latents alone": same.predict(z_test[:, 0], verbose=0).argmax(axis=1),
        "M1 + M2": m2.predict_label(z_test[:, 0], batch_size=500, verbose=0).argmax(axis=1),
    }
    errors = {name: error(values, test_labels) for name, values in predicted.items()}
    for name, value in errors.items():
        print(f"  {name}: {value:.2f} %", flush=True)
    return errors, m1, m2, used


def draw_analogies(m1, m2, used, x, path):
    """Images, and beside each its style under every label: M2's latents, decoded by both models."""
    z = moments(m1, x)[:, 0]
    label = m2.predict_label(z[:, used]).argmax(axis=1)
    style = m2.encode({"x": z[:, used], "label": label})
    under = np.tile(np.arange(CLASSES), len(x))
    changed = np.repeat(z, CLASSES, axis=0)
    changed[:, used] = m2.decode(np.repeat(style, CLASSES, axis=0), under)
    side = round(x.shape[1] ** 0.5)
    decoded = m1.decode(changed).reshape(len(x), CLASSES, side, side)
    grid = np.concatenate([x.reshape(len(x), 1, side, side), decoded], axis=1)[..., None]
    with kv.plots.off_screen():
        ax = kv.plots.images(grid, column_labels=["data", *map(str, range(CLASSES))])
    ax.figure.savefig(path, dpi=90)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("digits"), help="mnist.npz, or digits")
    parser.add_argument("--labels", type=int, default=10, help="labels of each class")
    parser.add_argument("--m1-epochs", type=int, default=20)
    parser.add_argument("--m1-learning-rate", type=float, default=2e-3)
    parser.add_argument("--m1-latent-dim", type=int, default=30)
    parser.add_argument("--hidden-units", type=int, nargs="+", default=[400], help="of M1's networks")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--m2-epochs", type=int, default=24)
    parser.add_argument("--m2-learning-rate", type=float, default=5e-3)
    parser.add_argument("--m2-latent-dim", type=int, default=30)
    parser.add_argument("--m2-units", type=int, default=512)
    parser.add_argument("--m2-batch-size", type=int, default=256)
    parser.add_argument("--labelled", type=int, default=16, help="labelled rows in a batch of M2")
    parser.add_argument("--classifier-units", type=int, default=512)
    parser.add_argument("--alpha", type=float, default=0.1)
    parser.add_argument("--steps-per-execution", type=int, default=20)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/semi_supervised"))
    parser.add_argument("--verbose", type=int, default=0, choices=(0, 1, 2), help="as in fit")
    options = parser.parse_args(arguments)

    x, labels, test, test_labels = load(options.data)
    results = {}
    for seed in options.seed:
        errors, m1, m2, used = run(x, labels, test, test_labels, options, seed)
        for name, value in errors.items():
            results.setdefault(name, []).append(value)
    print(f"\nTest error in percent with {CLASSES * options.labels} labels, mean and deviation over {options.seed}:\n")
    print("| method | error |\n|---|---|")
    for name, values in results.items():
        print(f"| {name} | {np.mean(values):.2f} ± {np.std(values, ddof=min(1, len(values) - 1)):.2f} |")
    options.out.mkdir(parents=True, exist_ok=True)
    draw_analogies(m1, m2, used, test[:8], options.out / "analogies.png")
    for name, model in (("m1.keras", m1), ("m2.keras", m2)):
        model.save(options.out / name)
    print(f"Wrote {', '.join(str(options.out / name) for name in ('analogies.png', 'm1.keras', 'm2.keras'))}")
    return results


if __name__ == "__main__":
    main()
