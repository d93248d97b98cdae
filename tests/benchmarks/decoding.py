"""Seconds to decode with a state carried from step to step, and with a whole pass for every step.

    KERAS_BACKEND=tensorflow OMP_NUM_THREADS=1 python -m tests.benchmarks.decoding

For every autoregressive decoder with its default sizes: 32 rows, process time of `decode` once it is compiled, the
fastest of some turns. Sequences have 100 steps of 16 numbers, images 28 x 28 pixels.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_vae as kv

ROWS, LATENT_DIM = 32, 16
SEQUENCE, IMAGE = (100, 16), (28, 28, 1)
DECODERS = {
    "gru": (kv.decoders.GRU, SEQUENCE),
    "lstm": (kv.decoders.LSTM, SEQUENCE),
    "tcn": (kv.decoders.TCN, SEQUENCE),
    "transformer": (kv.decoders.Transformer, SEQUENCE),
    "pixel_cnn": (kv.decoders.PixelCNN, IMAGE),
}


def without_state(cls):
    """The same decoder, whose loop calls `call` on the whole prefix at every step."""
    base = kv.decoders.Autoregressive
    return type(
        cls.__name__, (cls,), {"carries_state": False, "start": base.start, "next_features": base.next_features}
    )


def models(name, data_shape=None):
    """With a state and without one, of equal weights."""
    cls, shape = DECODERS[name]
    made = {}
    for label, decoder in (("carried", cls), ("whole", without_state(cls))):
        keras.utils.set_random_seed(0)
        likelihood = "bernoulli" if len(shape) == 3 else "gaussian"
        made[label] = kv.VAE(
            data_shape or shape, LATENT_DIM, encoder="mlp", decoder=decoder(), likelihood=likelihood, seed=0
        )
    made["whole"].set_weights(made["carried"].get_weights())
    return made


def measure(name, turns, data_shape=None):
    """Seconds of both, and the largest difference of their results."""
    z = np.random.default_rng(0).standard_normal((ROWS, LATENT_DIM)).astype("float32")
    made = models(name, data_shape)
    results = {label: vae.decode(z, mode="mean", verbose=0) for label, vae in made.items()}
    seconds = {label: float("inf") for label in made}
    for _ in range(turns):
        for label, vae in made.items():
            start = time.process_time()
            vae.decode(z, mode="mean", verbose=0)
            seconds[label] = min(seconds[label], time.process_time() - start)
    return seconds, float(np.abs(results["carried"] - results["whole"]).max())


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decoders", nargs="+", default=list(DECODERS), choices=list(DECODERS))
    parser.add_argument("--turns", type=int, default=2)
    options = parser.parse_args(arguments)
    print("| backend | decoder | with a state, s | whole passes, s | ratio | largest difference |")
    print("|---|---|---|---|---|---|")
    for name in options.decoders:
        seconds, difference = measure(name, options.turns)
        carried, whole = seconds["carried"], seconds["whole"]
        print(
            f"| {keras.backend.backend()} | {name} | {carried:.2f} | {whole:.2f} | {whole / carried:.1f} | "
            f"{difference:.0e} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
