"""The static MNIST example, on rows made up here and a small budget."""

import numpy as np
import pytest

from tests.examples.test_quickstart import load_example

SMALL = ["--epochs", "1", "--hidden-units", "8", "--latent-dim", "2", "--samples", "1"]


@pytest.mark.on_torch
def test_prints_the_elbo(tmp_path, capsys):
    bits = np.random.default_rng(0).integers(0, 2, (64, 784), dtype="uint8")
    np.savez(tmp_path / "packed.npz", train=np.packbits(bits, axis=-1), test=bits)
    elbo = load_example("static_mnist").main(["--data", str(tmp_path / "packed.npz"), *SMALL])
    assert f"test ELBO {elbo:.2f} nats" in capsys.readouterr().out
    # Coin flips cannot be compressed below log 2 each.
    assert -800 < elbo < -784 * np.log(2) + 1


@pytest.mark.on_torch
def test_says_what_the_file_must_hold(tmp_path):
    example = load_example("static_mnist")
    with pytest.raises(SystemExit, match="there is no file"):
        example.main(["--data", str(tmp_path / "none.npz")])
    np.savez(tmp_path / "other.npz", train=np.zeros((4, 10)), test=np.zeros((4, 10)))
    with pytest.raises(SystemExit, match="must have 784 columns"):
        example.main(["--data", str(tmp_path / "other.npz")])
