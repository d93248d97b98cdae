"""Faces and colour images with residual networks and a likelihood for 8-bit images.

    python examples/faces.py                                # drawn faces: nothing to download
    python examples/faces.py --data frey_faces.npz          # 1965 pictures of one face, 28x20
    python examples/faces.py --data olivetti_faces.npz      # 400 pictures of 40 faces, 64x64
    python examples/faces.py --data cifar10_small.npz       # 3000 colour images, 32x32x3

Accepts any .npz with an array of images from 0 to 255. Prints the held-out bits per dimension, and writes faces.png:
samples from the prior, and held-out images above their reconstructions.
"""

import argparse
import pathlib
import sys
import time

import keras
import numpy as np
from matplotlib.figure import Figure

import keras_vae as kv

COARSEST = 8
"""The networks halve the size until an axis is this long or shorter."""
BATCH_SIZE = 32


def draw_faces(count=512, height=20, width=16, seed=0):
    """Cartoons: an oval head with eyes and a mouth, of random place, size and shade."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]

    def oval(y, x, tall, wide):
        y, x, tall, wide = (np.reshape(value, (-1, 1, 1)) for value in (y, x, tall, wide))
        return np.clip(3.0 * (1.0 - ((rows - y) / tall) ** 2 - ((columns - x) / wide) ** 2), 0.0, 1.0)

    y, x = 0.5 * height + rng.uniform(-1, 1, count), 0.5 * width + rng.uniform(-1, 1, count)
    tall, wide = rng.uniform(0.38, 0.48, count) * height, rng.uniform(0.33, 0.45, count) * width
    skin, mouth = rng.uniform(120, 230, (count, 1, 1)), rng.uniform(0.02, 0.12, count) * height
    faces = skin * oval(y, x, tall, wide)
    features = [oval(y - 0.25 * tall, x + side * 0.4 * wide, 0.06 * height, 0.09 * width) for side in (-1, 1)]
    features.append(oval(y + 0.5 * tall, x, mouth, 0.45 * wide))
    for feature in features:
        faces = faces * (1.0 - 0.8 * feature)
    return np.round(faces).astype("uint8")


def load_images(path):
    """Training and held-out images, whole numbers 0 to 255, `(n, height, width, channels)`."""
    if path is None:
        images, held_out = draw_faces(), None
    else:
        if not path.is_file():
            sys.exit(f"--data must be an .npz file. There is no file {path}.")
        with np.load(path, allow_pickle=False) as arrays:
            names = [name for name in arrays.files if arrays[name].ndim in (3, 4) and arrays[name].dtype == "uint8"]
            if not names:
                sys.exit(f"{path} holds no array of images (n, height, width[, channels]) of whole numbers 0 to 255.")
            images = arrays["x_train" if "x_train" in names else names[0]]
            held_out = arrays["x_test"] if {"x_train", "x_test"} <= set(names) else None
    if held_out is None:
        images = images[np.random.default_rng(0).permutation(len(images))]
        cut = max(1, len(images) // 10)
        images, held_out = images[cut:], images[:cut]
    return (images[..., None], held_out[..., None]) if images.ndim == 3 else (images, held_out)


def make_model(data_shape, options):
    """A VAE whose residual networks halve the images down to about 8 pixels."""
    size, filters = min(data_shape[:2]), []
    while size > COARSEST or not filters:
        filters.append(options.filters * min(4, 2 ** len(filters)))
        size = -(-size // 2)
    priors = {
        "vamp": lambda: kv.priors.VampPrior(options.components),
        "mixture": lambda: kv.priors.Mixture(options.components),
    }
    return kv.VAE(
        data_shape=data_shape,
        latent_dim=options.latent_dim,
        encoder=kv.encoders.ResNet(filters, dropout=options.dropout),
        decoder=kv.decoders.ResNet(filters[::-1], dropout=options.dropout),
        prior=priors.get(options.prior, lambda: options.prior)(),
        likelihood=kv.likelihoods.DiscretizedLogisticMixture(5),
        seed=0,
    )


def draw(vae, held_out, temperature, path):
    """Samples from the prior, and held-out images above their reconstructions."""
    columns = min(12, len(held_out))
    shape = held_out.shape[1] / held_out.shape[2]
    figure = Figure(figsize=(0.9 * columns + 0.5, 4.5 * shape + 0.9), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[3, 2])
    kv.plots.samples(vae, 3 * columns, columns=columns, temperature=temperature, ax=above)
    kv.plots.reconstructions(vae, held_out, columns, ax=below)
    figure.savefig(path, dpi=100)


def read_options(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, help=".npz file with images 0 to 255; drawn faces without it")
    parser.add_argument(
        "--epochs", type=int, default=60, help="passes over the training images and their mirror images"
    )
    parser.add_argument("--latent-dim", type=int, default=24)
    parser.add_argument("--filters", type=int, default=24, help="channels of the finest stage")
    parser.add_argument("--dropout", type=float, default=0.0, help="within the residual blocks")
    parser.add_argument("--prior", default="vamp", help="name of a prior")
    parser.add_argument("--components", type=int, default=50, help="of the priors mixture and vamp")
    parser.add_argument("--temperature", type=float, default=0.8, help="spread of the samples' latents")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/faces"), help="output folder")
    parser.add_argument("--smoke", action="store_true", help="a tiny model and a few steps, to check that it runs")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = read_options(arguments)
    keras.utils.set_random_seed(0)
    train, held_out = load_images(options.data)
    if options.smoke:
        train, held_out = train[:16], held_out[:12]
        options.epochs, options.filters, options.components, options.latent_dim = 1, 4, 3, 2
    train = np.concatenate([train, train[:, :, ::-1]])  # augmentation by mirror images
    vae = make_model(train.shape[1:], options)
    steps = options.epochs * -(-len(train) // BATCH_SIZE)
    vae.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps), global_clipnorm=100.0))
    print(f"{len(train)} images of shape {train.shape[1:]}, {vae.count_params()} weights, {steps} steps.")
    cpu = time.process_time()
    vae.fit(train, batch_size=BATCH_SIZE, epochs=options.epochs, verbose=2)
    cpu = time.process_time() - cpu

    elbo = vae.elbo(held_out, num_samples=5, seed=0).mean()
    bits = -elbo / np.log(2.0) / np.prod(train.shape[1:])
    options.out.mkdir(parents=True, exist_ok=True)
    draw(vae, held_out, options.temperature, options.out / "faces.png")
    vae.save(options.out / "model.keras")
    print(f"Held-out: {bits:.3f} bits per dimension, ELBO {elbo:.1f} nats. Training: {cpu / 60:.1f} minutes of CPU.")
    for name in ("faces.png", "model.keras"):
        print(f"Wrote {options.out / name}")
    return bits


if __name__ == "__main__":
    main()
