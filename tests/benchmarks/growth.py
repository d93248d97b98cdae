"""How time and memory grow with batch, latents, components, levels, samples, sequence length and rows.

    KERAS_BACKEND=torch python -m tests.benchmarks.growth
    KERAS_BACKEND=torch python -m tests.benchmarks.growth --out docs/growth.json    # what docs/performance.md shows

Each point is a process of its own. Time is the processor's, of one thread, for a step after those that compile; memory
is the most that the process held, beside the data and the weights. To both is fitted
cost = constant + factor * size ** exponent.
"""

import argparse
import functools
import importlib.util
import json
import multiprocessing
import os
import pathlib
import platform
import resource
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
os.environ["TF_NUM_INTEROP_THREADS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import keras
import numpy as np

import keras_vae as kv
from tests.benchmarks import streams
from tests.benchmarks.measured import epoch_clock

WIDTH = 784
BATCH = 128
EXPONENTS = np.arange(0.0, 3.01, 0.02)


def mlp(latent_dim=20, **options):
    networks = {"encoder": kv.encoders.MLP((400,)), "decoder": kv.decoders.MLP((400,))}
    return kv.VAE((WIDTH,), latent_dim, seed=0, **networks, **options)


def hierarchy(levels):
    latents = kv.latents.Hierarchical([kv.latents.Level(32) for _ in range(levels)])
    networks = {"encoder": kv.encoders.MLP((32,)), "decoder": kv.decoders.MLP((32,))}
    return kv.VAE((32,), latents=latents, seed=0, **networks)


def of_sequences(kind, length):
    networks = {
        "gru": lambda: (kv.encoders.GRU((64,)), kv.decoders.GRU((64,))),
        "transformer": lambda: (
            kv.encoders.Transformer(width=32, blocks=1, heads=2),
            kv.decoders.Transformer(width=32, blocks=1, heads=2),
        ),
    }
    encoder, decoder = networks[kind]()
    return kv.VAE((length, 8), 8, encoder=encoder, decoder=decoder, likelihood="bernoulli", seed=0)


# Of every axis: what a size means, the sizes, and a function from a size to a model and the rows of a batch.
AXES = {
    "batch": ("rows of a batch", (64, 256, 1024, 4096), lambda size: (mlp(), size)),
    "latents": ("latent dimensions", (128, 512, 2048, 8192), lambda size: (mlp(size), BATCH)),
    "components": (
        "components of a VampPrior",
        (125, 500, 2000, 8000),
        lambda size: (mlp(prior=kv.priors.VampPrior(size, seed=0)), BATCH),
    ),
    "levels": ("levels of latents", (1, 2, 4, 8, 16), lambda size: (hierarchy(size), BATCH)),
    "samples": (
        "samples of the ELBO",
        (1, 4, 16, 64),
        lambda size: (mlp(objective=kv.objectives.ELBO(num_samples=size)), BATCH),
    ),
    "gru": ("steps of a sequence, `gru`", (16, 64, 256), lambda size: (of_sequences("gru", size), 32)),
    "transformer": (
        "steps of a sequence, `transformer`",
        (64, 256, 1024),
        lambda size: (of_sequences("transformer", size), 8),
    ),
}
ROWS = (4096, 16384, 65536)


def peak():
    """Bytes that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure_step(axis, size, steps, epochs):
    """Milliseconds of a step, and megabytes at most beside the data and the weights."""
    vae, rows = AXES[axis][2](size)
    vae.compile(keras.optimizers.Adam(1e-3))
    data = np.random.default_rng(0).random((rows * steps, *vae.data_shape), dtype="float32")
    before = peak()
    clock = epoch_clock()
    vae.fit(data, batch_size=rows, epochs=epochs + 1, verbose=0, callbacks=[clock])
    return 1e3 * min(clock.seconds[1:]) / steps, (peak() - before) / 1e6


def measure_rows(rows):
    """Milliseconds of an epoch over rows in memory, and megabytes at most, the rows included."""
    before = peak()
    data = np.random.default_rng(0).random((rows, WIDTH), dtype="float32")
    vae = mlp()
    vae.compile(keras.optimizers.Adam(1e-3))
    vae.fit(data[: 4 * BATCH], batch_size=BATCH, verbose=0)
    clock = epoch_clock()
    vae.fit(data, batch_size=BATCH, verbose=0, callbacks=[clock])
    return 1e3 * clock.seconds[0], (peak() - before) / 1e6


def measure_stream(reader, path, rows):
    """Milliseconds of an epoch over rows of a file, and megabytes above what a model that has trained holds."""
    vae = mlp()
    vae.compile(keras.optimizers.Adam(1e-3))
    vae.fit(streams.READERS[reader](path, 4 * BATCH, WIDTH, BATCH), shuffle=False, verbose=0)
    before = peak()
    clock = epoch_clock()
    vae.fit(streams.READERS[reader](path, rows, WIDTH, BATCH), shuffle=False, verbose=0, callbacks=[clock])
    return 1e3 * clock.seconds[0], (peak() - before) / 1e6


def _answer(connection, function):
    try:
        connection.send(function())
    except Exception as error:
        connection.send(error)


def in_process(function):
    """The result of a function in a fork of this process, which has imported everything and computed nothing."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(there, function))
    process.start()
    there.close()
    try:
        result = here.recv()
    except EOFError:
        result = RuntimeError(f"the process ended with {process.exitcode}")
    process.join()
    if isinstance(result, Exception):
        raise result
    return result


def fitted_exponent(sizes, costs):
    """The exponent p of cost = a + b * size ** p, a and b not negative, with the smallest relative error."""
    sizes, costs = np.asarray(sizes, dtype="float64"), np.asarray(costs, dtype="float64")
    best, found = np.inf, 0.0
    for exponent in EXPONENTS:
        growing = (sizes / sizes[-1]) ** exponent
        columns = np.stack([np.ones_like(sizes), growing], axis=1) / costs[:, None]
        weights = np.linalg.lstsq(columns, np.ones_like(costs), rcond=None)[0]
        if weights[0] < 0:  # then the constant is 0
            own = columns[:, 1]
            weights = np.array([0.0, own.sum() / (own @ own)])
        error = np.sum((columns @ weights - 1.0) ** 2)
        if weights[1] >= 0 and error < best - 1e-12:
            best, found = error, float(exponent)
    return found


def row(name, what, sizes, points):
    """A row of the results, printed as Markdown."""
    milliseconds, megabytes = (list(column) for column in zip(*points, strict=True))
    exponents = [fitted_exponent(sizes, column) for column in (milliseconds, megabytes)]
    print(
        f"| {what} | {', '.join(map(str, sizes))} | {', '.join(f'{value:.3g}' for value in milliseconds)} | "
        f"{exponents[0]:.2f} | {', '.join(f'{value:.0f}' for value in megabytes)} | {exponents[1]:.2f} |",
        flush=True,
    )
    return {
        "axis": name,
        "what": what,
        "sizes": list(sizes),
        "milliseconds": [round(value, 3) for value in milliseconds],
        "megabytes": [round(value, 1) for value in megabytes],
        "exponents": [round(value, 2) for value in exponents],
    }


def stream_rows(allowed, folder):
    """Files of four times the megabytes allowed, through every reader: a dict of what they took."""
    rows = int(4 * allowed * 1e6 / (4 * WIDTH)) // BATCH * BATCH
    path = folder / "rows.f32"
    streams.write(path, rows, WIDTH)
    results = {}
    print(
        f"\n{rows} rows on disk, {4 * allowed:g} MB, with {allowed:g} MB of memory allowed above that of the model:\n"
    )
    print("| reader | ms an epoch | MB above | within what is allowed |\n|---|---|---|---|")
    for reader in streams.READERS:
        milliseconds, megabytes = in_process(functools.partial(measure_stream, reader, path, rows))
        print(f"| {reader} | {milliseconds:.0f} | {megabytes:.0f} | {megabytes <= allowed} |", flush=True)
        results[reader] = {"milliseconds": round(milliseconds), "megabytes": round(megabytes, 1)}
    return {"rows": rows, "megabytes_on_disk": 4 * allowed, "allowed": allowed, "readers": results}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    axes = [*AXES, "rows", "streams"]
    parser.add_argument("--axes", nargs="+", choices=axes, default=axes)
    parser.add_argument("--steps", type=int, default=5, help="steps of an epoch")
    parser.add_argument("--epochs", type=int, default=3, help="epochs, of which the fastest counts")
    parser.add_argument("--largest", type=int, default=99, help="of the sizes of an axis the first ones")
    parser.add_argument("--allowed", type=float, default=100.0, help="megabytes for rows that are streamed")
    parser.add_argument("--out", type=pathlib.Path, help="a JSON file that gets the results of this backend")
    options = parser.parse_args(arguments)

    if importlib.util.find_spec("tensorflow"):
        import tensorflow  # noqa: F401  (Keras imports it in some fits, to compare types: it would count as memory)
    print("| sizes of | | ms of a step, or an epoch | exponent | MB | exponent |\n|---|---|---|---|---|---|")
    results = []
    for name, (what, sizes, _) in AXES.items():
        if name in options.axes:
            sizes = sizes[: options.largest]
            measured = [
                in_process(functools.partial(measure_step, name, size, options.steps, options.epochs)) for size in sizes
            ]
            results.append(row(name, what, sizes, measured))
    if "rows" in options.axes:
        sizes = ROWS[: options.largest]
        results.append(
            row("rows", "rows in memory", sizes, [in_process(functools.partial(measure_rows, size)) for size in sizes])
        )
    found = {"versions": versions(), "growth": results}
    if "streams" in options.axes:
        with tempfile.TemporaryDirectory() as folder:
            found["streams"] = stream_rows(options.allowed, pathlib.Path(folder))
    if options.out:
        before = json.loads(options.out.read_text()) if options.out.is_file() else {}
        options.out.write_text(json.dumps({**before, keras.backend.backend(): found}, indent=1) + "\n")
    return found


def versions():
    """What was measured, and on what."""
    from importlib.metadata import version

    backend = keras.backend.backend()
    return {
        "keras": keras.__version__,
        backend: version(backend),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one used",
    }


if __name__ == "__main__":
    main()
