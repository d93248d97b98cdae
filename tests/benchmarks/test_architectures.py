"""The comparison of image networks runs, and gives every model the same to learn from."""

import numpy as np
import pytest

from tests.benchmarks import architectures


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "images.npz"
    np.savez(path, **{name: rng.integers(0, 256, (10, 8, 8), dtype="uint8") for name in ("x_train", "x_test")})
    return path


@pytest.mark.parametrize("name", architectures.ARCHITECTURES)
def test_every_architecture_fits_images_of_odd_size(name):
    vae = architectures.make_model(name, (9, 7, 3), "discretized_logistic")
    assert vae.count_params() > 0


def test_prints_a_row_for_each(images, capsys):
    options = "--architectures mlp gated_mlp --steps 2 --rounds 2 --batch-size 5 --held-out 4"
    elbos = architectures.main(["--data", str(images), *options.split(), "--likelihood", "discretized_logistic"])
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines()[-2:]]
    assert [row[1].strip() for row in rows] == ["mlp", "gated_mlp"]
    for row, elbo in zip(rows, elbos.values(), strict=True):
        assert float(row[3]) > 0
        assert float(row[5]) == pytest.approx(-elbo / 64 / np.log(2), abs=1e-3)
        assert 6 < float(row[5]) < 14


def test_all_train_on_the_same_batches():
    seen = {}

    class Recorder:
        def __init__(self, name):
            self.name = name

        def fit(self, x, callbacks, **kwargs):
            callbacks[0].seconds = [0.5]
            seen.setdefault(self.name, []).append(x[:, 0].tolist())

    train = np.arange(10)[:, None]
    speeds = architectures.train_in_turns({"a": Recorder("a"), "b": Recorder("b")}, train, 6, 3, 2)
    assert seen["a"] == seen["b"] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]]
    assert speeds == {"a": [4.0, 4.0], "b": [4.0, 4.0]}
