"""The faces example in its smoke setting, and how it takes its data."""

import keras
import numpy as np
import pytest

from tests.examples.test_quickstart import load_example


@pytest.fixture(scope="module")
def faces():
    pytest.importorskip("matplotlib")
    return load_example("faces")


def test_drawn_faces(faces, tmp_path, capsys):
    bits = faces.main(["--smoke", "--out", str(tmp_path)])
    assert f"Held-out: {bits:.3f} bits per dimension" in capsys.readouterr().out
    assert 4 < bits < 9
    assert (tmp_path / "faces.png").stat().st_size > 5000
    model = keras.saving.load_model(tmp_path / "model.keras")
    samples = model.generate(2, seed=0)
    assert samples.shape == (2, 20, 16, 1)
    assert samples.min() >= 0
    assert samples.max() <= 255


@pytest.mark.on_torch
def test_drawn_faces_have_eyes(faces):
    """Darker where the eyes are than between them, and black outside of the head."""
    images = faces.draw_faces(64)
    assert images.dtype == "uint8"
    assert images[:, 7:9, 4:6].mean() < 0.8 * images[:, 7:9, 7:9].mean()
    assert images[:, 0, 0].max() == 0


@pytest.mark.on_torch
def test_colour_images_with_their_own_split(faces, tmp_path):
    rng = np.random.default_rng(0)
    splits = {"x_train": (20, 8, 8, 3), "x_test": (5, 8, 8, 3)}
    np.savez(
        tmp_path / "a.npz", y_train=np.arange(20), **{k: rng.integers(0, 256, v, "uint8") for k, v in splits.items()}
    )
    train, held_out = faces.load_images(tmp_path / "a.npz")
    assert (train.shape, held_out.shape) == ((20, 8, 8, 3), (5, 8, 8, 3))
    vae = faces.make_model((32, 32, 3), faces.read_options(["--prior", "vamp"]))
    assert vae.prior.components == 50
    assert vae.decoder.filters == (48, 24)


@pytest.mark.on_torch
def test_bad_file(faces, tmp_path):
    with pytest.raises(SystemExit, match="There is no file"):
        faces.main(["--data", str(tmp_path / "none.npz")])
    np.savez(tmp_path / "bad.npz", x=np.zeros((4, 3, 3), "float32"))
    with pytest.raises(SystemExit, match="holds no array of images"):
        faces.main(["--data", str(tmp_path / "bad.npz")])
