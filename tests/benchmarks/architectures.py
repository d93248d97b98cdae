"""Image networks on the same data and the same number of steps: size, speed, and what they reach.

    python -m tests.benchmarks.architectures --data mnist.npz
    python -m tests.benchmarks.architectures --data fashion_mnist --architectures conv resnet --steps 2000

The models take turns in one process, a round of steps each on the same batches, so that whatever else the machine
does hits all of them. Printed are the medians of the rounds' steps per second, and the ELBO on held-out images.
"""

import argparse
import math
import os
import pathlib
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_vae as kv
from tests.benchmarks.fit_speed import EpochTimes

ARCHITECTURES = {
    "mlp": lambda: (kv.encoders.MLP((256, 256)), kv.decoders.MLP((256, 256))),
    "gated_mlp": lambda: (kv.encoders.GatedMLP((256, 256)), kv.decoders.GatedMLP((256, 256))),
    "conv": lambda: (kv.encoders.Conv((32, 64)), kv.decoders.Conv((64, 32))),
    "resnet": lambda: (kv.encoders.ResNet((32, 64)), kv.decoders.ResNet((64, 32))),
    "pixel_cnn": lambda: (kv.encoders.Conv((32, 64)), kv.decoders.PixelCNN(32, 3, network=kv.decoders.Conv((64, 32)))),
}
LATENT_DIM = 32


def load_images(source, held_out):
    """Training and held-out images of whole numbers 0 to 255, `(n, height, width, channels)`."""
    if source == "fashion_mnist":
        (train, _), (test, _) = keras.datasets.fashion_mnist.load_data()
    elif source == "digits":
        from sklearn.datasets import load_digits

        images = np.round(load_digits().images * 255 / 16)
        train, test = images[:1500], images[1500:]
    else:
        with np.load(pathlib.Path(source), allow_pickle=False) as arrays:
            train, test = arrays["x_train"], arrays["x_test"]
    train, test = ((images[..., None] if images.ndim == 3 else images) for images in (train, test))
    return train[np.random.default_rng(0).permutation(len(train))], test[:held_out]


def make_model(name, data_shape, likelihood):
    keras.utils.set_random_seed(0)
    encoder, decoder = ARCHITECTURES[name]()
    vae = kv.VAE(data_shape, LATENT_DIM, encoder=encoder, decoder=decoder, likelihood=likelihood, seed=0)
    vae.compile(keras.optimizers.Adam(1e-3, global_clipnorm=100.0))
    return vae


def train_in_turns(models, train, steps, rounds, batch_size):
    """Steps per second of every round, by model; without the first, which compiles, where there are others."""
    speeds = {name: [] for name in models}
    per_round = -(-steps // rounds)
    for index in range(rounds):
        rows = np.arange(index * per_round * batch_size, (index + 1) * per_round * batch_size) % len(train)
        for name, vae in models.items():
            times = EpochTimes()
            vae.fit(train[rows], batch_size=batch_size, shuffle=False, verbose=0, callbacks=[times])
            speeds[name].append(per_round / times.seconds[0])
    return {name: values[1:] or values for name, values in speeds.items()}


def report(models, speeds, held_out):
    """Print a row of Markdown for every model; their held-out ELBOs by name."""
    elements = math.prod(held_out.shape[1:])
    elbos = {name: float(vae.elbo(held_out, seed=0, batch_size=100, verbose=0).mean()) for name, vae in models.items()}
    for name, vae in models.items():
        bits = -elbos[name] / elements / math.log(2.0) if vae.likelihood.support.integer else float("nan")
        speed = statistics.median(speeds[name])
        print(f"| {name} | {vae.count_params()} | {speed:.1f} | {elbos[name]:.1f} | {bits:.3f} |")
    return elbos


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data",
        default="fashion_mnist",
        help="fashion_mnist, digits (scikit-learn's, 8x8), or an .npz file with x_train and x_test",
    )
    parser.add_argument("--architectures", nargs="+", default=list(ARCHITECTURES), choices=list(ARCHITECTURES))
    parser.add_argument("--likelihood", default="discretized_logistic_mixture", help="one for images 0 to 255")
    parser.add_argument("--steps", type=int, default=600, help="steps of every model")
    parser.add_argument("--rounds", type=int, default=10, help="turns that they are taken in")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--held-out", type=int, default=1000, help="number of held-out images")
    options = parser.parse_args(arguments)

    train, held_out = load_images(options.data, options.held_out)
    shape = train.shape[1:]
    models = {name: make_model(name, shape, options.likelihood) for name in options.architectures}
    speeds = train_in_turns(models, train, options.steps, options.rounds, options.batch_size)
    print(
        f"{keras.backend.backend()}, {options.likelihood}, {options.steps} steps of {options.batch_size} images of "
        f"shape {shape}, {os.cpu_count()} CPU cores"
    )
    print("| architecture | parameters | steps/s | held-out ELBO, nats | bits per dimension |")
    print("|---|---|---|---|---|")
    return report(models, speeds, held_out)


if __name__ == "__main__":
    main()
