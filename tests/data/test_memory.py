"""Data that are checked, and that components adapt to, without being whole in memory."""

import tracemalloc

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.models.adaptation import adapt_components
from tests.models.small import compiled

MEGABYTES = 64


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "x.npy"
    x = np.lib.format.open_memmap(path, "w+", "float32", (MEGABYTES * 2**8, 1024))
    x[:] = np.linspace(0.1, 0.9, 1024, dtype="float32")
    x[::2] += 0.05
    x.flush()
    return path


@pytest.mark.on_torch
@pytest.mark.parametrize("form", ["memmap", "hdf5"])
@pytest.mark.parametrize("likelihood", ["gaussian", "beta", "bernoulli"])
def test_checks_and_adapt_read_files_in_parts(likelihood, form, on_disk, tmp_path):
    x = np.load(on_disk, mmap_mode="r")
    if form == "hdf5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file["x"] = x
        x = h5py.File(tmp_path / "x.h5")["x"]
    vae = compiled(
        kv.VAE((1024,), 1, likelihood=likelihood, encoder=kv.encoders.MLP((2,)), decoder=kv.decoders.MLP((2,)))
    )
    tracemalloc.start()
    adapt_components(vae, *vae.checks.check_fit(x, None, None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.6 * MEGABYTES * 2**20
    if likelihood == "gaussian":
        expected = np.std(np.linspace(0.1, 0.9, 1024) + 0.025) ** 2 + 0.025**2
        assert vae.likelihood.current_scale() == pytest.approx(np.sqrt(expected), rel=1e-3)


@pytest.mark.on_torch
def test_larger_data_are_sampled_all_over(monkeypatch):
    monkeypatch.setattr("keras_vae.models.adaptation.NUMBERS_OF_ARRAYS", 4000)
    x = np.repeat([0.0, 10.0], 5000)[:, None] * np.ones((1, 2), "float32")  # sorted by class
    vae = compiled(kv.VAE((2,), 1, likelihood="gaussian", prior=kv.priors.VampPrior(4, seed=0)))
    adapt_components(vae, x.astype("float32"))
    assert vae.likelihood.current_scale() == pytest.approx(5.0, rel=0.02)


@pytest.mark.on_torch
@pytest.mark.refusals
def test_values_are_found_in_any_part(monkeypatch):
    monkeypatch.setattr("keras_vae.data.chunks.CHUNK_NUMBERS", 8)
    vae = kv.VAE((4,), 1, likelihood="beta")
    for value, message in (
        (np.nan, r"Received: nan at index \(7, 2\), 2 such"),
        (1.5, r"Received: 1.5 at index \(7, 2\)"),
    ):
        x = np.full((11, 4), 0.5, "float32")
        x[7, 2] = x[9, 0] = value
        with pytest.raises(ValueError, match=message):
            vae.checks.check_data(x)
    tokens = np.ones((11, 4), "int32")
    tokens[6] = 0
    sequences = kv.VAE((4,), 1, likelihood=kv.likelihoods.Categorical(3, padding=0), encoder="mlp", decoder="mlp")
    with pytest.raises(ValueError, match="row 6 has no valid step, 1 such"):
        sequences.checks.check_data(tokens)
