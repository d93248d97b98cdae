"""The quickstart's model on the digits under float32, mixed_float16 and mixed_bfloat16.

From the same weights, in the same order and with the same noise.
"""

import sys
import time

import keras
import numpy as np

import keras_vae as kv

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
TOLERANCE = 0.01
BATCH = 64
NUMBER = 1797


def load_digits(path=None, folder=None):
    """Training and held-out digits, as `examples/quickstart.py` splits them."""
    try:
        from sklearn import datasets
    except ImportError:
        datasets = None
    path = folder / "mnist.npz" if path is None and datasets is None and folder is not None else path
    if path is not None and path.is_file():
        with np.load(path, allow_pickle=False) as arrays:
            name = next(name for name in ("images", "x_train", arrays.files[0]) if name in arrays)
            images = arrays[name][:NUMBER]
    elif path is None and datasets is not None:
        images = datasets.load_digits().images
    else:
        sys.exit(
            f"There are no digits in {path}, and they come from scikit-learn otherwise. Where that is installed, run\n"
            '  python -c "import numpy, sklearn.datasets as d; '
            "numpy.savez('digits.npz', images=d.load_digits().images)\"\n"
            "and pass --data digits.npz."
        )
    images = images.reshape(len(images), *images.shape[1:3], -1) / images.max()
    order = np.random.default_rng(0).permutation(len(images))
    held_out = max(1, len(images) // 6)
    return images[order[held_out:]].astype("float32"), images[order[:held_out]].astype("float32")


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


def run(options):
    """Print a table; a list of problems."""
    train_images, held_out = load_digits(options.digits, options.folder)
    steps = min(options.steps, 300) if options.small else options.steps
    print(
        f"{'policy':16}{'steps':>7}{'held-out ELBO':>16}{'difference':>12}{'steps/s':>10}{'loss scale':>12}", flush=True
    )
    problems, reference = [], None
    for policy in POLICIES:
        result = train(policy, train_images, held_out, steps)
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
    return problems
