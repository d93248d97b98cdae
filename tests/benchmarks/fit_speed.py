"""How fast `VAE.fit` is, beside the same model built by hand in Keras and beside a loop written by hand.

    KERAS_BACKEND=jax python -m tests.benchmarks.fit_speed

The three take turns in one process, an epoch each, so that whatever else the machine does hits all of
them. Printed are the medians of the steps per second of whole epochs, shuffling included, and the medians
of the ratios within a round.

    KERAS_BACKEND=jax python -m tests.benchmarks.fit_speed --steps-per-execution 32 --jit-compile

runs that many steps of the VAE in one call, and compiles where Keras would not: on TensorFlow the loop too.

    KERAS_BACKEND=jax python -m tests.benchmarks.fit_speed --against ../of_0_1_0

compares the `fit` of this checkout with that of another one, such as a `git worktree` of a tag: both run in a
process of their own, and take turns too.
"""

import argparse
import cProfile
import os
import pathlib
import pstats
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import ops

import keras_vae as kv

LATENT_DIM = 20
BATCH_SIZE = 128


class EpochTimes(keras.callbacks.Callback):
    """Seconds of every epoch: what `fit` does once for a call is not counted."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)


class HandBuilt(keras.Model):
    """The same model in plain Keras, as its code examples write it: sampling and KL by hand."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder = encoder
        self.z_mean = keras.layers.Dense(LATENT_DIM)
        self.z_log_var = keras.layers.Dense(LATENT_DIM, kernel_initializer="zeros")
        self.decoder = decoder
        self.seed_generator = keras.random.SeedGenerator(0)
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_loss")

    def build(self, input_shape):
        self.z_mean.build(self.encoder.output_shape)
        self.z_log_var.build(self.encoder.output_shape)

    def call(self, x):
        features = self.encoder(x)
        z_mean, z_log_var = self.z_mean(features), self.z_log_var(features)
        dtype = keras.backend.standardize_dtype(z_mean.dtype)
        noise = keras.random.normal(ops.shape(z_mean), dtype=dtype, seed=self.seed_generator)
        return {
            "logits": self.decoder(z_mean + ops.exp(0.5 * z_log_var) * noise),
            "z_mean": z_mean,
            "z_log_var": z_log_var,
        }

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        reconstruction, kl = negative_elbo_parts(x, **y_pred)
        self.reconstruction_tracker.update_state(reconstruction)
        self.kl_tracker.update_state(kl)
        return reconstruction + kl


def negative_elbo_parts(x, logits, z_mean, z_log_var):
    cross_entropy = ops.softplus(logits) - x * logits
    reconstruction = ops.sum(ops.reshape(cross_entropy, (ops.shape(x)[0], -1)), axis=1)
    kl = 0.5 * ops.sum(ops.exp(z_log_var) + ops.square(z_mean) - 1.0 - z_log_var, axis=1)
    return ops.mean(reconstruction), ops.mean(kl)


def mlp_networks():
    layers = keras.layers
    encoder = keras.Sequential([layers.Input((784,)), layers.Dense(400, activation="relu")])
    decoder = keras.Sequential([layers.Input((LATENT_DIM,)), layers.Dense(400, activation="relu"), layers.Dense(784)])
    return encoder, decoder


def conv_networks():
    layers = keras.layers
    options = {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}
    encoder = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(16, **options),
            layers.Conv2D(32, **options),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
        ]
    )
    decoder = keras.Sequential(
        [
            layers.Input((LATENT_DIM,)),
            layers.Dense(7 * 7 * 32, activation="relu"),
            layers.Reshape((7, 7, 32)),
            layers.Conv2DTranspose(32, **options),
            layers.Conv2DTranspose(16, **options),
            layers.Dense(1),
        ]
    )
    return encoder, decoder


def tiny_networks():
    layers = keras.layers
    encoder = keras.Sequential([layers.Input((8,)), layers.Dense(16, activation="relu")])
    decoder = keras.Sequential([layers.Input((LATENT_DIM,)), layers.Dense(16, activation="relu"), layers.Dense(8)])
    return encoder, decoder


MODELS = {
    # Whose steps compute nearly nothing: what a step takes is overhead.
    "tiny": ((8,), tiny_networks, lambda: {"encoder": kv.encoders.MLP((16,)), "decoder": kv.decoders.MLP((16,))}),
    "mlp": (
        (784,),
        mlp_networks,
        lambda: {"encoder": kv.encoders.MLP((400,)), "decoder": kv.decoders.MLP((400,))},
    ),
    "conv": (
        (28, 28, 1),
        conv_networks,
        lambda: {
            "encoder": kv.encoders.Conv((16, 32), hidden_units=128),
            "decoder": kv.decoders.Conv((32, 16)),
        },
    ),
}


