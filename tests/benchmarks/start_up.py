"""How long a model takes to start: building it, the first `fit`, and the first calls of inference methods.

    KERAS_BACKEND=jax python -m tests.benchmarks.start_up
    KERAS_BACKEND=jax python -m tests.benchmarks.start_up --calls

Each model starts in a process of its own, so that nothing is compiled yet. The seconds are of process time on one
thread, the medians of the rounds: they hardly depend on what else the machine does. A `fit` is one step of 128 rows,
the second one without what is compiled in the first. With `--calls`: methods that were called before, for a number of
rows that is new.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tests.benchmarks.measured import answer, in_a_process

MODELS = {
    "conv": {"data_shape": (28, 28, 1)},
    "mlp": {"data_shape": (784,)},
    "gru": {"data_shape": (28, 28), "encoder": "gru", "decoder": "gru"},
    "vamp": {"data_shape": (784,), "prior": "vamp"},
}
STAGES = ("import", "build", "first fit", "second fit", "first generate(16)")
CALLS = {
    "generate": lambda vae, x: vae.generate(len(x)),
    "encode": lambda vae, x: vae.encode(x),
    'encode(mode="distribution")': lambda vae, x: vae.encode(x, mode="distribution"),
    "decode": lambda vae, x: vae.decode(vae.encode(x)),
    "predict": lambda vae, x: vae.predict(x),
    "elbo": lambda vae, x: vae.elbo(x),
}


def stages(name):
    """Seconds of every stage, in this process."""
    seconds, last = {}, time.process_time()

    def after(stage):
        nonlocal last
        now = time.process_time()
        seconds[stage], last = now - last, now

    import keras
    import numpy as np

    import keras_vae as kv

    keras.utils.set_random_seed(0)
    keras.ops.convert_to_numpy(keras.ops.zeros(3))  # the backend starts
    after("import")
    vae = kv.VAE(**MODELS[name])
    after("build")
    vae.compile("adam")
    x = np.random.default_rng(0).random((128, *MODELS[name]["data_shape"]), dtype="float32")
    for stage in ("first fit", "second fit"):
        vae.fit(x, batch_size=128, verbose=0)
        after(stage)
    vae.generate(16)
    after("first generate(16)")
    return seconds


def calls():
    """Seconds of every method for a number of rows that is new, in this process."""
    import numpy as np

    import keras_vae as kv

    vae, data = kv.VAE(**MODELS["mlp"]), np.random.default_rng(0).random((32, 784), dtype="float32")
    seconds = {}
    for method, call in CALLS.items():
        for rows in (32, 31, 30):
            call(vae, data[:rows])
        times = []
        for rows in range(29, 19, -1):
            start = time.process_time()
            call(vae, data[:rows])
            times.append(time.process_time() - start)
        seconds[method] = statistics.median(times)
    return seconds


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=3, help="processes for each model")
    parser.add_argument("--calls", action="store_true", help="methods that were called before")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        answer(**(calls() if options.serve == "calls" else stages(options.serve)))
        return
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")

    def medians(what):
        found = [
            in_a_process("tests.benchmarks.start_up", "--serve", what, backend=backend, threads=1)
            for _ in range(options.rounds)
        ]
        return {key: statistics.median(one[key] for one in found) for key in found[0]}

    if options.calls:
        print("| backend | method | milliseconds |\n|---|---|---|")
        for method, seconds in medians("calls").items():
            print(f"| {backend} | `{method}` | {1000 * seconds:.1f} |")
        return
    print(f"| backend | model | {' | '.join(STAGES)} |\n|---|---|{'---|' * len(STAGES)}")
    for name in options.models:
        seconds = medians(name)
        print(f"| {backend} | {name} | {' | '.join(f'{seconds[stage]:.2f}' for stage in STAGES)} |", flush=True)


if __name__ == "__main__":
    main()
