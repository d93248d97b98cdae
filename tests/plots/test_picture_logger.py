"""The pictures that are written while a model is trained, and that the training does not notice."""

import pathlib
import sys

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.callbacks.image_events import ImageEvents
from tests.plots.models import IMAGE, data, one_hot, tiny

plt.switch_backend("agg")


def train(vae, x, *callbacks, epochs=2):
    vae.compile("sgd")
    return vae.fit(x, batch_size=6, epochs=epochs, verbose=0, callbacks=list(callbacks))


def names_in(folder):
    return sorted(str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*") if path.is_file())


def tiny_after(epochs):
    """A model of its own after so many epochs of the same training."""
    keras.utils.set_random_seed(0)
    vae = tiny()
    train(vae, data(), epochs=epochs)
    return vae


@pytest.mark.eager
def test_files_of_every_second_epoch_show_the_weights_of_their_epoch(tmp_path):
    """On JAX the weights are outside of the model while it is trained."""
    seen = {}

    def watch(vae):
        seen[len(seen)] = vae.generate(3, seed=0)
        return kv.plots.samples(vae, 3)

    keras.utils.set_random_seed(0)
    vae = tiny()
    logger = kv.callbacks.PictureLogger(tmp_path, pictures={"three": watch}, every=2)
    train(vae, data(), logger, epochs=5)
    assert names_in(tmp_path) == ["three_0002.png", "three_0004.png"]
    assert np.abs(seen[0] - seen[1]).max() > 0
    assert plt.get_fignums() == []
    np.testing.assert_array_equal(seen[1], tiny_after(4).generate(3, seed=0))
    assert plt.imread(tmp_path / "three_0004.png").ndim == 3


@pytest.mark.eager
def test_the_training_is_the_same_with_pictures(tmp_path):
    def trained(*callbacks):
        keras.utils.set_random_seed(0)
        vae = tiny(encoder=kv.encoders.MLP((8,), dropout=0.3))
        return train(vae, data(), *callbacks), vae

    logger = kv.callbacks.PictureLogger(tmp_path, data(seed=1))
    (plain, vae), (logged, other) = trained(), trained(logger)
    assert plain.history == logged.history
    for one, two in zip(vae.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert names_in(tmp_path) == [
        f"{name}_000{epoch}.png" for name in ("reconstructions", "samples") for epoch in (1, 2)
    ]


@pytest.mark.eager
def test_every_picture_by_its_name_under_conditions(tmp_path):
    vae = tiny(latent_dim=2, condition_shape=(), condition_encoder=one_hot(3))
    x = [data(), np.arange(12) % 3]
    names = ("samples", "latent_grid", "traversals", "reconstructions", "interpolation", "latents", "kl_per_dimension")
    logger = kv.callbacks.PictureLogger(f"{tmp_path}/{{epoch:02d}}/{{picture}}.svg", x, names, width=5.0)
    train(vae, x, logger, epochs=1)
    assert names_in(tmp_path) == sorted(f"01/{name}.svg" for name in names)
    assert 'width="360pt"' in (tmp_path / "01" / "latents.svg").read_text()  # five inches
    with pytest.raises(ValueError, match=r"Argument `x`: the model has conditions"):
        train(vae, x, kv.callbacks.PictureLogger(tmp_path))


@pytest.mark.eager
def test_tables_and_series(tmp_path):
    for shape in ((4,), (5, 2)):
        vae = tiny(shape, likelihood="gaussian")
        train(vae, data(shape), kv.callbacks.PictureLogger(tmp_path / str(len(shape)), data(shape)), epochs=1)
    assert len(names_in(tmp_path)) == 4


@pytest.mark.on_torch
def test_event_files_hold_the_pictures(tmp_path):
    tf = pytest.importorskip("tensorflow")
    train(tiny(), data(), kv.callbacks.PictureLogger(tmp_path / "files", tensorboard=tmp_path / "events"))
    (file,) = (tmp_path / "events").iterdir()
    found = {}
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            if value.HasField("image"):  # as torch's writer does, which comes first beside other backends
                image = value.image
                found[value.tag, event.step] = image.width, image.height, image.encoded_image_string
            else:
                assert value.metadata.plugin_data.plugin_name == "images"
                found[value.tag, event.step] = value.tensor.string_val
    assert list(found) == [("samples", 1), ("samples", 2)]
    width, height, png = found["samples", 2]
    (tmp_path / "again.png").write_bytes(png)
    image = plt.imread(tmp_path / "again.png")
    assert image.shape[:2] == (int(height), int(width))
    np.testing.assert_array_equal(image[..., :3], plt.imread(tmp_path / "files" / "samples_0002.png")[..., :3])


@pytest.mark.on_torch
def test_what_event_files_need_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"pip install tensorflow.*pip install torch tensorboard"):
        ImageEvents(str(tmp_path))


@pytest.mark.on_torch
def test_without_tensorflow_torch_writes(tmp_path, monkeypatch):
    """Its writer is replaced by one that keeps what it gets."""
    kept = []

    class Writer:
        def __init__(self, folder):
            kept.append(folder)

        def add_image(self, name, image, step, dataformats):
            kept.append((name, image.shape, step, dataformats))

        def flush(self): ...
        def close(self): ...

    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", type("Module", (), {"SummaryWriter": Writer}))
    plt.imsave(tmp_path / "a.png", np.zeros((3, 4, 3)))
    ImageEvents("logs").write("a", (tmp_path / "a.png").read_bytes(), 7)
    assert kept == ["logs", ("a", (3, 4, 3), 7, "HWC")]


@pytest.mark.on_torch
def test_other_processes_write_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_vae.callbacks.picture_logger.is_first_process", lambda model: False)
    train(tiny(), data(), kv.callbacks.PictureLogger(tmp_path, tensorboard=tmp_path), epochs=1)
    assert names_in(tmp_path) == []
    monkeypatch.setattr("keras_vae.callbacks.picture_logger.shares_arrays", lambda: True)
    with pytest.raises(RuntimeError, match="on JAX does not run in several processes"):
        train(tiny(), data(), kv.callbacks.PictureLogger(tmp_path), epochs=1)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="processes of torch")
def test_process_of_torch(monkeypatch):
    import torch.distributed as distributed

    from keras_vae.backend import is_first_process

    assert is_first_process(None)
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "get_rank", lambda rank=rank: rank)
        assert is_first_process(None) is (rank == 0)


@pytest.mark.on_torch
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "`path` and `tensorboard`: expected .*Received: neither"),
        ({"path": "a", "pictures": ("loss",)}, r"`pictures` must hold names of .*Received: \('loss',\)"),
        ({"path": "a", "pictures": {"a": 1}}, "dict from names to functions"),
        ({"path": "a", "pictures": "latents"}, r"pictures \['latents'\] are of data"),
        ({"path": "a_{step}.png"}, "a pattern may have {epoch} and {picture}"),
        ({"path": "a_{epoch}.png", "x": np.zeros((2, *IMAGE))}, "each picture needs a file of its own"),
        ({"path": "a", "every": 0}, "`every` must be an int >= 1"),
    ],
)
def test_refusals(arguments, words):
    with pytest.raises(ValueError, match=words):
        kv.callbacks.PictureLogger(**arguments)
