"""What it costs that a training step makes no update after an invalid loss, and that `fit` looks at every loss.

    KERAS_BACKEND=tensorflow python -m tests.benchmarks.stop_on_invalid

The same model is trained with and without both, in turns of some short epochs. Printed is the process time of a step
in the fastest tenth of the epochs, which other work on the machine disturbs least.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_vae as kv

STEPS = 20
MODELS = {
    "tiny": lambda: kv.VAE((4,), 2, encoder=kv.encoders.MLP((8,)), decoder=kv.decoders.MLP((8,))),
    "default": lambda: kv.VAE((784,)),
}
BATCH_SIZE = {"tiny": 32, "default": 128}


class EpochTimes(keras.callbacks.Callback):
    """Seconds of process time of every epoch."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.process_time() - self.start)


def compare(name, turns):
    """Microseconds of a step with and without."""
    variants = {"with": [kv.callbacks.StopOnInvalid()], "without": []}
    width = 4 if name == "tiny" else 784
    x = np.random.default_rng(0).random((STEPS * BATCH_SIZE[name], width)).astype("float32")
    models, seconds = {}, {variant: [] for variant in variants}
    for turn in range(turns + 1):
        for variant, callbacks in variants.items():
            if not turn:
                models[variant] = MODELS[name]()
                models[variant].compile("adam")
            times = EpochTimes()
            models[variant].fit(x, batch_size=BATCH_SIZE[name], epochs=6, verbose=0, callbacks=[times, *callbacks])
            seconds[variant] += times.seconds[1:] if turn else []
    return {variant: 1e6 * np.quantile(times, 0.1) / STEPS for variant, times in seconds.items()}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--turns", type=int, default=20)
    options = parser.parse_args(arguments)
    print("| backend | model | with, us | without, us | ratio |\n|---|---|---|---|---|")
    for model in options.models:
        result = compare(model, options.turns)
        print(
            f"| {keras.backend.backend()} | {model} | {result['with']:.0f} | {result['without']:.0f} | "
            f"{result['with'] / result['without']:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
