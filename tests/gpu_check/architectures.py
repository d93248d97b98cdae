"""Every registered encoder and decoder under the three policies, from the same weights and with the same noise."""

import time

import keras
import numpy as np

import keras_vae as kv
from tests.gpu_check import machine

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
TOLERANCE = 0.05


def image(size):
    return (size, size, 3)


def pair(name):
    return lambda size: {"data_shape": image(size), "encoder": name, "decoder": name}


def of_sequences(name):
    return lambda size: {"data_shape": (size, 8), "encoder": name, "decoder": name}


def pixels(size):
    return {"data_shape": image(size), "encoder": "conv", "decoder": "pixel_cnn"}


def denoising(size):
    return {"data_shape": image(size), "encoder": kv.encoders.Denoising("mlp"), "decoder": "mlp"}


def ladder(size):
    """Two levels of spatial latents over the feature maps of a pyramid."""
    top = size // 4
    levels = [kv.latents.Level((top, top, 2)), kv.latents.Level((2 * top, 2 * top, 2), posterior="residual")]
    merge = kv.layers.MergeConv(8, upsample=2)
    latents = kv.latents.Hierarchical(levels, merge=merge, decoder_sees="state")
    pyramid = kv.encoders.Pyramid((16, 32))
    return {"data_shape": image(size), "encoder": pyramid, "decoder": "conv", "latents": latents, "latent_dim": None}


def fields(size):
    return {
        "data_shape": {"image": (size, size, 1), "table": (4,)},
        "encoder": "joint",
        "decoder": "joint",
        "likelihood": {"image": "bernoulli", "table": "bernoulli"},
    }


ARCHITECTURES = {
    **{name: pair(name) for name in ("mlp", "gated_mlp", "conv", "resnet")},
    **{name: of_sequences(name) for name in ("gru", "lstm", "tcn", "transformer")},
    "pixel_cnn": pixels,
    "denoising": denoising,
    "pyramid": ladder,
    "joint": fields,
}


def train(name, policy, size, steps, batch_size):
    """The loss of the last epoch, and the seconds of all."""
    keras.utils.set_random_seed(0)
    with machine.policy(policy):
        options = {"latent_dim": 8, "likelihood": "bernoulli", **ARCHITECTURES[name](size)}
        vae = kv.VAE(seed=0, **options)
    vae.compile(keras.optimizers.Adam(1e-3))
    rng = np.random.default_rng(0)

    def images(shape):
        patterns = rng.random((4, *shape)) > 0.5
        return patterns[rng.integers(0, 4, steps * batch_size)].astype("float32")

    shape = options["data_shape"]
    data = {field: images(own) for field, own in shape.items()} if isinstance(shape, dict) else images(shape)
    start = time.perf_counter()
    history = vae.fit(data, batch_size=batch_size, epochs=2, shuffle=False, verbose=0).history
    return history["loss"][-1], time.perf_counter() - start


def run(options):
    """Print a row for each; problems are losses that are not finite, or far from that of float32."""
    size, steps, batch_size = (8, 2, 4) if options.small else (32, 30, 64)
    names = options.architectures or list(ARCHITECTURES)
    print(f"{'architecture':14}{'policy':16}{'loss':>12}{'difference':>12}{'seconds':>9}")
    problems = []
    for name in names:
        reference = None
        for policy in POLICIES:
            loss, seconds = train(name, policy, size, steps, batch_size)
            reference = loss if reference is None else reference
            difference = loss / reference - 1
            print(f"{name:14}{policy:16}{loss:12.3f}{difference:12.2%}{seconds:9.1f}", flush=True)
            if not abs(difference) < TOLERANCE:
                problems.append(f"{name}, {policy}: a loss of {loss:.3f}, and {reference:.3f} in float32")
    return problems
