"""The conditional example on a small budget."""

import keras
import numpy as np
import pytest

from tests.examples.test_quickstart import load_example


@pytest.fixture(scope="module")
def example():
    pytest.importorskip("matplotlib")
    return load_example("conditional_digits")


def test_one_row_a_class(example, tmp_path, capsys):
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = (80 * labels[:, None, None] + generator.integers(0, 40, (60, 8, 8))).astype("uint8")
    np.savez(tmp_path / "mine.npz", x_train=images, y_train=labels)
    elbo = example.main(["--data", str(tmp_path / "mine.npz"), "--epochs", "1", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "Training on 54 images of shape (8, 8, 1) in 3 classes, epochs: 1." in printed
    assert f"Held-out ELBO given the label: {elbo:.2f} nats" in printed
    assert -60 < elbo < -20
    assert (tmp_path / "samples.png").stat().st_size > 1000
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert model.generate(condition=np.array([0, 2])).shape == (2, 8, 8, 1)


@pytest.mark.on_torch
def test_digits_and_the_split_of_a_file(example, tmp_path):
    (train, train_labels), (held_out, held_out_labels) = example.load("digits")
    assert (len(train), len(held_out)) == (1618, 179)
    assert train.shape[1:] == (8, 8, 1)
    assert train.max() == held_out.max() == 1.0
    assert sorted(set(train_labels)) == sorted(set(held_out_labels)) == list(range(10))
    np.savez(
        tmp_path / "split.npz",
        x_train=np.full((9, 4, 4, 3), 255, "uint8"),
        y_train=np.zeros((9, 1), "int64"),
        x_test=np.zeros((5, 4, 4, 3), "uint8"),
        y_test=np.ones((5, 1), "int64"),
    )
    (train, train_labels), (held_out, held_out_labels) = example.load(str(tmp_path / "split.npz"))
    assert (train.shape, train.max(), train_labels.shape) == ((9, 4, 4, 3), 1.0, (9,))
    assert (held_out.shape, list(held_out_labels)) == ((5, 4, 4, 3), [1] * 5)


@pytest.mark.on_torch
@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (None, "There is no file"),
        ({"x_train": np.zeros((4, 3, 3))}, "must hold x_train and y_train"),
        ({"x_train": np.zeros((4, 3, 3)), "y_train": np.zeros(4)}, "4 whole numbers from 0. It is float64"),
    ],
    ids=["missing", "no labels", "no whole numbers"],
)
def test_bad_file(example, tmp_path, arrays, words):
    path = tmp_path / "bad.npz"
    if arrays is not None:
        np.savez(path, **arrays)
    with pytest.raises(SystemExit, match=words):
        example.main(["--data", str(path)])
