"""`VAE.fit` with the defaults of `compile` beside the trainer of pythae, a peer on torch: steps a second.

    python -m tests.benchmarks.peers

The same networks and the same batches, an epoch a turn, each in a process of its own and with all cores; the processes
take turns, so that whatever else the machine does hits all of them. pythae shuffles with its own loader and takes its
own optimizer, Adam. Without pythae, of the extra `bench`, only the backends are compared.
"""

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from tests.benchmarks.measured import Answering, environment, installed

BATCH_SIZE, LATENT_DIM = 128, 20
MODELS = ("mlp", "conv")


def epochs_of_ours(name, steps, jit_compile):
    """A function that trains an epoch with `fit`."""
    import keras

    import keras_vae as kv
    from tests.benchmarks import fit_speed

    data_shape, _, parts = fit_speed.MODELS[name]
    vae = kv.VAE(data_shape, LATENT_DIM, likelihood="bernoulli", seed=0, **parts())
    vae.compile(keras.optimizers.Adam(1e-3), **({"jit_compile": True} if jit_compile else {}))
    x = np.random.default_rng(0).random((steps * BATCH_SIZE, *data_shape), dtype="float32")
    return lambda: vae.fit(x, batch_size=BATCH_SIZE, epochs=1, verbose=0)


def epochs_of_pythae(name, steps, jit_compile):
    """A function that trains an epoch with pythae's trainer, without its copies of the best model."""
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from torch import nn

    if name == "mlp":
        shape, width = (784,), 400
        features = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
        decoded = nn.Sequential(nn.Linear(LATENT_DIM, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())
    else:
        shape, width = (1, 28, 28), 128
        convolutions = [nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU()]
        features = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(32 * 49, 128), nn.ReLU())
        up = {"stride": 2, "padding": 1, "output_padding": 1}
        decoded = nn.Sequential(
            *(nn.Linear(LATENT_DIM, 128), nn.ReLU(), nn.Linear(128, 32 * 49), nn.ReLU(), nn.Unflatten(1, (32, 7, 7))),
            *(nn.ConvTranspose2d(32, 32, 3, **up), nn.ReLU(), nn.ConvTranspose2d(32, 16, 3, **up), nn.ReLU()),
            *(nn.Conv2d(16, 1, 1), nn.Sigmoid()),
        )

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.features = features
            self.mean, self.log_var = nn.Linear(width, LATENT_DIM), nn.Linear(width, LATENT_DIM)

        def forward(self, x):
            hidden = self.features(x)
            return ModelOutput(embedding=self.mean(hidden), log_covariance=self.log_var(hidden))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.decoded = decoded

        def forward(self, z):
            return ModelOutput(reconstruction=self.decoded(z))

    config = VAEConfig(input_dim=shape, latent_dim=LATENT_DIM, reconstruction_loss="bce")
    x = torch.rand(steps * BATCH_SIZE, *shape)
    settings = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(), per_device_train_batch_size=BATCH_SIZE, learning_rate=1e-3, num_epochs=1
    )
    trainer = BaseTrainer(
        VAE(config, encoder=Encoder(), decoder=Decoder()), BaseDataset(x, torch.ones(len(x))), training_config=settings
    )
    trainer.prepare_training()
    trainer.callback_handler.callbacks.clear()  # which would draw a bar
    return lambda: trainer.train_step(1)


def serve(who, name, steps, jit_compile):
    """Train an epoch for every line that comes in, and print its seconds."""
    printed, sys.stdout = sys.stdout, sys.stderr  # what the libraries say
    epoch = (epochs_of_pythae if who == "pythae" else epochs_of_ours)(name, steps, jit_compile)
    for _ in sys.stdin:
        start = time.perf_counter()
        epoch()
        print(time.perf_counter() - start, file=printed, flush=True)


def contestant(name, model, steps, jit_compile):
    """A process that runs `serve`."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.peers",
        "--serve",
        name,
        "--models",
        model,
        "--steps",
        str(steps),
    ]
    env = environment("torch" if name == "pythae" else name)
    return Answering(command + ["--jit-compile"] * jit_compile, env)


def measure(names, model, steps, rounds, jit_compile):
    """Steps a second of each contestant, a number a round."""
    contestants = {name: contestant(name, model, steps, jit_compile) for name in names}
    for each in contestants.values():
        for _ in range(1 + 100 // steps):  # compiled in the first; torch records a step after a hundred
            each.ask()
    speeds = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[:: 1 if turn % 2 == 0 else -1]:
            speeds[name].append(steps / contestants[name].ask())
    for each in contestants.values():
        each.close()
    return speeds


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--backends", nargs="+", default=installed())
    parser.add_argument("--steps", type=int, default=60, help="steps an epoch")
    parser.add_argument("--rounds", type=int, default=15, help="epochs of each")
    parser.add_argument("--jit-compile", action="store_true", help="compile where Keras would not")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve(options.serve, options.models[0], options.steps, options.jit_compile)
        return
    names = [*options.backends, *(["pythae"] if importlib.util.find_spec("pythae") else [])]
    print("| model | backend | steps/s | pythae | VAE.fit / pythae |\n|---|---|---|---|---|")
    for model in options.models:
        speeds = measure(names, model, options.steps, options.rounds, options.jit_compile)
        peer = speeds.get("pythae", [float("nan")] * options.rounds)
        for name in options.backends:
            ratio = statistics.median(a / b for a, b in zip(speeds[name], peer, strict=True))
            own, other = statistics.median(speeds[name]), statistics.median(peer)
            print(f"| {model} | {name} | {own:.0f} | {other:.0f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
