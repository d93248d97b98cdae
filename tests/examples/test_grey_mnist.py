"""The example of MNIST with its grey levels, on rows made up here and a small budget."""

import numpy as np
import pytest

from tests.examples.test_quickstart import load_example

SMALL = ["--epochs", "1", "--hidden-units", "8", "--latent-dim", "2", "--samples", "1"]


@pytest.mark.on_torch
@pytest.mark.parametrize("likelihood", ["beta_binomial", "discretized_logistic"])
def test_prints_bits_per_dimension(tmp_path, capsys, likelihood):
    levels = np.random.default_rng(0).integers(0, 256, (64, 28, 28), dtype="uint8")
    np.savez(tmp_path / "mnist.npz", x_train=levels, x_test=levels)
    arguments = ["--data", str(tmp_path / "mnist.npz"), "--likelihood", likelihood, *SMALL]
    bits = load_example("grey_mnist").main(arguments)
    assert f"{bits:.4f} bits per dimension" in capsys.readouterr().out
    # Levels that are all equally likely cannot be told in fewer than 8 bits.
    assert 8.0 < bits < 11.0


@pytest.mark.on_torch
def test_says_what_the_file_must_hold(tmp_path):
    example = load_example("grey_mnist")
    with pytest.raises(SystemExit, match="there is no file"):
        example.main(["--data", str(tmp_path / "none.npz")])
    np.savez(tmp_path / "other.npz", train=np.zeros((4, 10)))
    with pytest.raises(SystemExit, match="x_train"):
        example.main(["--data", str(tmp_path / "other.npz")])
