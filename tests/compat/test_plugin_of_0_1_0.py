"""A plugin written for version 0.1, as it was tagged, goes on working, and only deprecations are said of it."""

import importlib
import pathlib
import sys
import warnings

import keras
import numpy as np
import pytest

import keras_vae as kv

PLUGIN = pathlib.Path(__file__).parent / "plugin_of_0_1_0"
X = np.random.default_rng(0).standard_normal((48, 6)).astype("float32")
PARTS = {
    "encoder": ("encoder", "Fourier"),
    "posterior": ("posterior", "Isotropic"),
    "prior": ("prior", "Logistic"),
    "decoder": ("decoder", "Siren"),
    "likelihood": ("likelihood", "Logistic"),
    "objective": ("objective", "IWAEBound"),
}


@pytest.fixture(scope="module")
def plugin():
    """The classes of the plugin, under names that its entry points would give them, and what was said at import."""
    sys.path.insert(0, str(PLUGIN))
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            modules = {name: importlib.import_module(f"vae_logistic.{file}") for name, (file, _) in PARTS.items()}
        classes = {}
        for name, module in modules.items():
            family = getattr(kv.registry, f"{name}s")
            (cls,) = [
                value
                for value in vars(module).values()
                if isinstance(value, type)
                and value.__module__ == module.__name__
                and issubclass(value, family.contract_class)
            ]
            if keras.saving.get_registered_object(f"vae_logistic.{name}s>{cls.__name__}") is None:
                keras.saving.register_keras_serializable(f"vae_logistic.{name}s")(cls)
            classes[name] = cls
        yield classes, said
    finally:
        sys.path.remove(str(PLUGIN))


def test_importing_it_deprecates(plugin):
    _, said = plugin
    kinds = {warning.category for warning in said if "keras_vae" in str(warning.message)}
    assert kinds == {DeprecationWarning}
    assert any("sample" in str(warning.message) for warning in said)


def test_it_trains_saves_and_loads(plugin, tmp_path):
    classes, _ = plugin
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        vae = kv.VAE((6,), 2, seed=0, **{name: cls() for name, cls in classes.items()})
        vae.compile(keras.optimizers.Adam(0.01))
        history = vae.fit(X, epochs=4, batch_size=16, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.elbo(X, seed=1), vae.elbo(X, seed=1), rtol=1e-4)
    assert vae.generate(3, temperature=0.5).shape == (3, 6)
    assert vae.log_likelihood(X[:4], num_samples=20).shape == (4,)
