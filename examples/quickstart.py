"""Train a VAE on real images, and generate, reconstruct and interpolate images.

    python examples/quickstart.py                       # scikit-learn's 8x8 digits, nothing to download
    python examples/quickstart.py --data fashion_mnist  # through keras.datasets
    python examples/quickstart.py --data mine.npz       # any array (n, height, width[, channels])

Trains for about a minute on two CPU cores, prints the ELBO of held-out images, and writes samples.png,
history.png and model.keras.
"""

import argparse
import pathlib
import sys

import keras
import numpy as np
from matplotlib.figure import Figure

import keras_vae as kv

# Number of values processed in training: about a minute on two cores.
WORK = 1.0e8
MOST_EPOCHS = 100
MOST_HELD_OUT = 2000


def load_images(source):
    """Training and held-out images, float32 in [0, 1], `(n, height, width, channels)`."""
    if source == "digits":
        from sklearn.datasets import load_digits

        images = load_digits().images / 16.0
        order = np.random.default_rng(0).permutation(len(images))
        train, held_out = images[order[:1500]], images[order[1500:]]
    elif source in ("mnist", "fashion_mnist"):
        try:
            (train, _), (held_out, _) = getattr(keras.datasets, source).load_data()
        except Exception as error:
            sys.exit(
                f"{source} is neither in Keras' cache (the folder datasets/ under KERAS_HOME, by default ~/.keras) nor "
                f"could it be downloaded: {error}\nUse --data digits, which needs no download, or --data FILE.npz."
            )
        train, held_out = train / 255.0, held_out / 255.0
    else:
        train, held_out = load_npz(pathlib.Path(source))
    train, held_out = train.astype("float32"), held_out.astype("float32")
    return (train[..., None], held_out[..., None]) if train.ndim == 3 else (train, held_out)


def load_npz(path):
    """The arrays `x_train` and `x_test` of an .npz file, or its first image array, split nine to one."""
    if not path.is_file():
        sys.exit(f"--data must be digits, mnist, fashion_mnist or an .npz file. There is no file {path}.")
    with np.load(path, allow_pickle=False) as arrays:
        shapes = {name: arrays[name].shape for name in arrays.files}
        images = [name for name, shape in shapes.items() if len(shape) in (3, 4)]
        if not images:
            sys.exit(f"{path} holds no array of images (n, height, width[, channels]), only {shapes}.")
        train = arrays["x_train" if "x_train" in images else images[0]]
        held_out = arrays["x_test"] if {"x_train", "x_test"} <= set(images) else None
    if held_out is None:
        train = train[np.random.default_rng(0).permutation(len(train))]
        cut = max(1, len(train) // 10)
        train, held_out = train[cut:], train[:cut]
    scale = 255.0 if train.max() > 1 else 1.0
    return train / scale, held_out / scale


def limit(train, held_out):
    """As much of both as fits into about a minute, said where something is left out."""
    most = max(1, int(WORK // train[0].size))
    for name, images, rows in (("training", train, most), ("held-out", held_out, MOST_HELD_OUT)):
        if len(images) > rows:
            print(f"Using the first {rows} of {len(images)} {name} images.")
    return train[:most], held_out[:MOST_HELD_OUT]


def draw_images(vae, held_out, path):
    """Samples, reconstructions below their originals, and walks between two images, in one picture."""
    columns, ends = min(10, len(held_out)), min(3, len(held_out) // 2)
    figure = Figure(figsize=(0.75 * columns + 1.5, 8.0), layout="constrained")
    above, middle, below = figure.subplots(3, 1, height_ratios=[3, 2, max(1, ends)])
    kv.plots.samples(vae, 3 * columns, columns=columns, ax=above)
    kv.plots.reconstructions(vae, held_out, columns, ax=middle)
    kv.plots.interpolation(vae, held_out[:ends], held_out[ends : 2 * ends], steps=max(1, columns - 2), ax=below)
    figure.savefig(path, dpi=100)


def draw_history(history, path):
    """The loss and its two terms, over the epochs."""
    with kv.plots.off_screen(width=11.0):
        kv.plots.history(history).savefig(path, dpi=100)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits", help="digits, mnist, fashion_mnist or an .npz file")
    parser.add_argument("--epochs", type=int, help="passes over the data (by default about a minute)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/quickstart"), help="output folder")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    train, held_out = limit(*load_images(options.data))
    epochs = options.epochs or min(MOST_EPOCHS, max(1, round(WORK / train.size)))
    print(f"Training on {len(train)} images of shape {train.shape[1:]}, epochs: {epochs}.")

    vae = kv.VAE(data_shape=train.shape[1:], seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    history = vae.fit(train, batch_size=64, epochs=epochs, validation_data=held_out)
    elbo = vae.elbo(held_out, num_samples=10, seed=0).mean()

    options.out.mkdir(parents=True, exist_ok=True)
    draw_images(vae, held_out, options.out / "samples.png")
    draw_history(history, options.out / "history.png")
    vae.save(options.out / "model.keras")
    print(f"Held-out ELBO: {elbo:.2f} nats per example (KL {history.history['val_kl_loss'][-1]:.2f} nats)")
    for name in ("samples.png", "history.png", "model.keras"):
        print(f"Wrote {options.out / name}")
    return elbo


if __name__ == "__main__":
    main()
