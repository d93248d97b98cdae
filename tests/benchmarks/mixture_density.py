"""The density of a mixture, as a VampPrior's: seconds, memory and accuracy of the matrix products, and of broadcasting.

    KERAS_BACKEND=jax python -m tests.benchmarks.mixture_density

The density of a batch and its gradients, compiled as the backend's `fit` does, in a process each, on one thread.
*Broadcast* is what the formula says, with a tensor of shape (batch, components, latents). The components are
posteriors as training makes them, and *narrow* ones, for which float32 does not suffice for products and the squares
are added up. The error is the largest difference from float64, in nats.
"""

import argparse
import itertools
import math
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import ops

from keras_vae.distributions import GaussianMixture
from tests.benchmarks.measured import answer, in_a_process, timed

WIDTHS = {"typical": -2.0, "narrow": -8.0}
"""Means of the components' log variances."""


def matrices(z, loc, log_var):
    return GaussianMixture(loc, log_var).log_prob(z)


def broadcast(z, loc, log_var):
    """log mean_k N(z | loc_k, exp(log_var_k)), `(batch,)`."""
    squares = ops.square(z[:, None] - loc) * ops.exp(-log_var)
    joint = -0.5 * ops.sum(squares + log_var + math.log(2 * math.pi), axis=2)
    return ops.logsumexp(joint, axis=1) - math.log(loc.shape[0])


FORMS = {"matrix products": matrices, "broadcast": broadcast}


def numbers(batch, components, latents, width):
    """Draws near the means of components, `(batch, latents)`, and the components."""
    rng = np.random.default_rng(0)
    loc = rng.normal(size=(components, latents))
    log_var = WIDTHS[width] + 0.5 * rng.normal(size=(components, latents))
    z = loc[rng.integers(0, components, batch)]
    z = z + np.exp(0.5 * WIDTHS[width]) * rng.normal(size=z.shape)
    return tuple(array.astype("float32") for array in (z, loc, log_var))


def exact(z, loc, log_var):
    """The densities in float64, row by row."""
    z, loc, log_var = (array.astype("float64") for array in (z, loc, log_var))
    joint = np.stack([-0.5 * (np.square(row - loc) / np.exp(log_var) + log_var).sum(axis=1) for row in z])
    top = joint.max(axis=1)
    rows = top + np.log(np.exp(joint - top[:, None]).mean(axis=1))
    return rows - 0.5 * loc.shape[1] * math.log(2 * math.pi)


def with_gradients(form):
    """A function of NumPy arrays to densities and gradients of their sum, in the backend's own terms."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        def total(*arrays):
            density = form(*arrays)
            return ops.sum(density), density

        compiled = jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2), has_aux=True))

        def run(*arrays):
            (_, density), gradients = compiled(*arrays)
            return jax.block_until_ready((density, *gradients))

        return run
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function
        def compiled(*arrays):
            with tf.GradientTape() as tape:
                tape.watch(arrays)
                density = form(*arrays)
            return density, *tape.gradient(density, arrays)

        return lambda *arrays: [np.asarray(one) for one in compiled(*map(tf.constant, arrays))]
    import torch

    def run(*arrays):
        tensors = [torch.as_tensor(array).requires_grad_() for array in arrays]
        density = form(*tensors)
        return density.detach(), *torch.autograd.grad(density.sum(), tensors)

    return run


def serve(options):
    """What one process measures."""
    (form,), (width,) = options.forms, options.widths
    arrays = numbers(options.batch, options.components[0], options.latents[0], width)
    run = with_gradients(FORMS[form])
    density, _, own, mebibytes = timed(lambda: run(*arrays))
    if keras.backend.backend() != "torch":  # the first call has compiled
        _, _, own, again = timed(lambda: run(*arrays))
        mebibytes = min(mebibytes, again) if again > 0 else mebibytes
    seconds = [own, *(timed(lambda: run(*arrays))[2] for _ in range(options.repeats - 1))]
    error = np.abs(ops.convert_to_numpy(density[0]) - exact(*arrays)).max()
    answer(seconds=statistics.median(seconds), memory=mebibytes, error=float(error))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--components", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--latents", type=int, nargs="+", default=[40, 256])
    parser.add_argument("--widths", nargs="+", choices=list(WIDTHS), default=list(WIDTHS))
    parser.add_argument("--forms", nargs="+", choices=list(FORMS), default=list(FORMS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve(options)
        return
    backend = keras.backend.backend()
    print(f"A batch of {options.batch}, density and gradients, process time on one thread")
    print("| backend | components | latents | width | form | milliseconds | memory, MiB | error, nats |")
    print("|---|---|---|---|---|---|---|---|")
    for components, latents, width, form in itertools.product(
        options.components, options.latents, options.widths, options.forms
    ):
        given = ["--components", components, "--latents", latents, "--widths", width, "--forms", form]
        given += ["--batch", options.batch, "--repeats", options.repeats]
        found = in_a_process("tests.benchmarks.mixture_density", "--serve", *given, backend=backend, threads=1)
        print(
            f"| {backend} | {components} | {latents} | {width} | {form} | {1000 * found['seconds']:.1f} | "
            f"{found['memory']:.0f} | {found['error']:.1g} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
