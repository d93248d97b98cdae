"""Steps per second of `fit` for every registered encoder and decoder, on every backend that is installed.

    python -m tests.benchmarks.networks
    python -m tests.benchmarks.networks --networks conv resnet --backends tensorflow jax --seconds 3 --rounds 9

Each backend runs in a process of its own, with one thread, and they take turns: an epoch of the same network each. The
speeds are of process time, which other work on the machine does not take part in, and the medians of the rounds. On
torch the steps are recorded from the first one on, as they are after a hundred in any `fit`.
The last column is how many times slower the slowest backend is than the fastest.
"""

import argparse
import importlib.metadata
import importlib.util
import os
import pathlib
import platform
import statistics
import sys
import time

from tests.benchmarks.measured import ROOT, Answering

BACKENDS = ("tensorflow", "jax", "torch")
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "CUDA_VISIBLE_DEVICES": "",
    "JAX_PLATFORMS": "cpu",
}

IMAGE, BATCH = (28, 28, 1), 64
SEQUENCE, SHORT_BATCH = (50, 16), 32


def image(encoder="conv", decoder="conv", likelihood="bernoulli", data_shape=IMAGE, **options):
    """A model of images."""
    return {"data_shape": data_shape, "encoder": encoder, "decoder": decoder, "likelihood": likelihood, **options}


def sequence(name):
    """A model of sequences, with encoder and decoder of one kind."""
    return {"data_shape": SEQUENCE, "encoder": name, "decoder": name, "likelihood": "gaussian"}


def ladder(kv):
    """Two levels of spatial latents, from the features of a pyramid."""
    levels = [
        kv.latents.Level((7, 7, 8), merge=kv.layers.MergeConv(32, upsample=2)),
        kv.latents.Level((14, 14, 4), posterior="residual", merge=kv.layers.MergeConv(32)),
    ]
    latents = kv.latents.Hierarchical(levels, decoder_sees="state")
    return image(kv.encoders.Pyramid(), kv.decoders.Conv((32,)), latents=latents)


def fields(kv):
    """An image and a sequence, with networks of their own."""
    shapes = {"image": IMAGE, "sequence": SEQUENCE}
    networks = {"image": "conv", "sequence": "tcn"}
    likelihoods = {"image": "bernoulli", "sequence": "gaussian"}
    return image(kv.encoders.Joint(networks), kv.decoders.Joint(networks), likelihoods, shapes)


# Options of `VAE`, by row, made of the package where it is imported.
NETWORKS = {
    "mlp": lambda kv: image("mlp", "mlp"),
    "gated_mlp": lambda kv: image("gated_mlp", "gated_mlp"),
    "conv": lambda kv: image(),
    "conv, 32 x 32 x 3, discretized_logistic": lambda kv: image(
        likelihood="discretized_logistic", data_shape=(32, 32, 3)
    ),
    "conv, 32 x 32 x 3, discretized_logistic_mixture": lambda kv: image(
        likelihood="discretized_logistic_mixture", data_shape=(32, 32, 3)
    ),
    "conv, signals": lambda kv: image(data_shape=(256, 2), likelihood="gaussian"),
    "conv, volumes": lambda kv: image(
        kv.encoders.Conv((8, 16)), kv.decoders.Conv((16, 8)), "gaussian", data_shape=(12, 12, 12, 1)
    ),
    "resnet": lambda kv: image("resnet", "resnet"),
    "resnet, attention": lambda kv: image(kv.encoders.ResNet(attention=True), kv.decoders.ResNet(attention=True)),
    "pyramid": ladder,
    "pixel_cnn": lambda kv: image("conv", "pixel_cnn"),
    "denoising": lambda kv: image(kv.encoders.Denoising("mlp"), "mlp"),
    "joint": fields,
    "gru": lambda kv: sequence("gru"),
    "lstm": lambda kv: sequence("lstm"),
    "tcn": lambda kv: sequence("tcn"),
    "transformer": lambda kv: sequence("transformer"),
}


