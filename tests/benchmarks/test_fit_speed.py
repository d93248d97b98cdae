"""The benchmark runs, and what it compares are three trainings of one model."""

import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.benchmarks import fit_speed


@pytest.mark.parametrize("name", sorted(fit_speed.MODELS))
def test_contestants_have_equally_many_weights(name):
    data_shape, networks, parts = fit_speed.MODELS[name]
    by_hand = fit_speed.HandBuilt(*networks())
    by_hand.build((None, *data_shape))
    vae = kv.VAE(data_shape=data_shape, latent_dim=fit_speed.LATENT_DIM, **parts())
    shapes = [sorted(tuple(weight.shape) for weight in model.trainable_weights) for model in (by_hand, vae)]
    assert shapes[0] == shapes[1]


def test_hand_written_loop_learns():
    data_shape, networks, _ = fit_speed.MODELS["mlp"]
    loop = fit_speed.Loop(fit_speed.HandBuilt(*networks()), data_shape)
    data = np.tile(np.linspace(0, 1, 784, dtype="float32"), (8, 1))
    losses = [float(ops.convert_to_numpy(loop.step(data))) for _ in range(30)]
    assert losses[-1] < 0.9 * losses[0]


def test_prints_a_row(capsys):
    fit_speed.main(["--models", "mlp", "--steps", "2", "--rounds", "1"])
    row = capsys.readouterr().out.splitlines()[-1]
    assert [cell.strip() for cell in row.split("|")][2] == "mlp"
    assert row.count("|") == 8
