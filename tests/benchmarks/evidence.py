"""`log_likelihood` by importance sampling: seconds and memory, beside a loop written by hand and pythae.

    KERAS_BACKEND=torch python -m tests.benchmarks.evidence
    KERAS_BACKEND=jax python -m tests.benchmarks.evidence --data mnist.npz

The same 784-400-20-400-784 with the same weights, in a process each, on one thread. *Loop* takes one row at a time,
with all of its samples in one vectorised and compiled call; pythae's `get_nll`, on torch and if it is installed (the
extra `bench`), does so without a compiler. Memory is what the call took beyond what was in use before. The mean of
log p(x) is printed to see that all compute the same.
"""

import argparse
import importlib.util
import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import ops

import keras_vae as kv
from tests.benchmarks import fit_speed
from tests.benchmarks.measured import answer, in_a_process, timed

LATENT_DIM = fit_speed.LATENT_DIM
WARM_UP = 2
"""Rows that are computed before, so that nothing is compiled in what is measured."""


def test_digits(data, rows):
    """Digits `(rows, 784)` of zeros and ones; without a file some that look alike."""
    if data is None:
        return (np.random.default_rng(0).random((rows, 784)) < 0.13).astype("float32")
    with np.load(data) as arrays:
        return (arrays["x_test"][:rows].reshape(-1, 784) > 127).astype("float32")


def model():
    """The model, with weights that do not depend on the backend."""
    data_shape, _, parts = fit_speed.MODELS["mlp"]
    vae = kv.VAE(data_shape=data_shape, latent_dim=LATENT_DIM, seed=0, **parts())
    rng = np.random.default_rng(0)
    for part in (vae.encoder, vae.posterior, vae.decoder, vae.likelihood):
        part.set_weights([rng.normal(0, 0.5 / math.sqrt(max(w.shape[0], 1)), w.shape) for w in part.weights])
    return vae


def log_weights(hand_built, x, noise):
    """log p(x, z) - log q(z | x) of one row, `(samples,)`."""
    features = hand_built.encoder(x)
    z_mean, z_log_var = hand_built.z_mean(features), hand_built.z_log_var(features)
    z = z_mean + ops.exp(0.5 * z_log_var) * noise
    logits = hand_built.decoder(z)
    log_likelihood = -ops.sum(ops.softplus(logits) - x * logits, axis=1)
    return log_likelihood + 0.5 * ops.sum(ops.square(noise) - ops.square(z) + z_log_var, axis=1)


def loop(vae, num_samples):
    """A function from rows to log p(x), row by row, in the backend's own terms."""
    by_hand = fit_speed.HandBuilt(*fit_speed.mlp_networks())
    by_hand.build((None, 784))
    heads = vae.posterior.get_weights()
    parts = (by_hand.encoder, by_hand.z_mean, by_hand.z_log_var, by_hand.decoder)
    decoder = [*vae.decoder.get_weights(), *vae.likelihood.get_weights()]
    for part, weights in zip(parts, (vae.encoder.get_weights(), heads[:2], heads[2:], decoder), strict=True):
        part.set_weights(weights)
    shape = (num_samples, LATENT_DIM)
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        compiled = jax.jit(lambda x, key: ops.logsumexp(log_weights(by_hand, x, jax.random.normal(key, shape))))

        def one(x, index):
            return compiled(x, jax.random.key(index))
    elif backend == "tensorflow":
        import tensorflow as tf

        compiled = tf.function(lambda x: ops.logsumexp(log_weights(by_hand, x, tf.random.normal(shape))))

        def one(x, index):
            return compiled(tf.constant(x))
    else:
        import torch

        def one(x, index):
            with torch.no_grad():
                return torch.logsumexp(log_weights(by_hand, torch.as_tensor(x), torch.randn(shape)), 0)

    def run(x):
        values = [float(ops.convert_to_numpy(one(x[index : index + 1], index))) for index in range(len(x))]
        return np.array(values) - math.log(num_samples)

    return run


def pythae(vae, num_samples):
    """A function from rows to pythae's `get_nll`, which is the mean of log p(x): `(1,)`."""
    import torch
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    def linear(kernel, bias):
        layer = torch.nn.Linear(*kernel.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(kernel.T))
            layer.bias.copy_(torch.as_tensor(bias))
        return layer

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            heads = vae.posterior.get_weights()
            self.hidden = linear(*vae.encoder.get_weights())
            self.heads = torch.nn.ModuleList([linear(*heads[:2]), linear(*heads[2:])])

        def forward(self, x):
            hidden = torch.relu(self.hidden(x))
            return ModelOutput(embedding=self.heads[0](hidden), log_covariance=self.heads[1](hidden))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.hidden = linear(*vae.decoder.get_weights())
            self.out = linear(*vae.likelihood.get_weights())

        def forward(self, z):
            return ModelOutput(reconstruction=torch.sigmoid(self.out(torch.relu(self.hidden(z)))))

    config = VAEConfig(input_dim=(784,), latent_dim=LATENT_DIM, reconstruction_loss="bce")
    peer = VAE(config, encoder=Encoder(), decoder=Decoder())

    def run(x):
        with torch.no_grad():
            return np.atleast_1d(peer.get_nll(torch.as_tensor(x), n_samples=num_samples, batch_size=num_samples))

    return run


def contestants():
    """Functions that make functions from rows to log p(x), by name."""
    found = {
        "VAE.log_likelihood": lambda vae, samples: lambda x: vae.log_likelihood(x, samples, seed=0, verbose=0),
        "loop": loop,
    }
    if keras.backend.backend() == "torch" and importlib.util.find_spec("pythae"):
        found["pythae"] = pythae
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--data", help="an .npz file with x_test; random digits without it")
    parser.add_argument("--contestants", nargs="+", choices=list(contestants()), default=list(contestants()))
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    x = test_digits(options.data, options.rows)
    if options.serve:
        (name,) = options.contestants
        run = contestants()[name](model(), options.samples)
        run(x[:WARM_UP])
        values, seconds, own, mebibytes = timed(lambda: run(x))
        answer(mean=float(np.mean(values)), seconds=seconds, own=own, memory=mebibytes)
        return
    backend = keras.backend.backend()
    print(f"{options.rows} rows, {options.samples} samples, one thread")
    print("| backend | | seconds | process time | memory, MiB | mean of log p(x) |\n|---|---|---|---|---|---|")
    for name in options.contestants:
        given = ["--rows", options.rows, "--samples", options.samples, "--contestants", name]
        given += [] if options.data is None else ["--data", os.path.abspath(options.data)]
        found = in_a_process("tests.benchmarks.evidence", "--serve", *given, backend=backend, threads=1)
        print(
            f"| {backend} | {name} | {found['seconds']:.1f} | {found['own']:.1f} | {found['memory']:.0f} | "
            f"{found['mean']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
