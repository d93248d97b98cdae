"""Files that earlier versions saved still load, and say the same."""

import pathlib

import keras
import numpy as np
import pytest

import keras_vae  # noqa: F401  (registers the classes)

FILES = sorted(pathlib.Path(__file__).parent.glob("*/*.keras"))


def test_there_are_files():
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_of_an_earlier_version(path):
    vae = keras.saving.load_model(path)
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as saved:
        data = [saved["x"], saved["condition"]] if "condition" in saved else saved["x"]
        z = vae.encode(data)
        for index, level in enumerate(z if isinstance(z, tuple) else (z,)):
            np.testing.assert_allclose(level, saved[f"z_{index}"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(vae.predict(data), saved["prediction"], rtol=1e-4, atol=1e-5)
    assert np.isfinite(vae.fit(data, epochs=1, verbose=0).history["loss"][0])
