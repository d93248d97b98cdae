"""Models and data so small that a test takes no time."""

import keras
import numpy as np

import keras_vae as kv

ROWS = 24


def vectors(rows=ROWS, width=6, seed=0):
    """Data in [0, 1] with something to learn: noisy copies of two patterns."""
    rng = np.random.default_rng(seed)
    patterns = rng.random((2, width)) > 0.5
    data = np.where(rng.random((rows, width)) < 0.1, 0.5, patterns[rng.integers(0, 2, rows)])
    return data.astype("float32")


def one_hot(rows=ROWS, classes=3):
    return np.eye(classes, dtype="float32")[np.arange(rows) % classes]


def small_vae(data_shape=(6,), latent_dim=2, **kwargs):
    """An MLP VAE with 8 hidden units and fixed noise."""
    options = {
        "encoder": kv.encoders.MLP((8,)),
        "decoder": kv.decoders.MLP((8,)),
        "seed": 0,
        **kwargs,
    }
    return kv.VAE(data_shape, latent_dim, **options)


def compiled(vae, optimizer="adam", **kwargs):
    vae.compile(optimizer, **kwargs)
    return vae


class Batches(keras.utils.PyDataset):
    """The batches that it is given, in order."""

    def __init__(self, *batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]
