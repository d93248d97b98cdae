"""A `resnet` on images 32x32x3 in bfloat16: `fit` beside a jitted loop written by hand, and beside the hardware."""

import math
import statistics
import time

import keras
import numpy as np
from keras import ops

import keras_vae as kv
from tests.benchmarks.fit_speed import LATENT_DIM, EpochTimes, HandBuilt, Loop
from tests.gpu_check import machine

CHANNELS = 3
POLICY = "mixed_bfloat16"
AIM = 0.9


class InBfloat16(HandBuilt):
    """The same network by hand, with densities in float32."""

    def build(self, input_shape):
        features = self.encoder.compute_output_shape(input_shape)
        self.z_mean.build(features)
        self.z_log_var.build(features)

    def call(self, inputs, **kwargs):
        return {name: ops.cast(value, "float32") for name, value in super().call(inputs, **kwargs).items()}


def shape_of(small):
    return (8, 8, CHANNELS) if small else (32, 32, CHANNELS)


def model(small, steps_per_execution=1):
    filters = (2,) if small else (64, 128)
    with machine.policy(POLICY):
        networks = {"encoder": kv.encoders.ResNet(filters), "decoder": kv.decoders.ResNet(filters[::-1])}
        vae = kv.VAE(shape_of(small), LATENT_DIM, likelihood="bernoulli", seed=0, **networks)
    vae.compile(keras.optimizers.Adam(1e-3), steps_per_execution=steps_per_execution)
    return vae


def by_hand(small):
    vae = model(small)
    with machine.policy(POLICY):
        return InBfloat16(vae.encoder, keras.Sequential([vae.decoder, keras.layers.Dense(CHANNELS)]))


def work_of(network, batch):
    """Operations and bytes of a step, as the compiler counts them; NaN where it does not."""
    from tests.benchmarks.fit_speed import negative_elbo_parts

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        def loss(weights, others, x):
            outputs, _ = network.stateless_call(weights, others, x)
            return sum(negative_elbo_parts(x, **outputs))

        weights = [variable.value for variable in network.trainable_variables]
        others = [variable.value for variable in network.non_trainable_variables]
        cost = jax.jit(jax.value_and_grad(loss)).lower(weights, others, batch).compile().cost_analysis()
        return cost["flops"], cost["bytes accessed"]
    if backend == "torch":
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            sum(negative_elbo_parts(batch, **network(batch))).backward()
        return float(counter.get_total_flops()), math.nan
    return math.nan, math.nan


def loop_speed(step, data, batch_size):
    start = time.perf_counter()
    for begin in range(0, len(data), batch_size):
        loss = step(data[begin : begin + batch_size])
    float(loss)
    return len(data) / batch_size / (time.perf_counter() - start)


def fit_speed(vae, data, batch_size):
    times = EpochTimes()
    vae.fit(data, batch_size=batch_size, shuffle=False, verbose=0, callbacks=[times])
    return len(data) / batch_size / times.seconds[-1]


def run(options):
    """Print the speeds; a list of problems, which is empty: a missed aim is a figure, not a fault."""
    small = options.small
    batch_size, steps, rounds = (4, 2, 1) if small else (256, 100, 5)
    shape = shape_of(small)
    data = np.random.default_rng(0).random((steps * batch_size, *shape), dtype="float32")
    on_device = ops.convert_to_tensor(data)
    network = by_hand(small)
    loop = Loop(network, shape)
    chunk = min(32, steps)
    one, several = model(small), model(small, chunk)
    contestants = {
        "loop": lambda: loop_speed(loop.step, on_device, batch_size),
        "fit": lambda: fit_speed(one, data, batch_size),
    }
    try:
        fit_speed(several, data, batch_size)
    except ValueError as error:
        print(f"steps_per_execution={chunk}: refused. {error}")
    else:
        contestants[f"fit, steps_per_execution={chunk}"] = lambda: fit_speed(several, data, batch_size)
    for contestant in contestants.values():
        contestant()
    speeds = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            speeds[name].append(contestant())
    flops, size = work_of(network, on_device[:batch_size])
    multiplied, copied = machine.roofline(small)
    bounds = [bound for bound in (flops / multiplied, size / copied) if not math.isnan(bound)]
    print(
        f"{flops / 1e9:.2f} GFLOP and {size / 1e6:.1f} MB a step of {batch_size}; this device reaches "
        f"{multiplied / 1e12:.2f} TFLOP/s in bfloat16 and {copied / 1e9:.1f} GB/s"
    )
    title = f"resnet, {'x'.join(map(str, shape))}, bfloat16"
    print(f"{title:34}{'steps/s':>10}{'/ loop':>9}{'of the roofline':>17}")
    for name, values in speeds.items():
        ratio = statistics.median(a / b for a, b in zip(values, speeds["loop"], strict=True))
        share = f"{statistics.median(values) * max(bounds):.1%}" if bounds else "-"
        missed = "" if name == "loop" or ratio >= AIM else f"   the aim of {AIM} is missed"
        print(f"{name:34}{statistics.median(values):10.1f}{ratio:9.2f}{share:>17}{missed}", flush=True)
    return []
