"""Samplers are saved with the weights that they were fitted to."""

import json

import h5py
import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

pytestmark = pytest.mark.eager

X = vectors(60)
SMALL = {
    "mixture": lambda: kv.samplers.Mixture(3),
    "manifold": kv.samplers.Manifold,
    "aggregated": kv.samplers.Aggregated,
    "flow": lambda: kv.samplers.Flow(2, (4,), epochs=2),
    "two_stage": lambda: kv.samplers.TwoStage((4,), epochs=2),
}


def with_samplers(names=("mixture",), **options):
    vae = compiled(small_vae(**options))
    vae.fit(X, verbose=0)
    for name in names:
        vae.fit_sampler(SMALL[name](), X, name=name, seed=0)
    return vae


def draws(vae):
    return {name: vae.generate(5, sampler=name, seed=3) for name in vae.samplers}


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6)


def test_files_hold_every_sampler(tmp_path):
    vae = with_samplers(SMALL)
    expected = draws(vae)
    vae.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert_same(draws(again), expected)
    assert again.samplers["flow"].get_config() == vae.samplers["flow"].get_config()
    again.fit(X, verbose=0)  # the optimizer was restored, and sees the model's own weights only
    again.save(tmp_path / "again.keras")
    assert all(sampler.stale for sampler in keras.saving.load_model(tmp_path / "again.keras").samplers.values())


def test_weights_bring_their_samplers(tmp_path):
    vae, other = with_samplers(["mixture", "aggregated"]), with_samplers(["manifold"])
    vae.save_weights(tmp_path / "with.weights.h5")
    other.load_weights(tmp_path / "with.weights.h5")
    assert_same(draws(other), draws(vae))
    small_vae().save_weights(tmp_path / "without.weights.h5")
    other.load_weights(tmp_path / "without.weights.h5")
    assert not other.samplers  # they were fitted to the weights before


@pytest.mark.on_torch
def test_labels_and_levels_are_restored(tmp_path):
    options = {"condition_shape": (), "condition_encoder": keras.layers.Embedding(2, 2)}
    vae = small_vae(latent_dim=(3, 2), latents="hierarchical", **options)
    vae.fit_sampler("aggregated", [X, np.arange(60) % 2], seed=0)
    vae.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    labels = np.array([1, 0, 1])
    expected = vae.generate(condition=labels, sampler="aggregated", seed=0)
    np.testing.assert_allclose(again.generate(condition=labels, sampler="aggregated", seed=0), expected, atol=1e-6)


@pytest.mark.on_torch
def test_clones_have_new_weights_and_no_samplers():
    clone = keras.models.clone_model(with_samplers(["mixture"]))
    assert clone.samplers == {}
    clone.fit_sampler("mixture", X)


@pytest.mark.on_torch
def test_deleted_samplers_are_gone(tmp_path):
    vae = with_samplers(["mixture", "manifold"])
    del vae.samplers["mixture"]
    vae.save(tmp_path / "model.keras")
    assert list(keras.saving.load_model(tmp_path / "model.keras").samplers) == ["manifold"]


@pytest.mark.on_torch
def test_without_the_sampler_of_a_plugin_the_model_loads(tmp_path):
    vae = with_samplers(["mixture", "manifold"])
    vae.save_weights(tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "model.weights.h5", "r+") as file:
        listed = json.loads(np.asarray(file["vars/samplers"]).tobytes().decode())
        listed[0]["sampler"]["registered_name"] = listed[0]["sampler"]["class_name"] = "their_package.samplers>Other"
        listed[0]["sampler"]["module"] = "their_package.samplers"
        listed[0]["distribution"] = "their-package"
        del file["vars/samplers"]
        file["vars/samplers"] = np.frombuffer(json.dumps(listed).encode(), dtype="uint8")
    other = small_vae()
    with pytest.warns(UserWarning, match="'mixture' of this file could not be restored.*their-package"):
        other.load_weights(tmp_path / "model.weights.h5")
    assert list(other.samplers) == ["manifold"]
    np.testing.assert_allclose(other.predict(X), vae.predict(X), atol=1e-6)


@pytest.mark.on_torch
def test_an_unregistered_sampler_is_used_and_not_saved(tmp_path):
    class Unregistered(kv.samplers.Mixture):
        pass

    vae = small_vae()
    with pytest.raises(ValueError, match="`name` must be given, since Unregistered is not registered"):
        vae.fit_sampler(Unregistered(2), X)
    vae.fit_sampler(Unregistered(2), X, name="own")
    assert vae.generate(2, sampler="own").shape == (2, 6)
    with pytest.raises(ValueError, match=r"samplers\.register"):
        vae.save(tmp_path / "model.keras")