class Fit:
    """Epochs of Keras' `fit`."""

    def __init__(self, model, **options):
        model.compile(keras.optimizers.Adam(1e-3), **options)
        self.model = model

    def epochs(self, data, count):
        times = EpochTimes()
        self.model.fit(data, batch_size=BATCH_SIZE, epochs=count, verbose=0, callbacks=[times])
        return times.seconds


class Loop:
    """Epochs of a training loop in the backend's own terms: its gradients, its compiler, its Adam."""

    def __init__(self, model, data_shape, jit_compile=False):
        model.build((None, *data_shape))
        self.step = {
            "tensorflow": lambda: tensorflow_step(model, jit_compile),
            "jax": lambda: jax_step(model),
            "torch": lambda: torch_step(model),
        }[keras.backend.backend()]()
        self.order = np.random.default_rng(0)

    def epochs(self, data, count):
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            order = self.order.permutation(len(data))
            for begin in range(0, len(data), BATCH_SIZE):
                loss = self.step(data[order[begin : begin + BATCH_SIZE]])
            float(loss)  # what was queued on the device is part of the epoch
            seconds.append(time.perf_counter() - start)
        return seconds


def tensorflow_step(model, jit_compile):
    import tensorflow as tf

    variables = [variable.value for variable in model.trainable_variables]
    first = [tf.Variable(tf.zeros_like(variable)) for variable in variables]
    second = [tf.Variable(tf.zeros_like(variable)) for variable in variables]
    count = tf.Variable(0.0)

    @tf.function(jit_compile=jit_compile)
    def step(x):
        with tf.GradientTape() as tape:
            loss = sum(negative_elbo_parts(x, **model(x)))
        count.assign_add(1.0)
        rate = 1e-3 * tf.sqrt(1.0 - tf.pow(0.999, count)) / (1.0 - tf.pow(0.9, count))
        for variable, gradient, m, v in zip(variables, tape.gradient(loss, variables), first, second, strict=True):
            m.assign_add(0.1 * (gradient - m))
            v.assign_add(0.001 * (tf.square(gradient) - v))
            variable.assign_sub(rate * m / (tf.sqrt(v) + 1e-7))
        return loss

    return lambda x: step(tf.convert_to_tensor(x))


def jax_step(model):
    import functools

    import jax
    import jax.numpy as jnp

    def loss_of(weights, noise, x):
        outputs, noise = model.stateless_call(weights, noise, x)
        return sum(negative_elbo_parts(x, **outputs)), noise

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state, x):
        weights, first, second, count, noise = state
        (loss, noise), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights, noise, x)
        count = count + 1.0
        rate = 1e-3 * jnp.sqrt(1.0 - 0.999**count) / (1.0 - 0.9**count)
        first = [m + 0.1 * (g - m) for m, g in zip(first, gradients, strict=True)]
        second = [v + 0.001 * (jnp.square(g) - v) for v, g in zip(second, gradients, strict=True)]
        weights = [w - rate * m / (jnp.sqrt(v) + 1e-7) for w, m, v in zip(weights, first, second, strict=True)]
        return (weights, first, second, count, noise), loss

    weights = [jnp.array(variable.value) for variable in model.trainable_variables]
    zeros = [jnp.zeros_like(weight) for weight in weights]
    noise = [jnp.array(variable.value) for variable in model.non_trainable_variables]
    state = (weights, zeros, [jnp.zeros_like(weight) for weight in weights], jnp.zeros(()), noise)

    def run(x):
        nonlocal state
        state, loss = step(state, x)
        return loss

    return run


def torch_step(model):
    import torch

    optimizer = torch.optim.Adam([variable.value for variable in model.trainable_variables], lr=1e-3)
    device = model.trainable_variables[0].value.device

    def step(x):
        x = torch.as_tensor(x, device=device)
        optimizer.zero_grad()
        loss = sum(negative_elbo_parts(x, **model(x)))
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def measure(name, steps, rounds, **compile_options):
    """Steps per second of the three, one number a round, their turns interleaved."""
    data_shape, networks, parts = MODELS[name]
    data = np.random.default_rng(0).random((steps * BATCH_SIZE, *data_shape), dtype="float32")
    contestants = {
        "vae": Fit(kv.VAE(data_shape=data_shape, latent_dim=LATENT_DIM, seed=0, **parts()), **compile_options),
        "hand-built": Fit(HandBuilt(*networks())),
        "loop": Loop(HandBuilt(*networks()), data_shape, compile_options.get("jit_compile") is True),
    }
    for contestant in contestants.values():
        contestant.epochs(data, 1)
    speeds = {label: [] for label in contestants}
    for turn in range(rounds):
        # Every other round backwards, so that none always follows the same one.
        for label in list(contestants)[:: 1 if turn % 2 == 0 else -1]:
            speeds[label] += [steps / seconds for seconds in contestants[label].epochs(data, 1)]
    return speeds


