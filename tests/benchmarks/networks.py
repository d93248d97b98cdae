"""Steps per second of `fit` for every registered encoder and decoder, on every backend that is installed.

    python -m tests.benchmarks.networks
    python -m tests.benchmarks.networks --networks conv resnet --backends tensorflow jax --seconds 3 --rounds 9
    python -m tests.benchmarks.networks --backends tensorflow tensorflow-xla --start

Each backend runs in a process of its own, with one thread, and they take turns: an epoch of the same network each. The
speeds are of process time, which other work on the machine does not take part in, and the medians of the rounds. On
torch the steps are recorded from the first one on, as they are after a hundred in any `fit`.
The last column is how many times slower the slowest backend is than the fastest. `tensorflow-xla` and `torch-inductor`
are compiled with `jit_compile=True`; `--start` adds, in brackets, the seconds that the first two steps took, with all
that is traced and compiled for them.
"""

import argparse
import importlib.metadata
import os
import pathlib
import platform
import statistics
import sys
import time

from tests.benchmarks.measured import ROOT, Answering, epoch_clock, installed

COMPILED = {"tensorflow-xla": "tensorflow", "torch-inductor": "torch"}
"""Further columns: a backend whose steps are compiled, which is not its default on a CPU."""
JIT_COMPILE = "KERAS_VAE_BENCHMARK_JIT_COMPILE"
"""Tells a process that it is such a column."""
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


def fields(kv, encoder, posterior="gaussian"):
    """An image and a sequence, with networks of their own."""
    shapes = {"image": IMAGE, "sequence": SEQUENCE}
    networks = {"image": "conv", "sequence": "tcn"}
    likelihoods = {"image": "bernoulli", "sequence": "gaussian"}
    options = image(encoder(networks), kv.decoders.Joint(networks), likelihoods, shapes)
    return {**options, "posterior": posterior}


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
    "joint": lambda kv: fields(kv, kv.encoders.Joint),
    "per_field, product_of_experts": lambda kv: fields(kv, kv.encoders.PerField, "product_of_experts"),
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
    jit_compile = True if JIT_COMPILE in os.environ else "auto"
    vae.compile(keras.optimizers.Adam(1e-3), jit_compile=jit_compile)
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
        start = time.process_time()
        self.epoch(2)
        self.start = time.process_time() - start

    def epoch(self, steps):
        """Seconds of process time of an epoch, without what `fit` does once for a call."""
        clock = epoch_clock()
        x = make_data(self.vae.data_shape, self.vae.likelihood, steps * self.batch_size)
        self.vae.fit(x, batch_size=self.batch_size, verbose=0, callbacks=[clock])
        return clock.seconds[0]


def serve():
    """For every line `name` make its model, for every line `steps` run an epoch, and print its seconds."""
    from keras_vae.backend import recorded_steps

    recorded_steps.UNASKED_AFTER = 0
    turns = None
    for line in sys.stdin:
        word = line.strip()
        if word == "start":
            print(turns.start, flush=True)
        elif word in NETWORKS:
            turns = Turns(word)
            print(turns.epoch(3) / 3, flush=True)
        else:
            print(turns.epoch(int(word)), flush=True)


def process_on(column):
    """A process on the backend of a column, that runs `serve`."""
    env = {**os.environ, **ONE_THREAD, "KERAS_BACKEND": COMPILED.get(column, column), "PYTHONPATH": str(ROOT)}
    if column in COMPILED:
        env[JIT_COMPILE] = "1"
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


def row(name, speeds, starts):
    """A row of Markdown."""
    times = max(speeds.values()) / min(speeds.values())
    cells = [f"{speed:.1f}" + (f" ({starts[label]:.1f} s)" if starts else "") for label, speed in speeds.items()]
    return f"| {name} | {' | '.join(cells)} | {times:.1f} |"


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
    backends = installed()
    columns = [*backends, *(name for name, backend in COMPILED.items() if backend in backends)]
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--backends", nargs="+", default=backends, choices=columns)
    parser.add_argument("--seconds", type=float, default=1.0, help="of an epoch, on each backend")
    parser.add_argument("--rounds", type=int, default=5, help="epochs of each")
    parser.add_argument("--start", action="store_true", help="print seconds of the first steps too")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve()
        return
    print(versions(sorted({COMPILED.get(name, name) for name in options.backends})))
    print(
        f"| networks | {' | '.join(options.backends)} | slowest / fastest |\n|---|{'---|' * len(options.backends)}---|"
    )
    backends = {name: process_on(name) for name in options.backends}
    for name in options.networks:
        speeds = measure(name, backends, options.seconds, options.rounds)
        starts = {label: backend.ask("start") for label, backend in backends.items()} if options.start else {}
        print(row(name, speeds, starts), flush=True)
    for backend in backends.values():
        backend.close()


if __name__ == "__main__":
    main()
