"""`python -m keras_vae compress` and `decompress`, on files of several arrays."""

import zipfile

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.__main__ import main
from keras_vae.compression import compress_npz, decompress_npz


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    kv.VAE((4, 3, 1), 2, encoder="mlp", decoder="mlp").save(tmp_path / "model.keras")
    arrays = {
        "images": rng.integers(0, 2, (20, 4, 3)).astype("uint8"),
        "labels": rng.integers(0, 9, 20),
        "more": rng.integers(0, 2, (5, 4, 3, 1)).astype("bool"),
        "names": np.array(["a", "bc"]),
        "number": np.float64(2.5),
        "shares": rng.random((20, 4, 3)),
    }
    np.savez(tmp_path / "data.npz", **arrays)
    return tmp_path, arrays


def run(folder, command, name, *options):
    return main([command, str(folder / name), "--model", str(folder / "model.keras"), *options])


def test_names_types_and_shapes_come_back(folder, capsys):
    path, arrays = folder
    assert run(path, "compress", "data.npz", "--check") == 0
    said = capsys.readouterr().out
    assert "images: 20 rows" in said
    assert "labels: stored with lzma" in said
    assert "since the model cannot code it. The array 'shares'" in said
    assert "decoded again" in said
    assert run(path, "decompress", "data.kvc", "--out", str(path / "copy.npz")) == 0
    with np.load(path / "copy.npz") as copy:
        assert copy.files == list(arrays)
        for name, array in arrays.items():
            assert copy[name].dtype == array.dtype
            assert copy[name].shape == array.shape
            assert copy[name].tobytes() == array.tobytes()


def test_an_array_may_have_the_name_of_an_argument_of_numpy(tmp_path):
    vae = kv.VAE((3,), 2, encoder="mlp", decoder="mlp")
    arrays = {"file": np.ones((4, 3), "uint8"), "allow_pickle": np.arange(3)}
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array)
    compress_npz(vae, tmp_path / "a.npz", tmp_path / "a.kvc")
    decompress_npz(vae, tmp_path / "a.kvc", tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz") as copy:
        assert {name: copy[name].tolist() for name in copy.files} == {k: v.tolist() for k, v in arrays.items()}
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("read.me", "text")
    with pytest.raises(ValueError, match=r"'read\.me' is no array"):
        compress_npz(vae, tmp_path / "a.npz", tmp_path / "a.kvc")


@pytest.mark.on_torch
def test_errors_are_words_and_a_status(folder, capsys):
    path, _ = folder

    def error(*arguments):
        before = sorted(path.iterdir())
        assert run(path, *arguments) == 1
        assert sorted(path.iterdir()) == before
        return capsys.readouterr().err

    assert "There is no such file" in error("compress", "none.npz")
    (path / "text.npz").write_text("nothing")
    assert "must be an .npz file" in error("compress", "text.npz")
    np.savez(path / "other.npz", y=np.zeros(3))
    assert "no array fits the model" in error("compress", "other.npz")
    np.savez(path / "grey.npz", x=np.full((3, 4, 3), 0.5))
    assert "The array 'x'" in error("compress", "grey.npz")
    np.savez(path / "objects.npz", x=np.array([None]))
    assert "must be an .npz file" in error("compress", "objects.npz")
    assert "does not begin as one" in error("decompress", "data.npz", "--out", str(path / "new.npz"))
    assert "--force overwrites" in error("decompress", "data.npz")
    assert main(["compress", str(path / "data.npz"), "--model", str(path / "no.keras")]) == 1
    assert "There is no such model" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["compress", str(path / "data.npz")])
    assert caught.value.code == 2


@pytest.mark.on_torch
def test_the_list_of_components_is_as_before(capsys):
    assert main(["--family", "latents"]) == 0
    assert "hierarchical" in capsys.readouterr().out
