"""The most memory that training takes, by policy and batch size; each in a process of its own."""

import json
import subprocess
import sys

import numpy as np

from tests.gpu_check import machine

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")


def measure(policy, batch_size, small):
    """Bytes at most while a `resnet` trains on images 32x32x3."""
    import keras

    import keras_vae as kv

    filters = (4, 8) if small else (64, 128)
    with machine.policy(policy):
        networks = {"encoder": kv.encoders.ResNet(filters), "decoder": kv.decoders.ResNet(filters[::-1])}
        vae = kv.VAE((32, 32, 3), 20, likelihood="bernoulli", seed=0, **networks)
    vae.compile(keras.optimizers.Adam(1e-3))
    vae.fit(np.zeros((2 * batch_size, 32, 32, 3), "float32"), batch_size=batch_size, verbose=0)
    return machine.peak_memory()


def run(options):
    """Print a table; a list of problems."""
    sizes = (2,) if options.small else (64, 256, 1024)
    policies = POLICIES[:1] if options.small else POLICIES
    print(f"{'peak memory, MB':16}" + "".join(f"{f'batch of {size}':>16}" for size in sizes))
    problems = []
    for policy in policies:
        row = f"{policy:16}"
        for size in sizes:
            command = [sys.executable, "-m", "tests.gpu_check.memory", policy, str(size), json.dumps(options.small)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                problems.append(f"{policy}, batch of {size}: {done.stderr.strip()[-300:]}")
            row += f"{int(done.stdout.split()[-1]) / 1e6:16.0f}" if not done.returncode else f"{'failed':>16}"
        print(row, flush=True)
    return problems


if __name__ == "__main__":
    machine.share_memory()
    print(measure(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])))
