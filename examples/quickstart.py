"""Train a VAE on real digits and look at what it learnt.

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
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import keras_vae as kv


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
        if "x_train" in arrays:
            train = arrays["x_train"]
            held_out = arrays.get("x_test")
        else:
            name = next((name for name in arrays.files if arrays[name].ndim in (3, 4)), None)
            if name is None:
                sys.exit(f"{path} holds no array of images (n, height, width[, channels]), only {arrays.files}.")
            train, held_out = arrays[name], None
    if held_out is None:
        train = train[np.random.default_rng(0).permutation(len(train))]
        cut = max(1, len(train) // 10)
        train, held_out = train[cut:], train[:cut]
    scale = 255.0 if train.max() > 1 else 1.0
    return train / scale, held_out / scale


def show_images(vae, held_out, path):
    """Samples, reconstructions beside their originals, and a walk between two images, in one picture."""
    columns = 10
    originals = held_out[:columns]
    walks = vae.interpolate(held_out[:3], held_out[3:6], steps=columns)
    samples = vae.generate(3 * columns, seed=0).reshape(3, columns, *held_out.shape[1:])
    rows = [("sample", row) for row in samples]
    rows += [("original", originals), ("reconstruction", vae.predict(originals))]
    rows += [("interpolation", walk) for walk in walks]
    figure, axes = plt.subplots(len(rows), columns, figsize=(columns, len(rows) + 0.5), squeeze=False)
    for (title, images), line in zip(rows, axes, strict=True):
        for image, axis in zip(images, line, strict=False):
            axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
        for axis in line:
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(title, rotation=0, ha="right", va="center")
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def show_history(history, path):
    """The loss and its two parts, over the epochs."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3))
    for axis, name in zip(axes, ("loss", "reconstruction_loss", "kl_loss"), strict=True):
        axis.plot(history[name], label="training")
        axis.plot(history[f"val_{name}"], label="held-out")
        axis.set_title(f"{name} (nats per example)")
        axis.set_xlabel("epoch")
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits", help="digits, mnist, fashion_mnist or an .npz file")
    parser.add_argument("--epochs", type=int, help="passes over the data (by default about a minute's worth)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/quickstart"), help="output folder")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    train, held_out = load_images(options.data)
    # About as many gradient steps for every data set: a minute on two cores.
    epochs = options.epochs or max(1, min(100, round(100 * 1500 * 64 / train.size)))

    vae = kv.VAE(data_shape=train.shape[1:], seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    history = vae.fit(train, batch_size=64, epochs=epochs, validation_data=held_out)
    elbo = vae.elbo(held_out, num_samples=10, seed=0).mean()

    options.out.mkdir(parents=True, exist_ok=True)
    show_images(vae, held_out, options.out / "samples.png")
    show_history(history.history, options.out / "history.png")
    vae.save(options.out / "model.keras")
    print(f"Held-out ELBO: {elbo:.2f} nats per example (KL {history.history['val_kl_loss'][-1]:.2f} nats)")
    for name in ("samples.png", "history.png", "model.keras"):
        print(f"Wrote {options.out / name}")
    return elbo


if __name__ == "__main__":
    main()
