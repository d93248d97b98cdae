"""Does half precision work on this machine? One command, on a GPU where there is one.

    python -m tests.gpu_check                 # 2400 steps under each policy
    python -m tests.gpu_check --steps 300     # a small budget, as CI runs it on a CPU
    python -m tests.gpu_check --data x.npz    # the digits from a file, where scikit-learn is missing

Trains the quickstart's model on the digits under float32, mixed_float16 and mixed_bfloat16, from the same
weights, in the same order and with the same noise, and prints a table. Exits with 1 if anything is not finite,
if float16 ran without a loss scale, or if a held-out ELBO is more than 1% from float32's.
"""

import argparse
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_vae as kv

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
TOLERANCE = 0.01
BATCH = 64


def load_digits(path=None):
    """Training and held-out digits, as `examples/quickstart.py` splits them."""
    if path is not None:
        with np.load(path, allow_pickle=False) as arrays:
            images = arrays["images"] if "images" in arrays else arrays[arrays.files[0]]
    else:
        try:
            from sklearn import datasets
        except ImportError:
            sys.exit(
                "The digits come from scikit-learn, which is not installed. Install it, or where it is, run\n"
                '  python -c "import numpy, sklearn.datasets as d; '
                "numpy.savez('digits.npz', images=d.load_digits().images)\"\n"
                "and pass --data digits.npz."
            )
        images = datasets.load_digits().images
    images = images.reshape(len(images), *images.shape[1:3], -1) / images.max()
    order = np.random.default_rng(0).permutation(len(images))
    held_out = max(1, len(images) // 6)
    return images[order[held_out:]].astype("float32"), images[order[:held_out]].astype("float32")


def device():
    """The device that the weights are on, in words."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpus else "CPU"
    if backend == "jax":
        import jax

        found = jax.devices()[0]
        return "CPU" if found.platform == "cpu" else found.device_kind
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


class Clock(keras.callbacks.Callback):
    """Time of the steps after the first two epochs, which hold the compilation."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())

    def steps_per_second(self, steps_per_epoch):
        first = min(1, len(self.ends) - 2)
        if first < 0:
            return float("nan")
        return (len(self.ends) - 1 - first) * steps_per_epoch / (self.ends[-1] - self.ends[first])


def train(policy, train_images, held_out, steps):
    """One run; dict of what the table shows."""
    keras.utils.set_random_seed(0)
    vae = kv.VAE(data_shape=train_images.shape[1:], seed=0, dtype=policy)
    vae.compile(keras.optimizers.Adam(1e-3))
    steps_per_epoch = len(train_images) // BATCH
    epochs = max(1, round(steps / steps_per_epoch))
    clock = Clock()
    # The same rows in the same order under every policy.
    history = vae.fit(
        train_images[: steps_per_epoch * BATCH],
        batch_size=BATCH,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[clock],
    ).history
    elbo = vae.elbo(held_out, num_samples=50, seed=0, batch_size=len(held_out), verbose=0)
    scale = getattr(vae.optimizer, "dynamic_scale", None)
    return {
        "elbo": float(elbo.mean()),
        "finite": bool(np.isfinite(elbo).all() and all(np.isfinite(values).all() for values in history.values())),
        "speed": clock.steps_per_second(steps_per_epoch),
        "scale": None if scale is None else float(keras.ops.convert_to_numpy(scale)),
        "steps": epochs * steps_per_epoch,
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2400, help="gradient steps under each policy")
    parser.add_argument("--data", help=".npz file with the digits as its array `images`")
    options = parser.parse_args(arguments)
    train_images, held_out = load_digits(options.data)
    print(f"backend {keras.backend.backend()}, device {device()}, Keras {keras.__version__}")
    print(
        f"{'policy':16}{'steps':>7}{'held-out ELBO':>16}{'difference':>12}{'steps/s':>10}{'loss scale':>12}", flush=True
    )
    problems, reference = [], None
    for policy in POLICIES:
        result = train(policy, train_images, held_out, options.steps)
        reference = result["elbo"] if reference is None else reference
        difference = result["elbo"] / reference - 1
        scale = "-" if result["scale"] is None else f"{result['scale']:g}"
        print(
            f"{policy:16}{result['steps']:7}{result['elbo']:16.3f}{difference:12.2%}{result['speed']:10.1f}{scale:>12}",
            flush=True,
        )
        if not result["finite"]:
            problems.append(f"{policy}: not everything is finite")
        elif abs(difference) > TOLERANCE:
            problems.append(f"{policy}: the held-out ELBO is {difference:.2%} from float32's")
        if (policy == "mixed_float16") != (result["scale"] is not None and result["scale"] > 1):
            problems.append(f"{policy}: the loss scale is {scale}")
    for problem in problems:
        print(f"FAILED {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
