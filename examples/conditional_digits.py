"""A conditional VAE of digits: one row of new images for each class.

    python examples/conditional_digits.py                  # scikit-learn's 8x8 digits, nothing to download
    python examples/conditional_digits.py --data mine.npz  # arrays x_train (n, height, width[, channels]), y_train

Trains for about half a minute on two CPU cores, prints the ELBO of held-out images given their labels, and
writes samples.png and model.keras. Labels are integers from 0. A file may hold x_test and y_test; otherwise
one image in ten is held out.
"""

import argparse
import pathlib
import sys

import keras
import numpy as np

import keras_vae as kv

# Number of values processed in training: about half a minute on two cores.
WORK = 6.0e7
MOST_EPOCHS = 100
MOST_HELD_OUT = 2000
COLUMNS = 12


def load(source):
    """`(images, labels)` to train on and held out; images float32 in [0, 1], `(n, height, width, channels)`."""
    if source == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        images, labels, test = digits.images, digits.target, None
    else:
        path = pathlib.Path(source)
        if not path.is_file():
            sys.exit(f"--data must be digits or an .npz file. There is no file {path}.")
        with np.load(path, allow_pickle=False) as arrays:
            if not {"x_train", "y_train"} <= set(arrays.files):
                sys.exit(f"{path} must hold x_train and y_train. It holds {arrays.files}.")
            images, labels = arrays["x_train"], arrays["y_train"]
            test = (arrays["x_test"], arrays["y_test"]) if {"x_test", "y_test"} <= set(arrays.files) else None
    labels = np.squeeze(labels)
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or labels.min() < 0:
        sys.exit(f"y_train must be {len(images)} whole numbers from 0. It is {labels.dtype} of shape {labels.shape}.")
    if test is None:
        order = np.random.default_rng(0).permutation(len(images))
        images, labels = images[order], labels[order]
        cut = max(1, len(images) // 10)
        test, images, labels = (images[:cut], labels[:cut]), images[cut:], labels[cut:]
    brightest = images.max()
    return [(prepare(x, brightest), np.squeeze(y).astype("int32")) for x, y in ((images, labels), test)]


def prepare(images, brightest):
    images = (images / (brightest if brightest > 1 else 1)).astype("float32")
    return images[..., None] if images.ndim == 3 else images


def draw_classes(vae, classes, path):
    """A row of new images for each class."""
    labels = np.repeat(np.arange(classes), COLUMNS)
    with kv.plots.off_screen():
        ax = kv.plots.samples(vae, condition=labels, columns=COLUMNS)
    ax.figure.savefig(path, dpi=90)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits", help="digits or an .npz file")
    parser.add_argument("--epochs", type=int, help="passes over the data (by default about half a minute)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/conditional_digits"))
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    (train, train_labels), (held_out, held_out_labels) = load(options.data)
    held_out, held_out_labels = held_out[:MOST_HELD_OUT], held_out_labels[:MOST_HELD_OUT]
    classes = int(max(train_labels.max(), held_out_labels.max())) + 1
    epochs = options.epochs or min(MOST_EPOCHS, max(1, round(WORK / train.size)))
    print(f"Training on {len(train)} images of shape {train.shape[1:]} in {classes} classes, epochs: {epochs}.")

    vae = kv.VAE(
        data_shape=train.shape[1:],
        condition_shape=(),
        condition_encoder=keras.layers.CategoryEncoding(classes, output_mode="one_hot"),
        prior="gaussian",  # with conditions: p(z | label), learned
        seed=0,
    )
    vae.compile(keras.optimizers.Adam(1e-3))
    vae.fit([train, train_labels], batch_size=64, epochs=epochs, validation_data=[held_out, held_out_labels])
    elbo = vae.elbo([held_out, held_out_labels], num_samples=10, seed=0).mean()

    options.out.mkdir(parents=True, exist_ok=True)
    draw_classes(vae, classes, options.out / "samples.png")
    vae.save(options.out / "model.keras")
    print(f"Held-out ELBO given the label: {elbo:.2f} nats per example")
    for name in ("samples.png", "model.keras"):
        print(f"Wrote {options.out / name}")
    return elbo


if __name__ == "__main__":
    main()