class Checkout:
    """Epochs of `fit` in a process that imports keras_vae from a checkout."""

    def __init__(self, folder, name, steps):
        code = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "import runpy, keras_vae\n"
            "assert keras_vae.__file__.startswith(sys.argv[1]), keras_vae.__file__\n"
            "turns = runpy.run_path(sys.argv[2], run_name='fit_speed')['serve']\n"
            "turns(sys.argv[3], int(sys.argv[4]))\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, str(pathlib.Path(folder).resolve()), __file__, name, str(steps)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def epoch(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def serve(name, steps):
    """Run an epoch for every line that comes in, and print its seconds."""
    data_shape, _, parts = MODELS[name]
    data = np.random.default_rng(0).random((steps * BATCH_SIZE, *data_shape), dtype="float32")
    fit = Fit(kv.VAE(data_shape=data_shape, latent_dim=LATENT_DIM, seed=0, **parts()))
    fit.epochs(data[: 8 * BATCH_SIZE], 1)
    for _ in sys.stdin:
        print(*fit.epochs(data, 1), flush=True)


def measure_against(folder, name, steps, rounds):
    """Steps per second of this checkout and of another, their turns interleaved."""
    here = pathlib.Path(__file__).resolve().parents[2]
    contestants = {"here": Checkout(here, name, steps), "there": Checkout(folder, name, steps)}
    speeds = {label: [] for label in contestants}
    for turn in range(rounds + 1):
        for label in list(contestants)[:: 1 if turn % 2 == 0 else -1]:
            seconds = contestants[label].epoch()
            if turn:  # the first compiles what the warm-up did not
                speeds[label].append(steps / seconds)
    for contestant in contestants.values():
        contestant.process.stdin.close()
        contestant.process.wait()
    return speeds


def calls_of_a_step(name):
    """Python calls of one step of `fit`: what an eager backend pays for, and no other work on the machine changes."""
    data_shape, _, parts = MODELS[name]
    data = np.random.default_rng(0).random((40 * BATCH_SIZE, *data_shape), dtype="float32")
    fit = Fit(kv.VAE(data_shape=data_shape, latent_dim=LATENT_DIM, seed=0, **parts()))
    fit.epochs(data, 1)

    def calls(steps):
        profile = cProfile.Profile()
        profile.enable()
        fit.epochs(data[: steps * BATCH_SIZE], 1)
        profile.disable()
        return pstats.Stats(profile).total_calls

    return (calls(40) - calls(10)) / 30


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--steps", type=int, default=100, help="steps an epoch")
    parser.add_argument("--rounds", type=int, default=25, help="epochs of each")
    parser.add_argument("--steps-per-execution", type=int, default=1, help="of the VAE")
    parser.add_argument("--jit-compile", action="store_true", help="the VAE, and the loop of TensorFlow")
    parser.add_argument("--calls", action="store_true", help="count the Python calls of a step")
    parser.add_argument("--against", help="folder of another checkout")
    options = parser.parse_args(arguments)
    if options.calls:
        for name in options.models:
            print(f"{keras.backend.backend()} {name}: {calls_of_a_step(name):.0f} Python calls a step")
        return
    if options.against:
        print("| backend | model | fit here | fit there | here / there |\n|---|---|---|---|---|")
        for name in options.models:
            speeds = measure_against(options.against, name, options.steps, options.rounds)
            here, there = (statistics.median(speeds[label]) for label in ("here", "there"))
            ratio = statistics.median(a / b for a, b in zip(speeds["here"], speeds["there"], strict=True))
            print(f"| {keras.backend.backend()} | {name} | {here:.0f} | {there:.0f} | {ratio:.2f} |", flush=True)
        return
    compile_options = {"steps_per_execution": options.steps_per_execution}
    if options.jit_compile:
        compile_options["jit_compile"] = True
    print("| backend | model | VAE.fit | hand-built fit | loop | VAE / hand-built | VAE / loop |")
    print("|---|---|---|---|---|---|---|")
    for name in options.models:
        speeds = measure(name, options.steps, options.rounds, **compile_options)
        median = {label: statistics.median(values) for label, values in speeds.items()}
        ratio = {
            label: statistics.median(a / b for a, b in zip(speeds["vae"], speeds[label], strict=True))
            for label in speeds
        }
        print(
            f"| {keras.backend.backend()} | {name} | {median['vae']:.0f} | {median['hand-built']:.0f} | "
            f"{median['loop']:.0f} | {ratio['hand-built']:.2f} | {ratio['loop']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
