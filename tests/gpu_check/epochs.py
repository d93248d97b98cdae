"""What an epoch on the device gains: a small model with one step, and with 32 steps, in an execution."""

import statistics

import keras
import numpy as np

import keras_vae as kv
from tests.gpu_check.roofline import fit_speed

AT_ONCE = 32


def model(steps_per_execution):
    vae = kv.VAE((16,), 2, encoder=kv.encoders.MLP((32,)), decoder=kv.decoders.MLP((32,)), seed=0)
    vae.compile(keras.optimizers.Adam(1e-3), steps_per_execution=steps_per_execution)
    return vae


def run(options):
    """Print microseconds a step; a list of problems."""
    steps, rounds = (AT_ONCE, 1) if options.small else (1024, 5)
    data = np.random.default_rng(0).random((steps * 64, 16), dtype="float32")
    models = {steps_per_execution: model(steps_per_execution) for steps_per_execution in (1, AT_ONCE)}
    speeds = {}
    for steps_per_execution, vae in models.items():
        try:
            fit_speed(vae, data, 64)
        except ValueError as error:
            print(f"steps_per_execution={steps_per_execution}: refused. {error}")
        else:
            speeds[steps_per_execution] = []
    for _ in range(rounds):
        for steps_per_execution, values in speeds.items():
            values.append(fit_speed(models[steps_per_execution], data, 64))
    print(f"{'steps_per_execution':>19}{'microseconds a step':>22}{'times faster':>15}")
    for steps_per_execution, values in speeds.items():
        gain = statistics.median(a / b for a, b in zip(values, speeds[1], strict=True))
        print(f"{steps_per_execution:19}{1e6 / statistics.median(values):22.0f}{gain:15.2f}", flush=True)
    return []
