"""The benchmark of disentanglement trains what it says, and prints a table."""

import keras
import numpy as np
import pytest

from tests.benchmarks import disentanglement


def test_squares_are_where_their_factors_say():
    images, factors = disentanglement.squares()
    assert (images.shape, factors.shape) == ((192, 16, 16, 1), (192, 3))
    for image, (scale, x, y) in zip(images[::17, :, :, 0], factors[::17], strict=True):
        rows, columns = np.nonzero(image)
        assert (rows.min(), columns.min(), len(rows)) == (y, x, (3 + 2 * scale) ** 2)


@pytest.mark.on_torch
def test_dsprites_are_a_grid(shared_data):
    images, factors = disentanglement.load(shared_data("dsprites_grid46080.npz"))
    assert (images.shape, images.max()) == ((46080, 64, 64, 1), 1)
    assert np.prod(factors.max(axis=0) + 1) == len(np.unique(factors, axis=0)) == 46080


@pytest.mark.eager
def test_a_table_of_means_over_seeds(capsys):
    given = ["--data", "squares", "--seeds", "0", "1", "--steps", "4", "--batch-size", "16", "--rows", "60"]
    table = disentanglement.main([*given, "--latent-dim", "2", "--steps-per-execution", "1", "--objectives", "beta_4"])
    assert set(table) == {"beta_4"}
    assert {"mig", "sap", "dci_disentanglement", "irs", "KL", "ELBO"} <= set(table["beta_4"])
    assert table["beta_4"]["KL"][0] != table["beta_4"]["KL"][1]
    mean = table["beta_4"]["KL"].mean()
    row = capsys.readouterr().out.strip().splitlines()[-1]
    assert row.startswith("| beta_4 |")
    assert f"{mean:.3f} ±" in row


def test_the_number_of_steps():
    images, _ = disentanglement.squares()

    class Options:
        latent_dim, batch_size, learning_rate, steps_per_execution = 2, 64, 1e-3, 1
        steps = 4  # an epoch of three, and one

    vae, _ = disentanglement.train("elbo", "mlp", images, Options, 0)
    assert int(keras.ops.convert_to_numpy(vae.optimizer.iterations)) == 4
