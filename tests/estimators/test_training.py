"""The training that estimators share."""

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.estimators import train

OPTIONS = {"steps": 120, "batch_size": 16, "patience": 50, "validation_fraction": 0.2}


def small_vae():
    return kv.VAE(data_shape=(2,), latent_dim=1, encoder="mlp", decoder="mlp", likelihood="gaussian", seed=0)


@pytest.mark.parametrize("rows", [7, 60])
def test_few_rows_are_repeated_until_an_epoch_has_fifty_steps(rows):
    x = np.random.default_rng(0).normal(size=(rows, 2)).astype("float32")
    vae = small_vae()
    history = train(vae, x, generator=np.random.default_rng(0), **OPTIONS)
    assert len(history["loss"]) == 3
    assert 150 <= int(vae.optimizer.iterations) <= 165
    assert ("val_loss" in history) == (rows == 60)
