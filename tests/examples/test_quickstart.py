"""The quickstart on a small budget, by every way to name the data."""

import importlib.util
import pathlib

import keras
import numpy as np
import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


def load_example(name):
    spec = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)  # as for a program: what stands beside it can be imported
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def quickstart():
    pytest.importorskip("matplotlib")
    return load_example("quickstart")


def test_digits(quickstart, tmp_path, capsys, digits):
    elbo = quickstart.main(["--epochs", "1", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert f"Held-out ELBO: {elbo:.2f} nats" in printed
    assert -45 < elbo < -20
    for name in ("samples.png", "history.png", "model.keras"):
        assert (tmp_path / name).stat().st_size > 1000
        assert str(tmp_path / name) in printed
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert model.predict(digits[:2]).shape == (2, 8, 8, 1)


def test_npz_file_in_colour(quickstart, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 6, 5, 3), dtype="uint8")
    np.savez(tmp_path / "mine.npz", labels=np.arange(40), images=images)
    quickstart.main(["--data", str(tmp_path / "mine.npz"), "--epochs", "1", "--out", str(tmp_path / "out")])
    assert (tmp_path / "out" / "samples.png").is_file()


def test_npz_file_with_its_own_split(quickstart, tmp_path):
    np.savez(tmp_path / "a.npz", x_train=np.full((9, 4, 4), 255, "uint8"), x_test=np.zeros((5, 4, 4), "uint8"))
    train, held_out = quickstart.load_images(str(tmp_path / "a.npz"))
    assert train.shape == (9, 4, 4, 1)
    assert held_out.shape == (5, 4, 4, 1)
    assert train.max() == 1.0


def test_leaves_out_what_does_not_fit_into_a_minute(quickstart, monkeypatch, capsys):
    monkeypatch.setattr(quickstart, "WORK", 160)
    train, held_out = quickstart.limit(np.zeros((20, 4, 4, 1)), np.zeros((3, 4, 4, 1)))
    assert (len(train), len(held_out)) == (10, 3)
    assert capsys.readouterr().out == "Using the first 10 of 20 training images.\n"


@pytest.mark.on_torch
def test_data_that_cannot_be_downloaded(quickstart, monkeypatch):
    def load_data():
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
    with pytest.raises(SystemExit, match=r"(?s)neither in Keras' cache.*URL fetch failure.*--data digits") as stopped:
        quickstart.main(["--data", "mnist"])
    assert stopped.value.code != 0


@pytest.mark.on_torch
@pytest.mark.parametrize(
    ("arrays", "words"),
    [(None, "There is no file"), ({"rows": np.zeros((4, 3))}, r"holds no array of images .*\(4, 3\)")],
    ids=["missing", "no images"],
)
def test_bad_file(quickstart, tmp_path, arrays, words):
    path = tmp_path / "bad.npz"
    if arrays is not None:
        np.savez(path, **arrays)
    with pytest.raises(SystemExit, match=words):
        quickstart.main(["--data", str(path)])


@pytest.mark.on_torch
def test_fashion_mnist_from_a_cache(quickstart, monkeypatch):
    images = np.arange(2 * 28 * 28, dtype="uint8").reshape(2, 28, 28)
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", lambda: ((images, None), (images, None)))
    train, held_out = quickstart.load_images("fashion_mnist")
    assert train.shape == held_out.shape == (2, 28, 28, 1)
    assert train.max() == 1.0