def make_model(name):
    """The compiled model of a row, and the number of rows of its batches."""
    import keras

    import keras_vae as kv

    options = {"latent_dim": 32, "seed": 0, **NETWORKS[name](kv)}
    if "latents" in options:
        del options["latent_dim"]
    vae = kv.VAE(**options)
    vae.compile(keras.optimizers.Adam(1e-3))
    return vae, SHORT_BATCH if options["data_shape"] == SEQUENCE else BATCH


def make_data(data_shape, likelihood, rows):
    """Data that the likelihood accepts."""
    import numpy as np

    if isinstance(data_shape, dict):
        return {name: make_data(shape, likelihood.parts[name], rows) for name, shape in data_shape.items()}
    x = np.random.default_rng(0).random((rows, *data_shape), dtype="float32")
    return (255 * x).astype("uint8") if likelihood.support.integer else x


class Turns:
    """Epochs of `fit` of one row in this process."""

    def __init__(self, name):
        self.vae, self.batch_size = make_model(name)
        self.epoch(2)

    def epoch(self, steps):
        """Seconds of process time of an epoch, without what `fit` does once for a call."""
        import keras

        class Clock(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                self.seconds = time.process_time()

            def on_epoch_end(self, epoch, logs=None):
                self.seconds = time.process_time() - self.seconds

        clock = Clock()
        x = make_data(self.vae.data_shape, self.vae.likelihood, steps * self.batch_size)
        self.vae.fit(x, batch_size=self.batch_size, verbose=0, callbacks=[clock])
        return clock.seconds


def serve():
    """For every line `name` make its model, for every line `steps` run an epoch, and print its seconds."""
    from keras_vae.backend import recorded_steps

    recorded_steps.UNASKED_AFTER = 0
    turns = None
    for line in sys.stdin:
        word = line.strip()
        if word in NETWORKS:
            turns = Turns(word)
            print(turns.epoch(3) / 3, flush=True)
        else:
            print(turns.epoch(int(word)), flush=True)


def process_on(backend):
    """A process on a backend, that runs `serve`."""
    env = {**os.environ, **ONE_THREAD, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    return Answering([sys.executable, "-m", "tests.benchmarks.networks", "--serve"], env)


def measure(name, backends, seconds, rounds):
    """Steps per second of every backend, the median of the rounds."""
    first = {label: backend.ask(name) for label, backend in backends.items()}
    steps = {label: max(2, round(seconds / a_step)) for label, a_step in first.items()}
    speeds = {label: [] for label in backends}
    for turn in range(rounds):
        # Every other round backwards, so that none always follows the same one.
        for label in list(backends)[:: 1 if turn % 2 == 0 else -1]:
            speeds[label].append(steps[label] / backends[label].ask(steps[label]))
    return {label: statistics.median(values) for label, values in speeds.items()}


def row(name, speeds):
    """A row of Markdown."""
    times = max(speeds.values()) / min(speeds.values())
    return f"| {name} | {' | '.join(f'{speed:.1f}' for speed in speeds.values())} | {times:.1f} |"


def versions(backends):
    """What the numbers are of: the machine and the packages."""
    model = platform.processor() or platform.machine()
    if pathlib.Path("/proc/cpuinfo").exists():
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("keras", *backends))
    return f"{model}, {os.cpu_count()} cores, one thread used, Python {platform.python_version()}, {packages}"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--backends", nargs="+", default=installed, choices=installed)
    parser.add_argument("--seconds", type=float, default=1.0, help="of an epoch, on each backend")
    parser.add_argument("--rounds", type=int, default=5, help="epochs of each")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve()
        return
    print(versions(options.backends))
    print(
        f"| networks | {' | '.join(options.backends)} | slowest / fastest |\n|---|{'---|' * len(options.backends)}---|"
    )
    backends = {name: process_on(name) for name in options.backends}
    for name in options.networks:
        print(row(name, measure(name, backends, options.seconds, options.rounds)), flush=True)
    for backend in backends.values():
        backend.close()


if __name__ == "__main__":
    main()
